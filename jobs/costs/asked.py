"""What a body asks for that decides the most its answer can cost. On decoded JSON, never on bytes:
the same name can be written with escapes, and a text may quote a tool.

What is billed by something other than the tokens and images that `max_tokens` and `n` limit has no
bound: an answer in sound, the best of several, a service's own tools, and a search that it adds.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Raw

from ..endpoints import EndpointKind
from .tiers import CHEAPER_TIERS, TIERS, USUAL_TIERS
from .web_tools import WebUses, most_web_uses

# What an endpoint may bill beside the tokens of a text, by the field that asks for it.
_SEARCH = "searches that the service adds are billed by their number"
UNBOUNDED_FIELDS = {
    "audio": "sound is billed at prices of its own",
    "best_of": "answers that are made and not returned are billed too",
    "enable_search": _SEARCH,
    "enable_web_search": _SEARCH,
    "mcp_servers": "tools of other servers are used as often as the model likes",
    "plugins": "plugins are billed by their use",
    "prediction": "a prediction that is not used is billed as output",
    "search_options": _SEARCH,
    "search_parameters": _SEARCH,
    "web_search": _SEARCH,
    "web_search_options": _SEARCH,
}
# How services that are not OpenAI's count the images of a request; n stands beside them.
IMAGE_COUNTS = (
    "batch_size",
    "max_images",
    "num_images",
    "num_images_per_prompt",
    "num_outputs",
    "number_of_images",
    "sample_count",
)
# Input that the body only refers to, or whose bytes don't bound its tokens.
REFERRED_INPUT = (
    "attachments",
    "container",
    "conversation",
    "data_sources",
    "file_ids",
    "files",
    "image",
    "image_url",
    "images",
    "init_image",
    "input_image",
    "mask",
    "previous_response_id",
    "reference_images",
)
# Services whose parser ignores case (Go's does) take `N` for n.
DECIDING_FIELDS = frozenset(
    {
        *UNBOUNDED_FIELDS,
        *IMAGE_COUNTS,
        *REFERRED_INPUT,
        *TIERS,
        "functions",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "model",
        "n",
        "prompt",
        "tools",
    }
)
# Fields that hold what the model reads: texts, or lists of messages or of parts.
INPUT_FIELDS = ("messages", "system", "input", "prompt", "content", "query", "documents")
# Parts of a message whose bytes bound their tokens, or that hold such parts.
TEXT_PARTS = frozenset(
    {
        "input_text",
        "message",
        "output_text",
        "reasoning",
        "redacted_thinking",
        "refusal",
        "search_result",
        "server_tool_use",
        "summary_text",
        "text",
        "thinking",
        "tool_reference",
        "tool_result",
        "tool_use",
    }
)
# Keys of a part that bring something else along, whatever its type says.
MEDIA_KEYS = frozenset(
    {
        "audio",
        "audio_url",
        "file",
        "file_data",
        "file_id",
        "file_ids",
        "file_url",
        "files",
        "image",
        "image_embeds",
        "image_url",
        "images",
        "input_audio",
        "video",
        "video_url",
    }
)
SOUND_PARTS = frozenset({"audio", "audio_url", "input_audio"})
# Tools that the caller runs, not the service.
CALLERS_TOOLS = ("function", "custom")
CALLERS_MESSAGES_TOOLS = ("bash_", "computer_", "memory_", "text_editor_")


class Asked(NamedTuple):
    """What a body asks for, as far as its bound depends on it.

    Args:
        messages: how many; each may be wrapped by a template.
        tools: how many groups of definitions a service may add to: its own texts about tools.
        web: uses of tools on the web.
        refers: what of the input its bytes don't bound, in words; None where they bound all.
        for_an_hour: whether something is to be kept in the cache for an hour.
    """

    messages: int = 0
    tools: int = 0
    web: WebUses = WebUses()
    refers: str | None = None
    for_an_hour: bool = False


class _PlainMessage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    role: str = ""
    content: str | None = None
    name: str | None = None


class _PlainBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A body with texts alone, and with fields that change nothing in what it can cost: most are.
    Decoded so, it needs no look at each field: a tenth of the time."""

    model: str = ""
    messages: list[_PlainMessage] = []
    system: str | None = None
    prompt: str | None = None
    n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_tokens: Raw = Raw()
    max_completion_tokens: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    seed: Raw = Raw()
    stop: Raw = Raw()
    stop_sequences: Raw = Raw()
    stream: Raw = Raw()
    stream_options: Raw = Raw()
    response_format: Raw = Raw()
    reasoning_effort: Raw = Raw()
    presence_penalty: Raw = Raw()
    frequency_penalty: Raw = Raw()
    logprobs: Raw = Raw()
    top_logprobs: Raw = Raw()
    user: Raw = Raw()
    metadata: Raw = Raw()
    size: Raw = Raw()
    quality: Raw = Raw()


_decode_plain = msgspec.json.Decoder(_PlainBody).decode


def asked_for(body: bytes, kind: EndpointKind) -> Asked | str:
    """What a body asks for, or why nothing bounds what it can cost and what to do about that.

    Args:
        body: a JSON object in UTF-8.
        kind: of its endpoint.
    """
    try:
        plain = _decode_plain(body)
    except (msgspec.DecodeError, RecursionError):
        return _looked_at(body, kind)
    if kind == "images" and plain.prompt is None:
        return _looked_at(body, kind)
    if kind == "messages" and plain.n is not None and plain.n != 1:
        return _looked_at(body, kind)
    return _of_texts(len(plain.messages) or 1)


@lru_cache
def _of_texts(messages: int) -> Asked:
    return Asked(messages=messages)


