"""Parameters of requests: what all endpoints share, decoding, and those of images."""

import re
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from .errors import ApiError

Code = Annotated[str, msgspec.Meta(min_length=1)]
# As both protocols' own services have it.
ToolName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
Schema = dict[str, Any] | bool
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ImagesParams(msgspec.Struct, frozen=True):
    """POST /v1/images/generations."""

    model: Code
    prompt: Code
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$")] | None = None
    response_format: Literal["url", "b64_json"] | None = None


ParamsT = TypeVar("ParamsT")


class Tool(NamedTuple):
    """A function that the answer may call, and the JSON schema of its arguments."""

    name: str
    schema: Schema


class Wanted(NamedTuple):
    """What kind of answer a conversation asks for.

    Args:
        question: the text of its last user turn.
        tools: what may be called; empty where nothing may.
        forced: whether one of `tools` has to be called.
        schema: what the text has to fit, as JSON; None for any text.
    """

    question: str
    tools: tuple[Tool, ...] = ()
    forced: bool = False
    schema: Schema | None = None


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
