"""Parameters of responses: what OpenAI's clients send, without what is kept between requests."""

import json
from typing import Annotated, Any, Literal

import msgspec

from .errors import ApiError
from .params import Code, Count, Schema, Share, Tool, ToolName, Wanted, callable_tools
from .tokens import IMAGE_TOKENS, MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens


class InputPart(msgspec.Struct, frozen=True):
    """A part of a message; parts that are not text count as an image."""

    type: Code
    text: str | None = None


class InputItem(msgspec.Struct, frozen=True):
    """A message, a call of an earlier answer, what it gave back, or reasoning."""

    type: str = "message"
    role: str = "user"
    content: str | list[InputPart] | None = None
    arguments: str | None = None
    output: Any = None

    @property
    def text(self) -> str:
        """Everything in it that counts as text."""
        content = self.content
        if isinstance(content, list):
            content = "".join([part.text or "" for part in content])
        output = self.output if isinstance(self.output, str | None) else json.dumps(self.output)
        return f"{content or ''}{self.arguments or ''}{output or ''}"


class ResponsesTool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that may be called; the service has no tools of its own."""

    type: Literal["function"]
    name: ToolName
    parameters: Schema | None = None
    description: str | None = None


class NamedTool(msgspec.Struct, frozen=True):
    """A choice of one tool."""

    type: Literal["function"]
    name: str


class TextFormat(msgspec.Struct, frozen=True):
    """What the text has to be: of any kind, any JSON object, or one that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Schema | None = None


class TextOptions(msgspec.Struct, frozen=True):
    """How the text is to be written."""

    format: TextFormat | None = None


class ResponsesParams(msgspec.Struct, frozen=True):
    """POST /v1/responses."""

    model: Code
    input: Code | Annotated[list[InputItem], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    stream: bool | None = None
    tools: list[ResponsesTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    text: TextOptions | None = None
    previous_response_id: str | None = None
    background: bool | None = None

    @property
    def items(self) -> list[InputItem]:
        """The input as items."""
        return [InputItem(content=self.input)] if isinstance(self.input, str) else self.input

    def check(self) -> None:
        """Raises ApiError where it asks for what is not kept here."""
        if self.previous_response_id is not None:
            raise ApiError(404, "There are no earlier responses here: none is stored.")
        if self.background:
            raise ApiError(400, "Invalid parameter background: responses are made at once.")


def prompt_tokens(params: ResponsesParams) -> int:
    """Input tokens that the input and the tools count as."""
    total = PROMPT_TOKENS
    if params.instructions:
        total += MESSAGE_TOKENS + count_tokens(params.instructions)
    for item in params.items:
        total += MESSAGE_TOKENS + count_tokens(item.text)
        if isinstance(item.content, list):
            total += IMAGE_TOKENS * sum(part.text is None for part in item.content)
    if params.tools:
        total += count_tokens(json.dumps(msgspec.to_builtins(params.tools)))
    return total


def prompt_text(params: ResponsesParams) -> str:
    """The input as the prompt cache compares it."""
    lines = [f"{item.role}\n{item.text}" for item in params.items]
    return "\n".join([params.instructions or "", *lines])


def wanted(params: ResponsesParams) -> Wanted:
    """What kind of answer is asked for. Raises ApiError 400 for a choice of a tool not given."""
    choice, items = params.tool_choice, params.items
    named = choice.name if isinstance(choice, NamedTool) else None
    forced = choice == "required" or named is not None
    tools = callable_tools(
        (Tool(tool.name, tool.parameters or {"type": "object"}) for tool in params.tools or ()),
        named=named,
        forced=forced,
        allowed=choice != "none",
        answered=items[-1].type == "function_call_output",
    )
    asked = [each.text for each in items if each.type == "message" and each.role == "user"]
    return Wanted(asked[-1] if asked else "", tools, forced, _schema(params.text))


def _schema(options: TextOptions | None) -> Schema | None:
    form = options.format if options is not None else None
    if form is None or form.type == "text":
        return None
    return {"type": "object"} if form.schema is None else form.schema
