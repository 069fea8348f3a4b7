"""The endpoints that jobs are sent to: one table, a line each.

Whatever depends on the endpoint asks here: what a body must have, where its question stands, how
its answer is read, whole and streamed, where its usage is, and what is billed. What a word of a
column means to the reading of answers is in `runner.answers`.
"""

from typing import Literal, NamedTuple

EndpointKind = Literal["chat", "messages", "search", "images"]
# What is billed: tokens of input and output; also a fee for each search; images.
PriceKind = Literal["tokens", "search", "images"]
# What comes where the body says `stream`: chunks up to `[DONE]`, named events up to message_stop.
StreamKind = Literal["chat", "messages"]
# Where the usage is: in OpenAI's names or in Anthropic's.
UsageKind = Literal["openai", "anthropic"]
# What a good answer must have in it.
SuccessKind = Literal["choices", "content", "images"]
# Which field of a body holds what is asked.
PromptField = Literal["messages", "prompt"]
KeyHeader = Literal["bearer", "x-api-key"]


class Endpoint(NamedTuple):
    """One POST endpoint of the API.

    Args:
        path: what a job's `url` is.
        kind: which protocol it speaks.
        required: the fields that a body must have.
        prompt: the field of a body that holds what is asked.
        price: what is billed.
        usage: how its answers tell their usage.
        success: what an answer has, if it is one.
        stream: what a stream of it is; None where it doesn't stream.
        limits: the fields of a body that limit the output, in tokens; the largest holds.
        has_n: whether `n` asks for several answers.
        asks_usage: whether a stream is asked for its usage (`stream_options.include_usage`).
        key: the header that the key goes in.
    """

    path: str
    kind: EndpointKind
    required: tuple[str, ...]
    prompt: PromptField
    price: PriceKind
    usage: UsageKind
    success: SuccessKind
    stream: StreamKind | None = None
    limits: tuple[str, ...] = ()
    has_n: bool = False
    asks_usage: bool = False
    key: KeyHeader = "bearer"


_CHAT_LIMITS = ("max_tokens", "max_completion_tokens")
ENDPOINTS: dict[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint(
            "/v1/chat/completions",
            "chat",
            ("model", "messages"),
            prompt="messages",
            price="tokens",
            usage="openai",
            success="choices",
            stream="chat",
            limits=_CHAT_LIMITS,
            has_n=True,
            asks_usage=True,
        ),
        Endpoint(
            "/v1/messages",
            "messages",
            ("model", "messages", "max_tokens"),
            prompt="messages",
            price="tokens",
            usage="anthropic",
            success="content",
            stream="messages",
            limits=("max_tokens",),
            key="x-api-key",
        ),
        Endpoint(
            "/v1/search/completions",
            "search",
            ("model", "messages"),
            prompt="messages",
            price="search",
            usage="openai",
            success="choices",
            stream="chat",
            limits=_CHAT_LIMITS,
            has_n=True,
        ),
        Endpoint(
            "/v1/images/generations",
            "images",
            ("model", "prompt"),
            prompt="prompt",
            price="images",
            usage="openai",
            success="images",
        ),
    )
}
IMAGE_URLS = [url for url, endpoint in ENDPOINTS.items() if endpoint.price == "images"]
