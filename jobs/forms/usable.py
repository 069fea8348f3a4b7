"""Whether a JSON schema can be used: it is one, refers to nothing outside of itself, comes to an
end, and has patterns that take no more time than the text is long."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from ..errors import InputError
from ..panics import quiet_panics
from .rules import Steps, TooLongError, bounded, found_in

# Below these stand values, and no schemas.
VALUES = frozenset({"const", "enum", "default", "examples", "example"})
# What tells schemas that refer to themselves without end, whatever type they are about.
PROBES: tuple[Any, ...] = (None, {}, [], "", 0)
PROBE_STEPS = 100_000
SHOWN_CHARACTERS = 200


def check_schema(schema: Any, what: str) -> dict[str, Any]:
    """Refuse what is not a JSON schema, or one that answers can't be held against.

    Args:
        schema: as it was read.
        what: where it was read from, for messages.

    Returns:
        The schema.

    Raises:
        InputError: in one line.
    """
    if not isinstance(schema, dict):
        raise InputError(f"{what} is not a JSON schema: it is not an object")
    try:
        _check(schema, what)
        return schema
    except RecursionError as error:
        raise InputError(f"{what} is not a JSON schema: it is nested too deeply") from error


def validator_of(schema: dict[str, Any], steps: Steps) -> Any:
    """jsonschema's validator of a schema, by rules that come to an end; it fetches nothing.

    Args:
        schema: one that `check_schema` let pass.
        steps: what its looks at rules take.
    """
    from jsonschema import validators
    from referencing import Registry

    draft = _draft(schema)
    kind = validators.extend(draft, bounded(draft.VALIDATORS, steps))
    return kind(schema, registry=Registry())


def _draft(schema: dict[str, Any]) -> Any:
    """The draft that `$schema` names, by default 2020-12; None where none is known by its name."""
    from jsonschema import Draft202012Validator, validators

    if "$schema" not in schema:
        return Draft202012Validator
    named = schema["$schema"]
    return validators.validator_for(schema, default=None) if isinstance(named, str) else None


def _check(schema: dict[str, Any], what: str) -> None:
    from jsonschema import FormatChecker, SchemaError

    draft = _draft(schema)
    if draft is None:
        raise InputError(
            f"{what}: $schema is {schema['$schema']!r}, which is not a draft of JSON schema that "
            "is known here; leave it out"
        )
    try:
        draft.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = error.json_path
        said = error.message[:SHOWN_CHARACTERS]
        raise InputError(f"{what} is not a JSON schema: {place}: {said}") from error
    keywords = {name for each in _objects(schema) for name in each}
    if {"patternProperties", "unevaluatedProperties"} <= keywords:
        raise InputError(
            f"{what}: unevaluatedProperties beside patternProperties can't be checked in bounded "
            "time; write additionalProperties"
        )
    for pattern in _patterns(schema):
        _check_pattern(pattern, what)
    _check_end(schema, what)
    _check_references(schema, what)


def _check_pattern(pattern: str, what: str) -> None:
    try:
        with quiet_panics():
            found_in(pattern, "")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
        raise InputError(
            f"{what}: the pattern {pattern[:SHOWN_CHARACTERS]!r} can't be checked in bounded time: "
            "write it without look-around and references back"
        ) from error


def _check_references(schema: dict[str, Any], what: str) -> None:
    """Each `$ref` leads somewhere in the schema; where parts of it have names of their own, the
    probes alone have told."""
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    if any("$id" in each for each in _objects(schema) if each is not schema):
        return
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().resolver_with_root(resource)
    for each in _objects(schema):
        if isinstance(reference := each.get("$ref"), str):
            try:
                resolver.lookup(reference)
            except (Unresolvable, ValueError, LookupError, TypeError) as error:
                raise InputError(
                    f"{what}: $ref {reference[:SHOWN_CHARACTERS]!r} leads nowhere in the schema; "
                    "nothing outside of it is fetched"
                ) from error


def _check_end(schema: dict[str, Any], what: str) -> None:
    from referencing.exceptions import Unresolvable

    steps = Steps()
    validator = validator_of(schema, steps)
    for probe in PROBES:
        steps.left = PROBE_STEPS
        try:
            validator.is_valid(probe)
        except (RecursionError, TooLongError) as error:
            raise InputError(f"{what}: it refers to itself without end") from error
        except Unresolvable as error:
            raise InputError(
                f"{what}: $ref {str(error.ref)[:SHOWN_CHARACTERS]!r} leads nowhere in the schema; "
                "nothing outside of it is fetched"
            ) from error


def _patterns(schema: Any) -> Iterator[str]:
    for each in _objects(schema):
        if isinstance(pattern := each.get("pattern"), str):
            yield pattern
        if isinstance(patterns := each.get("patternProperties"), dict):
            yield from patterns


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a schema that may be schemas."""
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name not in VALUES:
                yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
