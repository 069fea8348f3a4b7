"""The endpoints that jobs are sent to: one table, a line each.

Whatever depends on the endpoint asks here: what a body must have, where its question stands, how
its answer is read, whole and streamed, where its usage is, and what is billed. What a word of a
column means to the reading of answers is in `runner.answers`.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

EndpointKind = Literal[
    "chat",
    "messages",
    "search",
    "images",
    "responses",
    "completions",
    "embeddings",
    "rerank",
    "moderations",
    "other",
]
# What is billed: tokens of input and output; of input alone; searches, and tokens where they are
# told; images; nothing, but for models whose price says otherwise; or what nobody said.
PriceKind = Literal["tokens", "input", "search", "images", "free", "unknown"]
# What comes where the body says `stream`: chunks up to `[DONE]`, of messages or of texts; named
# events up to message_stop, or up to one with the whole response; any events up to the end.
StreamKind = Literal["chat", "completions", "messages", "responses", "events"]
# Where the usage is: in OpenAI's names, in Anthropic's, in OpenAI's without output, in searches or
# tokens of input; nowhere; in fields that headrace.toml names.
UsageKind = Literal["openai", "anthropic", "input", "rerank", "none", "named"]
# What a good answer must have in it.
SuccessKind = Literal["choices", "content", "output", "images", "vectors", "results", "anything"]
# Which field of a body holds what is asked.
PromptField = Literal["messages", "prompt", "input", "query"]
KeyHeader = Literal["bearer", "x-api-key"]
NOTHING_INSTEAD: Mapping[str, tuple[str, ...]] = {}


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
        in_reference: whether the API reference has it.
        instead: by a required field, others that may stand in its place.
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
    in_reference: bool = True
    instead: Mapping[str, tuple[str, ...]] = NOTHING_INSTEAD

    @property
    def talks(self) -> bool:
        """Whether what is asked may be a conversation."""
        return self.prompt == "messages" or self.stream == "responses"


class EndpointTable(dict[str, Endpoint]):
    """Endpoints by path; a path that is not among its keys is an endpoint of kind `other`."""

    def __missing__(self, path: str) -> Endpoint:
        return OTHER._replace(path=path)


OTHER = Endpoint(
    "",
    "other",
    (),
    prompt="input",
    price="unknown",
    usage="named",
    success="anything",
    stream="events",
    in_reference=False,
)

_CHAT_LIMITS = ("max_tokens", "max_completion_tokens")
ENDPOINTS = EndpointTable(
    (endpoint.path, endpoint)
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
        Endpoint(
            "/v1/responses",
            "responses",
            ("model", "input"),
            prompt="input",
            price="tokens",
            usage="openai",
            success="output",
            stream="responses",
            limits=("max_output_tokens",),
            in_reference=False,
            # A prompt that is stored at the service may name the model, too.
            instead={"model": ("prompt",), "input": ("prompt",)},
        ),
        Endpoint(
            "/v1/completions",
            "completions",
            ("model", "prompt"),
            prompt="prompt",
            price="tokens",
            usage="openai",
            success="choices",
            stream="completions",
            limits=("max_tokens",),
            has_n=True,
            asks_usage=True,
            in_reference=False,
            instead={"prompt": ("prompt_embeds",)},  # vLLM's
        ),
        Endpoint(
            "/v1/embeddings",
            "embeddings",
            ("model", "input"),
            prompt="input",
            price="input",
            usage="input",
            success="vectors",
            in_reference=False,
            instead={"input": ("messages",)},  # vLLM's, of models that embed conversations
        ),
        Endpoint(
            "/v1/rerank",
            "rerank",
            ("model", "query", "documents"),
            prompt="query",
            price="search",
            usage="rerank",
            success="results",
            in_reference=False,
        ),
        Endpoint(
            "/v1/moderations",
            "moderations",
            ("input",),
            prompt="input",
            price="free",
            usage="none",
            success="results",
            in_reference=False,
        ),
    )
)
IMAGE_URLS = [url for url, endpoint in ENDPOINTS.items() if endpoint.price == "images"]
# Where tokens are billed, and so are reserved.
TOKEN_URLS = frozenset(
    url for url, each in ENDPOINTS.items() if each.price in ("tokens", "input", "search")
)
