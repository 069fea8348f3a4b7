"""Values that fit a JSON schema, made from a seed: for calls of tools, and answers of a form.

What can't be promised to fit (`pattern`, `not`, `if` ...) is refused with a 400 that names it, and
so is what nothing fits. Keywords that only describe are ignored.
"""

import json
from collections.abc import Callable
from typing import Any

from .draws import SeededDraws
from .params import Schema
from .schema_merge import apart, is_a, merged, same
from .schema_scalars import count_of, number_of, string_of, unfit

# Beyond this depth little that is optional is made, so that schemas that refer to themselves come
# to an end; one that goes deeper all the same may have no finite value.
ENOUGH_DEPTH = 4
MOST_DEPTH = 40
MOST_VALUES = 5_000
LONGEST_SCHEMA = 200_000
_TRIES = 100
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_REFUSED = frozenset(
    (
        *("pattern", "patternProperties", "propertyNames", "minProperties", "maxProperties"),
        *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
        *("contains", "minContains", "maxContains", "prefixItems", "additionalItems"),
        *("unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"),
    )
)
# What a schema without `type` is about, by the first of these that it has.
_IMPLIED = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "items": "array",
    "minItems": "array",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
}
_BESIDE_ENUM = frozenset(_IMPLIED) | {"maxItems", "uniqueItems", "minLength", "maxLength"}


