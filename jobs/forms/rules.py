"""JSON schema's rules as jsonschema has them, but for those that an answer could make endless.

Python's `re` may take for ever over a short text, and nothing can interrupt it: patterns are run by
the engine in polars, whose time grows with the length of text and pattern. It knows no look-around
and no references back. Items are compared by what they are written as, not each with each other.
And each look at a rule counts: an answer that takes too many is not looked at any further.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from threading import local
from typing import Any

import msgspec
import polars as pl

Rule = Callable[[Any, Any, Any, Any], Any]


class TooLongError(Exception):
    """To check the answer takes more steps than it was given."""


class Steps(local):
    """How many looks at a rule are left, in each thread apart."""

    left = 0

    def take(self) -> None:
        """Take one. Raises TooLongError where none is left."""
        self.left -= 1
        if self.left < 0:
            raise TooLongError


def found_in(pattern: str, text: str) -> bool:
    """Whether a pattern is anywhere in a text. Raises polars' ComputeError where it is not one."""
    return bool(pl.Series([text]).str.contains(pattern, strict=True)[0])


def bounded(rules: dict[str, Rule], steps: Steps) -> dict[str, Rule]:
    """The rules of a draft with ours in their places, each of which takes a step."""
    return {name: _counted(OURS.get(name, rule), steps) for name, rule in rules.items()}


def _counted(rule: Rule, steps: Steps) -> Rule:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        steps.take()
        return rule(validator, value, instance, schema)

    return counted


@cache
def _error() -> Any:
    from jsonschema import ValidationError

    return ValidationError


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not found_in(pattern, instance):
        yield _error()(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, given: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in given.items():
        for name, value in instance.items():
            if found_in(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [
        name
        for name in instance
        if name not in known and not any(found_in(each, name) for each in patterns)
    ]
    if isinstance(allowed, dict):
        for name in others:
            yield from validator.descend(instance[name], allowed, path=name)
    elif not allowed and others:
        names = ", ".join(map(repr, others))
        yield _error()(f"{names} is not one of the properties, and no other is allowed")


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if unique and isinstance(instance, list):
        written = [
            msgspec.json.encode(_same_where_equal(each), order="sorted") for each in instance
        ]
        if len(set(written)) < len(written):
            yield _error()("two of the items are equal")


def _same_where_equal(value: Any) -> Any:
    """The value, in which numbers that are equal are written alike: 1.0 as 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_same_where_equal(each) for each in value]
    if isinstance(value, dict):
        return {name: _same_where_equal(each) for name, each in value.items()}
    return value


def _multiple_of(_validator: Any, of: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    """By what is written: 19.99 is a multiple of 0.01, whatever their binary fractions are."""
    number = isinstance(instance, int | float) and not isinstance(instance, bool)
    if number and Fraction(str(instance)) % Fraction(str(of)):
        yield _error()(f"{instance!r} is not a multiple of {of!r}")


OURS: dict[str, Rule] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
}
