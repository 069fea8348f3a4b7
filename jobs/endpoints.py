"""The endpoints that jobs are sent to."""

from typing import Literal, NamedTuple

EndpointKind = Literal["chat", "messages", "search", "images"]


class Endpoint(NamedTuple):
    """One POST endpoint of the API.

    Args:
        path: what a job's `url` is.
        kind: which protocol it speaks.
        required: the fields that a body must have.
    """

    path: str
    kind: EndpointKind
    required: tuple[str, ...]


ENDPOINTS: dict[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/v1/chat/completions", "chat", ("model", "messages")),
        Endpoint("/v1/messages", "messages", ("model", "messages", "max_tokens")),
        Endpoint("/v1/search/completions", "search", ("model", "messages")),
        Endpoint("/v1/images/generations", "images", ("model", "prompt")),
    )
}
IMAGE_URLS = [url for url, endpoint in ENDPOINTS.items() if endpoint.kind == "images"]
