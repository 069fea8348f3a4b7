"""Several JSON schemas that one value has to fit, as one."""

from typing import Any

from .schema_scalars import unfit

_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_DESCRIBE = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
        "$id",
        "$schema",
        "$anchor",
        "$defs",
        "definitions",
        "$vocabulary",
        "contentMediaType",
        "contentEncoding",
    ]
)


def merged(one: Any, other: Any, place: str) -> Any:
    """A schema that only what fits both fits. ApiError 400 where that can't be said."""
    if one is True or other is True:
        return other if one is True else one
    if one is False or other is False:
        return False
    if not (isinstance(one, dict) and isinstance(other, dict)):
        raise unfit(place, "it is not a schema")
    _check_closed(one, other, place)
    both = dict(one)
    for name, value in other.items():
        if name not in both:
            both[name] = value
        elif name not in _DESCRIBE and both[name] != value:
            both[name] = _together(name, both[name], value, place)
    return both


def _together(name: str, one: Any, other: Any, place: str) -> Any:
    if name == "properties" and isinstance(one, dict) and isinstance(other, dict):
        shared = {key: {"allOf": [one[key], other[key]]} for key in one.keys() & other.keys()}
        return one | other | shared
    if name in ("items", "additionalProperties"):
        return {"allOf": [one, other]}
    if name in ("required", "allOf") and isinstance(one, list) and isinstance(other, list):
        return one + other
    if name == "type":
        kinds = _kinds(one, other)
        if kinds:
            return kinds
    elif name == "enum" and isinstance(one, list) and isinstance(other, list):
        return [value for value in one if any(same(value, each) for each in other)]
    elif name in _LARGER + _SMALLER and is_a(one, "number") and is_a(other, "number"):
        return max(one, other) if name in _LARGER else min(one, other)
    raise unfit(place, f"two different {name} for one value are not supported here")


def _kinds(one: Any, other: Any) -> list[Any]:
    """The types that both allow; an integer is a number."""
    ones, others = (each if isinstance(each, list) else [each] for each in (one, other))
    kinds = [kind for kind in ones if kind in others]
    if "number" in ones + others and "integer" in ones + others and "integer" not in kinds:
        kinds.append("integer")
    return kinds


def _check_closed(one: dict[str, Any], other: dict[str, Any], place: str) -> None:
    """`additionalProperties` speaks of the properties beside it, and not of the other schema's."""
    for closed, names in ((one, other), (other, one)):
        known = closed.get("properties") or {}
        added = names.get("properties") or {}
        if (
            closed.get("additionalProperties", True) is not True
            and not added.keys() <= known.keys()
        ):
            raise unfit(place, "allOf of properties and additionalProperties is not supported here")


def apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether no value can fit both: other types, or other constants."""
    if "type" in one and "type" in other and not _kinds(one["type"], other["type"]):
        return True
    ones, others = _values(one), _values(other)
    if ones is not None and others is not None:
        return not any(same(a, b) for a in ones for b in others)
    if not {"properties", "required"} <= one.keys() & other.keys():
        return False
    needed = [name for name in one["required"] if name in other["required"]]
    return "object" == one.get("type") == other.get("type") and any(
        isinstance(one["properties"].get(name), dict)
        and isinstance(other["properties"].get(name), dict)
        and apart(one["properties"][name], other["properties"][name])
        for name in needed
    )


def _values(schema: dict[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def is_a(value: object, kind: str) -> bool:
    """Whether a value of JSON is of that type."""
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return kind == "number" or value == value // 1
    types: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool}
    return value is None if kind == "null" else isinstance(value, types[kind])


def same(one: object, other: object) -> bool:
    """Equality of JSON: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other