class SchemaValues:
    """Makes values of one schema. What it can't make is an ApiError 400 that names the place.

    Args:
        root: the schema; its `$ref`s are looked up in it.
        draws: decide on everything that the schema leaves open.
        words: makes a text, for strings.
        place: the parameter that the schema came in.
    """

    def __init__(
        self, root: Schema, draws: SeededDraws, words: Callable[[], str], *, place: str
    ) -> None:
        if len(json.dumps(root)) > LONGEST_SCHEMA:
            raise unfit(place, f"the schema has more than {LONGEST_SCHEMA} characters")
        self._root = root
        self._draws = draws
        self._words = words
        self._place = place
        self._looked_at = 0

    def make(self) -> Any:
        """A value that fits."""
        return self._value(self._root, self._place, 0)

    def _value(self, schema: Any, place: str, depth: int) -> Any:
        rules = self._flatten(schema, place, depth)
        for name in rules:
            if name in _REFUSED:
                raise unfit(place, f"{name} is not supported here")
        types = self._types(rules, place)
        if "const" in rules or "enum" in rules:
            return self._one_of(rules, types, place)
        kind = types[self._draws.integer(len(types))]
        if kind == "object":
            return self._object(rules, place, depth)
        if kind == "array":
            return self._array(rules, place, depth)
        if kind == "string":
            return string_of(rules, self._draws, self._words, place)
        if kind in ("integer", "number"):
            return number_of(rules, self._draws, whole=kind == "integer", place=place)
        return None if kind == "null" else bool(self._draws.integer(2))

    def _flatten(self, schema: Any, place: str, depth: int) -> dict[str, Any]:
        """`schema` without `$ref`, `allOf`, `anyOf` and `oneOf`: one way to fit them is chosen."""
        while True:
            self._looked_at += 1
            if self._looked_at > MOST_VALUES or depth > MOST_DEPTH:
                raise unfit(place, "its values are too many or too deep, or never end")
            if schema is True:
                return {}
            if not isinstance(schema, dict):
                raise unfit(
                    place, "nothing fits false" if schema is False else "it is not a schema"
                )
            rest = dict(schema)
            if "$ref" in rest:
                schema = merged(rest, self._referred(rest.pop("$ref"), place), place)
            elif "allOf" in rest:
                parts = _schemas(rest.pop("allOf"), "allOf", place)
                schema = rest
                for part in parts:
                    schema = merged(schema, part, place)
            elif "anyOf" in rest:
                branches = _schemas(rest.pop("anyOf"), "anyOf", place)
                schema = merged(rest, self._branch(branches, depth), place)
            elif "oneOf" in rest:
                branches = _schemas(rest.pop("oneOf"), "oneOf", place)
                # A value that fits two of them does not fit.
                plain = [self._flatten(branch, place, depth + 1) for branch in branches]
                for index, one in enumerate(plain):
                    if not all(apart(one, other) for other in plain[index + 1 :]):
                        raise unfit(
                            place, "nothing tells the branches of its oneOf apart; use anyOf"
                        )
                schema = merged(rest, self._branch(branches, depth), place)
            else:
                return rest

    def _branch(self, branches: list[Any], depth: int) -> Any:
        """One of `branches`; deep inside, one that refers to nothing."""
        if depth >= ENOUGH_DEPTH:
            ends = [branch for branch in branches if '"$ref"' not in json.dumps(branch)]
            branches = ends or branches
        return branches[self._draws.integer(len(branches))]

    def _referred(self, reference: Any, place: str) -> Any:
        found: Any = self._root
        if not (isinstance(reference, str) and reference.startswith("#")):
            raise unfit(
                place, f"$ref is {reference!r}; only references within the schema are known"
            )
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not (isinstance(found, dict) and name in found):
                raise unfit(place, f"$ref {reference!r} leads nowhere")
            found = found[name]
        return found

    def _types(self, rules: dict[str, Any], place: str) -> list[str]:
        if "type" not in rules:
            return [next((_IMPLIED[name] for name in _IMPLIED if name in rules), "string")]
        said = rules["type"]
        types = said if isinstance(said, list) else [said]
        if not types or any(kind not in _TYPES for kind in types):
            raise unfit(place, f"type is {said!r}")
        return types

    def _one_of(self, rules: dict[str, Any], types: list[str], place: str) -> Any:
        for name in _BESIDE_ENUM & rules.keys():
            raise unfit(place, f"{name} beside enum or const is not supported here")
        values = rules.get("enum", [rules.get("const")])
        if not isinstance(values, list):
            raise unfit(place, "enum is not a list")
        if "const" in rules:
            values = [value for value in values if same(value, rules["const"])]
        if "type" in rules:
            values = [value for value in values if any(is_a(value, kind) for kind in types)]
        if not values:
            raise unfit(place, "no value of its enum or const fits")
        return values[self._draws.integer(len(values))]

    def _object(self, rules: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        properties, required = rules.get("properties", {}), rules.get("required", [])
        others = rules.get("additionalProperties", True)
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise unfit(place, "properties is not an object, or required not a list")
        made: dict[str, Any] = {}
        for name, schema in properties.items():
            # Most of what is optional is there, as in most answers.
            leave_out = depth >= ENOUGH_DEPTH or self._draws.integer(4) == 0 or schema is False
            if name in required or not leave_out:
                made[name] = self._value(schema, f"{place}.{name}", depth + 1)
        for name in required:
            if not isinstance(name, str):
                raise unfit(place, "required holds what is not a name")
            if name not in made:
                if others is False:
                    raise unfit(place, f"it requires {name!r} and does not allow it")
                made[name] = self._value(others, f"{place}.{name}", depth + 1)
        return made

    def _array(self, rules: dict[str, Any], place: str, depth: int) -> list[Any]:
        least = count_of(rules, "minItems", 0, place)
        most = count_of(rules, "maxItems", least + 3, place)
        if most < least:
            raise unfit(place, f"minItems is {least} and maxItems {most}")
        items = rules.get("items", True)
        if depth >= ENOUGH_DEPTH or items is False:
            most = least
        count = least + self._draws.integer(min(most - least, 3) + 1)
        values: list[Any] = []
        tries = 0
        while len(values) < count:
            value = self._value(items, f"{place}[{len(values)}]", depth + 1)
            if rules.get("uniqueItems") is not True or not any(same(value, v) for v in values):
                values.append(value)
            elif (tries := tries + 1) > _TRIES:
                if len(values) < least:
                    raise unfit(place, f"{least} items that all differ are not found")
                break
        return values


def _schemas(value: Any, name: str, place: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise unfit(place, f"{name} is not a list of schemas")
    return value
