"""GET /v1/models: what is served, in a form that both protocols' clients read."""

from collections.abc import Sequence
from typing import Any

import msgspec

from .errors import ApiError

MODELS_PATH = "/v1/models"


def models_body(models: Sequence[str], path: str) -> bytes:
    """The list, or below its path one model. Raises ApiError 404 for one that is not served."""
    if path == MODELS_PATH:
        listed = [_model(model) for model in models]
        # The last three are of the Anthropic protocol.
        pages: dict[str, object] = {"has_more": False, "first_id": None, "last_id": None}
        if models:
            pages |= {"first_id": models[0], "last_id": models[-1]}
        return msgspec.json.encode({"object": "list", "data": listed, **pages})
    name = path.removeprefix(f"{MODELS_PATH}/")
    if name not in models:
        raise ApiError(404, f"Model {name} not found or offline.")
    return msgspec.json.encode(_model(name))


def _model(model: str) -> dict[str, Any]:
    """When a model was made is not known: both protocols' date is the epoch."""
    return {
        "id": model,
        "object": "model",
        "created": 0,
        "owned_by": "headrace",
        "type": "model",
        "display_name": model,
        "created_at": "1970-01-01T00:00:00Z",
    }
