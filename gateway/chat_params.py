"""Parameters of chat and search completions: the reference's, and what OpenAI's clients send."""

import json
from typing import Annotated, Any, Literal

import msgspec

from .params import Code, Count, Schema, Share, Tool, ToolName, Wanted, callable_tools
from .tokens import IMAGE_TOKENS, MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

# As OpenAI has it.
MAX_CHOICES = 128


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """A part of a content that is text."""

    text: str


class RefusalPart(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    """A part of an assistant's turn that refused."""

    refusal: str

    @property
    def text(self) -> str:
        """The refusal counts as text."""
        return self.refusal


class ImageUrl(msgspec.Struct, frozen=True):
    """Where the image is: a URL, or its bytes as a data URL. Neither is looked at."""

    url: Code


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """A part of a content that is an image."""

    image_url: ImageUrl

    @property
    def text(self) -> str:
        """An image counts as a flat number of tokens, not as text."""
        return ""


Content = str | list[TextPart | ImagePart | RefusalPart]


class CalledFunction(msgspec.Struct, frozen=True):
    """What a call of an earlier answer called."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    """A call of an earlier answer."""

    id: str
    function: CalledFunction


class SystemMessage(msgspec.Struct, frozen=True, tag_field="role", tag="system"):
    """One message of a conversation; the other roles are kinds of it."""

    content: Content


class DeveloperMessage(msgspec.Struct, frozen=True, tag_field="role", tag="developer"):
    """What newer clients call the system's message."""

    content: Content


class UserMessage(msgspec.Struct, frozen=True, tag_field="role", tag="user"):
    """A question."""

    content: Content


class ToolMessage(msgspec.Struct, frozen=True, tag_field="role", tag="tool"):
    """What a called function gave back."""

    content: Content
    tool_call_id: str


class AssistantMessage(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    """An earlier answer: its text, or its calls. A null content is accepted where it is said."""

    content: Content | msgspec.UnsetType | None = msgspec.UNSET
    tool_calls: list[ToolCall] | None = None

    def __post_init__(self) -> None:
        if self.content is msgspec.UNSET and not self.tool_calls:
            raise ValueError("Object missing required field `content`")


ChatMessage = SystemMessage | DeveloperMessage | UserMessage | ToolMessage | AssistantMessage


class StreamOptions(msgspec.Struct, frozen=True):
    """OpenAI's stream options; a stream has usage unless `include_usage` is false."""

    include_usage: bool | None = None


class FunctionDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that may be called; without `parameters` it takes none."""

    name: ToolName
    description: str | None = None
    parameters: Schema | None = None


class FunctionTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A tool; only functions are known here."""

    function: FunctionDefinition


class NamedFunction(msgspec.Struct, frozen=True):
    """The function that has to be called."""

    name: str


class NamedTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A choice of one tool."""

    function: NamedFunction


class JsonSchema(msgspec.Struct, frozen=True):
    """A schema that the answer has to fit; without one, any JSON object."""

    name: ToolName
    schema: Schema | None = None


class TextFormat(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """An answer of any text."""


class JsonObjectFormat(msgspec.Struct, frozen=True, tag_field="type", tag="json_object"):
    """An answer that is a JSON object."""


class JsonSchemaFormat(msgspec.Struct, frozen=True, tag_field="type", tag="json_schema"):
    """An answer that fits a schema."""

    json_schema: JsonSchema


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
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHOICES)] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None


class SearchParams(ChatParams, frozen=True):
    """POST /v1/search/completions: the same as chat."""


def message_text(message: ChatMessage) -> str:
    """Everything in `message` that counts as text."""
    content = message.content
    if isinstance(content, str):
        text = content
    elif isinstance(content, list):
        text = "".join([part.text for part in content])
    else:
        text = ""
    if isinstance(message, AssistantMessage) and message.tool_calls:
        calls = [f"{call.function.name}{call.function.arguments}" for call in message.tool_calls]
        return text + "".join(calls)
    return text


def prompt_tokens(params: ChatParams) -> int:
    """Input tokens that the conversation and its tools count as."""
    total = PROMPT_TOKENS
    for message in params.messages:
        content = message.content
        if type(content) is str and type(message) is not AssistantMessage:
            # Nearly all of them.
            total += MESSAGE_TOKENS + count_tokens(content)
            continue
        total += MESSAGE_TOKENS + count_tokens(message_text(message))
        if isinstance(content, list):
            total += IMAGE_TOKENS * sum(isinstance(part, ImagePart) for part in content)
    if params.tools:
        total += count_tokens(json.dumps(msgspec.to_builtins(params.tools)))
    return total


def prompt_text(params: ChatParams) -> str:
    """The conversation as the prompt cache compares it."""
    return "\n".join([f"{role(message)}\n{message_text(message)}" for message in params.messages])


def role(message: ChatMessage) -> str:
    """Whose turn it is."""
    return str(message.__struct_config__.tag)


def wanted(params: ChatParams) -> Wanted:
    """What kind of answer is asked for. Raises ApiError 400 for a choice of a tool not given."""
    choice, last = params.tool_choice, params.messages[-1]
    named = choice.function.name if isinstance(choice, NamedTool) else None
    forced = choice == "required" or named is not None
    tools = callable_tools(
        (
            Tool(tool.function.name, tool.function.parameters or {"type": "object"})
            for tool in params.tools or ()
        ),
        named=named,
        forced=forced,
        allowed=choice != "none",
        answered=isinstance(last, ToolMessage),
    )
    question = next(
        (message_text(each) for each in reversed(params.messages) if isinstance(each, UserMessage)),
        "",
    )
    return Wanted(question, tools, forced, _schema(params.response_format))


def _schema(asked: TextFormat | JsonObjectFormat | JsonSchemaFormat | None) -> Any:
    if isinstance(asked, JsonSchemaFormat) and asked.json_schema.schema is not None:
        return asked.json_schema.schema
    return None if asked is None or isinstance(asked, TextFormat) else {"type": "object"}
