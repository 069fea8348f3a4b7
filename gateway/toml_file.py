"""Reading the TOML files of the gateway: its configuration and its prices."""

import difflib
import re
import tomllib
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from headrace.text_file import read_text
from headrace.toml_keys import KeyTwiceError, snake_keys

from .errors import GatewayError

T = TypeVar("T")

UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]*)`")  # as msgspec says it


def read_toml(path: Path, schema: type[T], *, what: str) -> T:
    """The content of a TOML file as `schema`, its fractions as Decimal; its keys with - or with _.

    Args:
        path: the file.
        schema: the type that it is converted to.
        what: what the file is called in a message, such as "price file".

    Raises:
        GatewayError: naming the file and, where it can be read, the key at fault.
    """
    try:
        data = tomllib.loads(read_text(path), parse_float=Decimal)
    except OSError as error:
        raise GatewayError(f"cannot read the {what} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        # Not TOML, not UTF-8, a number of thousands of digits, or nested too deeply.
        raise GatewayError(f"{path} is not a TOML {what}: {error}") from error
    try:
        return msgspec.convert(_spelled(data, _keys(schema)), schema)
    except KeyTwiceError as error:
        raise GatewayError(f"{path}: {error}") from error
    except msgspec.ValidationError as error:
        raise GatewayError(f"{path}: {error}{_meant(str(error), schema)}") from error


def _spelled(data: Any, known: Collection[str]) -> Any:
    """Its tables with the keys that are known as the code spells them; names of models stay."""
    if isinstance(data, list):
        return [_spelled(each, known) for each in data]
    if not isinstance(data, dict):
        return data
    return {key: _spelled(each, known) for key, each in snake_keys(data, known).items()}


def _meant(said: str, schema: type[Any]) -> str:
    """The key of the file that is nearest to one that is not known, as the end of a message."""
    unknown = UNKNOWN_FIELD.match(said)
    if unknown is None:
        return ""
    near = difflib.get_close_matches(unknown[1].replace("-", "_"), _keys(schema), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _keys(schema: type[Any]) -> list[str]:
    """All keys that a file of this schema may have, in tables of any depth."""
    _, parts = msgspec.json.schema_components([schema])
    return [key for part in parts.values() for key in part.get("properties", ())]
