"""Parameters of requests: what all endpoints share, decoding, and those of images."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from .errors import ApiError

Code = Annotated[str, msgspec.Meta(min_length=1)]
# As both protocols' own services have it.
ToolName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
Schema = dict[str, Any] | bool
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
# A text, or its tokens.
Prompt = str | list[int]
# Several prompts, or the tokens of one.
PromptList = Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1)]


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


def prompts_in(given: str | PromptList, name: str, *, most: int) -> list[Prompt]:
    """Each prompt by itself.

    Args:
        given: what the parameter `name` holds.
        name: of the parameter, a singular.
        most: how many there may be.

    Raises:
        ApiError: 400 where they are not all of one kind, or too many.
    """
    if isinstance(given, str):
        return [given]
    tokens = [each for each in given if isinstance(each, int)]
    if tokens:
        if len(tokens) < len(given):
            raise ApiError(400, f"Invalid parameter {name}: texts and tokens are mixed.")
        return [tokens]
    if len(given) > most:
        raise ApiError(400, f"Invalid parameter {name}: more than {most} {name}s.")
    return [each for each in given if not isinstance(each, int)]


def callable_tools(
    tools: Iterable[Tool], *, named: str | None, forced: bool, allowed: bool, answered: bool
) -> tuple[Tool, ...]:
    """The tools that an answer may call.

    Args:
        tools: those of the request.
        named: the only one that is asked for; None for any.
        forced: whether one has to be called.
        allowed: whether one may be called at all.
        answered: whether the conversation ends with what a tool gave back.

    Raises:
        ApiError: 400 for a tool that has to be called and is not given.
    """
    found = tuple(tool for tool in tools if named is None or tool.name == named)
    if forced and not found:
        raise ApiError(400, "Invalid parameter tool_choice: it asks for a tool that is not given.")
    # What a tool gave back is answered in words, so that a conversation comes to an end.
    return found if allowed and (forced or not answered) else ()


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
