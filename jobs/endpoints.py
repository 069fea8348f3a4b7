"""The endpoints that take jobs, and what sets them apart from one another."""

from typing import Literal, NamedTuple

Kind = Literal["chat", "messages", "search", "images"]


class Endpoint(NamedTuple):
    """One POST endpoint of the API.

    `path` is what a job's `url` says; `required` are the fields without which a body is no job.
    """

    path: str
    kind: Kind
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