def _looked_at(body: bytes, kind: EndpointKind) -> Asked | str:
    """The same, field by field."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(body)
        return _unbounded(fields, kind) or _asked(fields, kind)
    except (msgspec.DecodeError, RecursionError):
        return "the body is nested too deeply for --max-cost to see what it asks for"


def _unbounded(fields: Mapping[str, Any], kind: EndpointKind) -> str | None:
    for name in fields:
        if name not in DECIDING_FIELDS and (meant := name.lower()) in DECIDING_FIELDS:
            return f"{name}: some services take it for {meant}; write {meant} under --max-cost"
    for name in fields.keys() & UNBOUNDED_FIELDS.keys():
        value = fields[name]
        none_asked = value is None or value is False or value == []
        if not none_asked and not (name == "best_of" and _is_one(value)):
            return _refused(f"{name}: {UNBOUNDED_FIELDS[name]}")
    for name in TIERS:
        said = fields.get(name)
        if isinstance(said, str) and said.lower() not in USUAL_TIERS | CHEAPER_TIERS:
            return _refused(f"{name} {_shown(said)}: it has prices of its own")
    modalities = fields.get("modalities")
    if modalities is not None and modalities != ["text"]:
        return _refused(f"modalities {_shown(modalities)}: {UNBOUNDED_FIELDS['audio']}")
    if (n := fields.get("n")) is not None:
        if not _is_count(n):
            return f"n is {_shown(n)}, which --max-cost can't count; write a whole number from 1 on"
        if kind == "messages" and not _is_one(n):
            return f"n is {_shown(n)}, which {kind} don't have; leave it out under --max-cost"
    return _unbounded_images(fields) if kind == "images" else None


def _unbounded_images(fields: Mapping[str, Any]) -> str | None:
    for name in IMAGE_COUNTS:
        value = fields.get(name)
        if value is not None and not _is_one(value):
            return _refused(f"{name}: how many images that makes is not known; write n instead")
    series = fields.get("sequential_image_generation")
    if series is not None and series != "disabled":
        return _refused("sequential_image_generation: it makes as many images as the model likes")
    if type(fields.get("prompt")) is not str:
        return "prompt is not a text, so --max-cost can't count its images; write a job for each"
    return None


def _asked(fields: Mapping[str, Any], kind: EndpointKind) -> Asked | str:
    tools, web = fields.get("tools"), WebUses()
    groups = int(bool(tools) or bool(fields.get("functions")))
    if tools:
        found = _tools(tools, kind)
        if isinstance(found, str):
            return found
        web, groups = found.web, groups + found.tools
    refers = next((name for name in REFERRED_INPUT if fields.get(name)), None)
    if kind == "responses" and fields.get("prompt"):
        refers = "prompt"  # one that is stored at the service
    if refers is None:
        for name in INPUT_FIELDS:
            what = _beyond_text(fields.get(name))
            if what in SOUND_PARTS:
                return _refused(f"{what}: {UNBOUNDED_FIELDS['audio']}")
            refers = refers or what
    messages = fields.get("input" if kind == "responses" else "messages")
    return Asked(
        messages=len(messages) if isinstance(messages, list) else 1,
        tools=groups,
        web=web,
        refers=refers,
        for_an_hour=_keeps_for_an_hour(fields),
    )


def _tools(tools: Any, kind: EndpointKind) -> Asked | str:
    """What the tools add: those on the web, and texts of the service about others."""
    if not isinstance(tools, list) or not all(isinstance(each, dict) for each in tools):
        return "tools is not a list of objects, so nothing bounds what --max-cost may come to"
    typed = 0
    for tool in tools:
        named = tool.get("type")
        if named is None or named in CALLERS_TOOLS:
            continue
        of_messages = kind == "messages" and isinstance(named, str)
        if of_messages and named.startswith(CALLERS_MESSAGES_TOOLS):
            typed += 1
        elif not (of_messages and named.startswith(("web_search_", "web_fetch_"))):
            return _refused(
                f"the tool {_shown(named)}: the service uses its own tools as often as the model "
                "likes"
            )
    web = most_web_uses(tools)
    return web if isinstance(web, str) else Asked(tools=typed, web=web)


def _beyond_text(value: Any) -> str | None:
    """The first part below `value` that is more than text, by its type or key; None where all of it
    is text."""
    if isinstance(value, list):
        return next((what for each in value if (what := _beyond_text(each)) is not None), None)
    if not isinstance(value, dict):
        return None
    if found := [name for name in value if name in MEDIA_KEYS and value[name]]:
        return str(found[0])
    named, source = value.get("type"), value.get("source")
    if named == "document" and isinstance(source, dict) and source.get("type") == "text":
        return None
    if named is not None and named not in TEXT_PARTS:
        if named == "document" and isinstance(source, dict) and source.get("type") == "content":
            return _beyond_text(source.get("content"))
        return _shown(named) if not isinstance(named, str) else named
    inner: Iterable[Any] = (value.get(name) for name in INPUT_FIELDS)
    return next((what for each in inner if (what := _beyond_text(each)) is not None), None)


def _keeps_for_an_hour(value: Any) -> bool:
    """Whether any `cache_control` below asks for an hour."""
    if isinstance(value, dict):
        control = value.get("cache_control")
        if isinstance(control, dict) and control.get("ttl") == "1h":
            return True
        return any(_keeps_for_an_hour(each) for each in value.values())
    return isinstance(value, list) and any(_keeps_for_an_hour(each) for each in value)


def _is_count(value: Any) -> bool:
    """Whether it is a whole number from 1 on, also where it is written as 2.0."""
    whole = type(value) is int or (type(value) is float and value.is_integer())
    return whole and value >= 1


def _is_one(value: Any) -> bool:
    return _is_count(value) and value == 1


def _refused(what: str) -> str:
    return f"nothing bounds what it can cost ({what}); leave that out, or run it without --max-cost"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
