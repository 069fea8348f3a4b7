"""The request around a synthetic prompt: endpoint, model, and fields that never change."""

from typing import Any, NamedTuple

import msgspec

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..files import BadLineError, build_job
from ..job import Job

# How a synthetic prompt becomes a reranking.
QUERY_PART = 20
DOCUMENTS = 10


class RequestTemplate(NamedTuple):
    """What all requests have in common.

    Args:
        url: the path of the endpoint.
        model: the model.
        stream: whether answers are streamed.
        extra: more fields of every body, such as `ignore_eos`.
    """

    url: str
    model: str
    stream: bool
    extra: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def check(self) -> "RequestTemplate":
        """Return itself. Raises InputError where no request can be made of it."""
        endpoint = ENDPOINTS.get(self.url)
        if endpoint is None:
            raise InputError(
                f"unknown url {self.url!r}; write one of {', '.join(ENDPOINTS)}, or send jobs of "
                "another one by --jobs and --any-endpoint"
            )
        if not self.model:
            raise InputError("no model; name one")
        if self.stream and endpoint.stream is None:
            raise InputError(f"{self.url} does not stream; write --no-stream")
        try:
            self.job(0, [{"role": "user", "content": ""}], output_tokens=1)
        except (BadLineError, TypeError) as error:
            raise InputError(f"no request can be made of these settings: {error}") from error
        return self

    def job(
        self,
        index: int,
        messages: list[dict[str, str]],
        *,
        output_tokens: int | None,
        metadata: dict[str, Any] | None = None,
    ) -> Job:
        """The job that sends `messages`; where the endpoint takes a prompt, it is the last."""
        body: dict[str, Any] = {"model": self.model}
        endpoint = ENDPOINTS[self.url]
        if endpoint.kind == "rerank":
            body |= _query_and_documents(messages[-1]["content"])
        else:
            body[endpoint.prompt] = messages if endpoint.talks else messages[-1]["content"]
        if endpoint.limits and output_tokens is not None:
            body[endpoint.limits[0]] = output_tokens
        if self.stream:
            body["stream"] = True
        return build_job(
            msgspec.json.encode(body | self.extra),
            url=self.url,
            custom_id=f"load-{index}",
            number=index + 1,
            metadata=None if metadata is None else msgspec.json.encode(metadata).decode(),
        )


def _query_and_documents(text: str) -> dict[str, Any]:
    """A prompt as a query, which is a twentieth of it, and documents of about one length."""
    found = text.split(" ")
    begin = max(1, len(found) // QUERY_PART)
    query, rest = found[:begin], found[begin:] or found
    size = -(-len(rest) // DOCUMENTS)
    documents = [" ".join(rest[at : at + size]) for at in range(0, len(rest), size)]
    return {"query": " ".join(query), "documents": documents}
