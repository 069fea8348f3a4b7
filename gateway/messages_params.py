"""Parameters of messages: the reference's, and what Anthropic's clients send."""

import json
from typing import Annotated, Literal

import msgspec

from .params import Code, Count, Schema, Share, Tool, ToolName, Wanted, callable_tools
from .tokens import IMAGE_TOKENS, MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens


class ContentBlock(msgspec.Struct, frozen=True):
    """One content block: text, calls and what they gave back count; others are accepted."""

    type: Code
    text: str = ""
    name: object = None
    input: object = None
    content: object = None


Blocks = str | list[ContentBlock]


class AnthropicMessage(msgspec.Struct, frozen=True):
    """One message of the Anthropic protocol."""

    role: Literal["user", "assistant"]
    content: Blocks


class AnthropicTool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool of the client's own; those that a service runs itself have another `type`."""

    name: ToolName
    input_schema: Schema
    type: Literal["custom"] | None = None
    description: str | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """Whether tools are called, and which."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class OutputFormat(msgspec.Struct, frozen=True, tag_field="type", tag="json_schema"):
    """What the text has to fit."""

    schema: Schema


class OutputConfig(msgspec.Struct, frozen=True):
    """How the answer is to be written."""

    format: OutputFormat | None = None


class CountParams(msgspec.Struct, frozen=True):
    """POST /v1/messages/count_tokens: a conversation without what is said of its answer."""

    model: Code
    messages: Annotated[list[AnthropicMessage], msgspec.Meta(min_length=1)]
    system: Blocks | None = None
    tools: list[AnthropicTool] | None = None


class MessagesParams(msgspec.Struct, frozen=True):
    """POST /v1/messages."""

    model: Code
    messages: Annotated[list[AnthropicMessage], msgspec.Meta(min_length=1)]
    max_tokens: Count
    system: Blocks | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    stream: bool | None = None
    stop_sequences: list[Code] | None = None
    tools: list[AnthropicTool] | None = None
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None


def prompt_tokens(params: MessagesParams | CountParams) -> int:
    """Input tokens of the conversation, its system prompt and its tools, cached or not."""
    total = PROMPT_TOKENS
    if params.system is not None:
        total += MESSAGE_TOKENS + _tokens(params.system)
    for turn in params.messages:
        total += MESSAGE_TOKENS + _tokens(turn.content)
    if params.tools:
        total += count_tokens(json.dumps(msgspec.to_builtins(params.tools)))
    return total


def prompt_text(params: MessagesParams) -> str:
    """The conversation as the prompt cache compares it."""
    parts = [] if params.system is None else [f"system\n{block_text(params.system)}"]
    parts += [f"{turn.role}\n{block_text(turn.content)}" for turn in params.messages]
    return "\n".join(parts)


def block_text(content: Blocks) -> str:
    """Everything in `content` that counts as text."""
    return content if isinstance(content, str) else "".join([_text(block) for block in content])


def _text(block: ContentBlock) -> str:
    if block.type == "tool_use":
        return f"{block.name}{json.dumps(block.input)}"
    if block.type == "tool_result":
        if isinstance(block.content, str):
            return block.content
        return "".join([str(part.get("text", "")) for part in _parts(block)])
    return block.text


def _parts(block: ContentBlock) -> list[dict[str, object]]:
    """What a tool gave back, part by part."""
    content = block.content if isinstance(block.content, list) else []
    return [part for part in content if isinstance(part, dict)]


def _tokens(content: Blocks) -> int:
    if isinstance(content, str):
        return count_tokens(content)
    kinds = [block.type for block in content]
    kinds += [
        str(part.get("type"))
        for block in content
        if block.type == "tool_result"
        for part in _parts(block)
    ]
    return count_tokens(block_text(content)) + IMAGE_TOKENS * kinds.count("image")


def wanted(params: MessagesParams) -> Wanted:
    """What kind of answer is asked for. Raises ApiError 400 for a choice of a tool not given."""
    choice = params.tool_choice
    kind = "auto" if choice is None else choice.type
    forced = kind in ("any", "tool")
    last = params.messages[-1].content
    tools = callable_tools(
        (Tool(tool.name, tool.input_schema) for tool in params.tools or ()),
        named=(choice.name or "") if choice is not None and kind == "tool" else None,
        forced=forced,
        allowed=kind != "none",
        answered=isinstance(last, list) and any(block.type == "tool_result" for block in last),
    )
    asked = [block_text(turn.content) for turn in params.messages if turn.role == "user"]
    output = None if params.output_config is None else params.output_config.format
    schema = None if output is None else output.schema
    return Wanted(asked[-1] if asked else "", tools, forced, schema)
