"""A schema in a request: how each endpoint is told of the form that its answer must have."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ..endpoints import ENDPOINTS, EndpointKind
from ..errors import InputError
from ..records import Recipe, SchemaBy

# How a kind of endpoint is told by default, and in which other ways it may be; others are not told.
WAYS: dict[EndpointKind, tuple[SchemaBy, ...]] = {
    "chat": ("response_format", "tool", "prompt"),
    "messages": ("tool", "output_config", "prompt"),
    "search": ("prompt", "response_format"),
}
# The fields of the body that each way sets.
FIELDS: dict[SchemaBy, tuple[str, ...]] = {
    "response_format": ("response_format",),
    "tool": ("tools", "tool_choice"),
    "output_config": ("output_config",),
    "prompt": (),
}
NAME_CHARACTERS_MAX = 64
ASKED = "Answer with JSON that fits this JSON schema, and with nothing else:\n"
TOOL_SAYS = "Give the answer."


def way_of(recipe: Recipe, what: str) -> SchemaBy | None:
    """How the endpoint of a recipe is told of its schema; None where it has none.

    Args:
        recipe: whose schema is one that `check_schema` let pass.
        what: where it was read from, for messages.

    Raises:
        InputError: it can't be told so, or there is nothing to tell.
    """
    by, url, body = recipe.schema_by, recipe.url, recipe.body
    if recipe.schema is None:
        if by is not None:
            raise InputError(f"{what}: schema_by is there and schema is not; name a JSON schema")
        return None
    ways = WAYS.get(ENDPOINTS[url].kind, ())
    if not ways:
        raise InputError(f"{what}: schema has no place in a body for {url}")
    way = by or ways[0]
    if way not in ways:
        raise InputError(
            f"{what}: {url} is not told of a schema by {way}; schema_by is one of {', '.join(ways)}"
        )
    if way == "tool":
        _check_tool(recipe, what)
    for name in FIELDS[way]:
        if name in body and not _joins(name, body[name]):
            raise InputError(f"{what}: {name} stands in [body] and is set by schema; keep one")
    return way


def _check_tool(recipe: Recipe, what: str) -> None:
    thinking = recipe.body.get("thinking")
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    if thinking is not None and not off:
        ways = WAYS.get(ENDPOINTS[recipe.url].kind, ())
        others = " or ".join(f'"{each}"' for each in ways if each != "tool")
        raise InputError(
            f"{what}: a tool can't be forced where the body has thinking; write schema_by = "
            f"{others}"
        )
    kind = (recipe.schema or {}).get("type", "object")
    if kind != "object":
        raise InputError(
            f"{what}: the input of a tool is an object, and the schema's type is "
            f'{json.dumps(kind)}; write schema_by = "prompt", or an object around it'
        )


def _joins(name: str, value: Any) -> bool:
    """Whether a field that is given leaves room for the schema: an effort may stand beside it."""
    return name == "output_config" and isinstance(value, dict) and "format" not in value


class SchemaRequest:
    """Puts a schema into bodies of an endpoint.

    Args:
        schema: the form of the answers.
        by: how the service is told of it, as `way_of` says.
        kind: which protocol the endpoint speaks.
    """

    def __init__(self, schema: dict[str, Any], by: SchemaBy, kind: EndpointKind) -> None:
        self._kind = kind
        name = _name(schema)
        self._words = ASKED + json.dumps(schema, ensure_ascii=False)
        self._by = by
        self._fields: dict[str, Any] = {}
        if by == "response_format":
            form = {"name": name, "schema": schema} | ({"strict": True} if _strict(schema) else {})
            self._fields = {"response_format": {"type": "json_schema", "json_schema": form}}
        elif by == "output_config":
            self._fields = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        elif by == "tool":
            self._fields = _tool(name, schema, kind)

    def put_into(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with it."""
        if self._by == "prompt":
            return self._with_words(body)
        if self._by == "output_config" and isinstance(given := body.get("output_config"), dict):
            return {**body, "output_config": {**given, **self._fields["output_config"]}}
        return {**body, **self._fields}

    def _with_words(self, body: dict[str, Any]) -> dict[str, Any]:
        """Words after the system's own: what is the same in all bodies stays at the beginning."""
        if self._kind == "messages":
            return {**body, "system": self._after(body.get("system"))}
        messages = list(body.get("messages") or [])
        first = messages[0] if messages else None
        if isinstance(first, dict) and first.get("role") in ("system", "developer"):
            messages[0] = {**first, "content": self._after(first.get("content"))}
        else:
            messages.insert(0, {"role": "system", "content": self._words})
        return {**body, "messages": messages}

    def _after(self, content: Any) -> Any:
        if isinstance(content, list):
            return [*content, {"type": "text", "text": self._words}]
        return f"{content}\n\n{self._words}" if content else self._words


def _tool(name: str, schema: dict[str, Any], kind: EndpointKind) -> dict[str, Any]:
    if kind == "messages":
        given = schema if "type" in schema else {"type": "object", **schema}
        return {
            "tools": [{"name": name, "description": TOOL_SAYS, "input_schema": given}],
            "tool_choice": {"type": "tool", "name": name},
        }
    function = {"name": name, "description": TOOL_SAYS, "parameters": schema}
    return {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": name}},
    }


def _name(schema: Mapping[str, Any]) -> str:
    """What the form is called: by its title, as far as services take it."""
    title = schema.get("title")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", title) if isinstance(title, str) else ""
    return name.strip("_")[:NAME_CHARACTERS_MAX] or "answer"


def _strict(schema: Any) -> bool:
    """Whether a schema is one that services can hold to strictly: each object names all of its
    properties, requires them, and allows no others (OpenAI, "Structured model outputs")."""
    if isinstance(schema, list):
        return all(map(_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties", {})
    if "properties" in schema or schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", [])) != set(properties):
            return False
    named = [each for name in ("$defs", "definitions") for each in schema.get(name, {}).values()]
    skipped = {"enum", "const", "default", "examples", "properties", "$defs", "definitions"}
    inner = [value for name, value in schema.items() if name not in skipped]
    return all(map(_strict, [*properties.values(), *named, *inner]))
