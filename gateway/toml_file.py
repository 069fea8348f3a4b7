"""Reading the TOML files of the gateway: its configuration and its prices."""

import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from headrace.text_file import read_text

from .errors import GatewayError

T = TypeVar("T")


def read_toml(
    path: Path,
    schema: type[T],
    *,
    what: str,
    prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> T:
    """The content of a TOML file as `schema`, its fractions as Decimal.

    Args:
        path: the file.
        schema: the type that it is converted to.
        what: what the file is called in a message, such as "price file".
        prepare: makes of the file what is converted; None leaves it as it is.

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
        return msgspec.convert(data if prepare is None else prepare(data), schema)
    except msgspec.ValidationError as error:
        raise GatewayError(f"{path}: {error}") from error
