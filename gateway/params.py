"""The parameters of the four POST endpoints, validated as the reference states."""

import re
from typing import Annotated, Literal, TypeVar

import msgspec

from .errors import ApiError

Code = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class StreamOptions(msgspec.Struct, frozen=True):
    """OpenAI's stream options; a stream has usage unless `include_usage` is false."""

    include_usage: bool | None = None


class ChatParams(msgspec.Struct, frozen=True):
    """POST /v1/chat/completions."""

    model: Code
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    top_p: Share | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class SearchParams(ChatParams, frozen=True):
    """POST /v1/search/completions: the same as chat."""


class ContentBlock(msgspec.Struct, frozen=True):
    """One content block: its text counts, other kinds are accepted and ignored."""

    type: Code
    text: str = ""


class AnthropicMessage(msgspec.Struct, frozen=True):
    """One message of the Anthropic protocol."""

    role: Literal["user", "assistant"]
    content: str | list[ContentBlock]


class MessagesParams(msgspec.Struct, frozen=True):
    """POST /v1/messages."""

    model: Code
    messages: Annotated[list[AnthropicMessage], msgspec.Meta(min_length=1)]
    max_tokens: Count
    system: str | list[ContentBlock] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    stream: bool | None = None
    stop_sequences: list[Code] | None = None


class ImagesParams(msgspec.Struct, frozen=True):
    """POST /v1/images/generations."""

    model: Code
    prompt: Code
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$")] | None = None
    response_format: Literal["url", "b64_json"] | None = None


ParamsT = TypeVar("ParamsT", ChatParams, SearchParams, MessagesParams, ImagesParams)

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<place>.*)`)?$", re.DOTALL)
_FIELD = re.compile(r"required field `([^`]+)`")


def decode(decoder: "msgspec.json.Decoder[ParamsT]", body: bytes) -> ParamsT:
    """The parameters in `body`. Raises ApiError 400, naming the parameter at fault."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ApiError(400, _explain(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise ApiError(400, "The request body is nested too deeply.") from None


def _explain(message: str) -> str:
    found = _PLACE.match(message)
    what, place = (found["what"], found["place"]) if found else (message, None)
    name = (place or "").lstrip(".").replace("[...]", "")
    missing = _FIELD.search(what)
    if missing:
        name = f"{name}.{missing[1]}".lstrip(".")
        return f"Missing required parameter: {name}."
    return f"Invalid parameter {name}: {what}." if name else f"Invalid request body: {what}."
