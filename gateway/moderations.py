"""Moderations: whether texts are to be flagged, by the seed. Free, and without usage."""

from typing import Annotated, Any

import msgspec

from .draws import SeededDraws, digest
from .params import Code
from .response import RequestContext, Response

DEFAULT_MODEL = "omni-moderation-latest"
# Names of the models that judge texts and make none.
MODELS = ("omni-moderation", "text-moderation")
CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening"),
    *("illicit", "illicit/violent", "self-harm", "self-harm/intent", "self-harm/instructions"),
    *("sexual", "sexual/minors", "violence", "violence/graphic"),
)
FLAGGED_FROM = 0.98  # of the scores


class ModerationPart(msgspec.Struct, frozen=True):
    """A part of an input: a text, or an image."""

    type: Code
    text: str = ""
    image_url: Any = None


class ModerationsParams(msgspec.Struct, frozen=True):
    """POST /v1/moderations: texts, each judged by itself, or the parts of one input."""

    input: str | Annotated[list[str | ModerationPart], msgspec.Meta(min_length=1)]
    model: Code = DEFAULT_MODEL


def moderations_response(params: ModerationsParams, context: RequestContext) -> Response:
    """A judgement for each text, or one for all parts."""
    given = params.input
    texts = [given] if isinstance(given, str) else [each for each in given if isinstance(each, str)]
    if not isinstance(given, str) and len(texts) < len(given):
        parts = [each if isinstance(each, str) else each.text for each in given]
        texts = ["\n".join(parts)]
    body = {
        "id": f"modr-{context.serial}",
        "model": params.model,
        "results": [_result(text, context.seed) for text in texts],
    }
    return Response(body=msgspec.json.encode(body))


def _result(text: str, seed: int) -> dict[str, Any]:
    draws = SeededDraws(digest(seed, b"moderation", text.encode("utf-8", "surrogatepass")))
    scores = {name: round(draws.uniform() ** 8, 6) for name in CATEGORIES}
    flags = {name: score >= FLAGGED_FROM for name, score in scores.items()}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }
