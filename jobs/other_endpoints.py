"""Endpoints that are not in the table: which of them jobs may name, and where their usage is.

    [endpoints."/v1/score"]
    input-tokens = "usage.prompt_tokens"

What such an endpoint bills is not known, so its answers have no cost.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from headrace.settings_file import SettingsFileError, read_settings
from headrace.toml_keys import KeyTwiceError, snake_keys

from .errors import InputError
from .wording import suggested

TABLE = "endpoints"
# The counts that a table may name, as the columns are called.
COUNTS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "searches",
)
# A path of letters that need no escape, without a query, an empty part, or one that leads upwards.
_PATH = re.compile(
    r"(?:/(?!(?:\.|%2e){1,2}(?:/|$))[a-z0-9._~!$&'()*+,;=:@%-]+)+/?", re.IGNORECASE | re.ASCII
)
_PLACE = re.compile(r"[^.\s]+(?:\.[^.\s]+)*")

# A count's name, and where in the body it is: keys, and numbers of list items.
UsagePlaces = Mapping[str, tuple[str, ...]]


class OtherEndpoints(NamedTuple):
    """The endpoints that jobs may name besides those of the table.

    Args:
        any: whether any path is taken (--any-endpoint).
        named: where the answers of a path tell their usage, by path; these are taken too.
    """

    any: bool = False
    named: Mapping[str, UsagePlaces] = {}

    def take(self, path: str) -> bool:
        """Whether jobs may name this path."""
        return path in self.named or (self.any and is_path(path))


NO_OTHERS = OtherEndpoints()
ALL_OTHERS = OtherEndpoints(any=True)


def is_path(url: str) -> bool:
    """Whether a url is the path of an endpoint, and nothing more."""
    return _PATH.fullmatch(url) is not None


def other_endpoints_from(path: Path, *, any_endpoint: bool = False) -> OtherEndpoints:
    """The endpoints of a settings file; none where the file does not exist.

    Args:
        path: the settings file.
        any_endpoint: whether any other path is taken, too.

    Raises:
        InputError: for anything that is not an endpoint with places of its usage.
    """
    try:
        table = read_settings(path).get(TABLE, {})
    except SettingsFileError as error:
        raise InputError(str(error)) from error
    try:
        return OtherEndpoints(any_endpoint, usage_places(table))
    except InputError as error:
        raise InputError(f"{path}: {error.message}") from error


def usage_places(table: Any) -> dict[str, UsagePlaces]:
    """Where the answers of endpoints tell their usage, by path.

    Args:
        table: by path, names of counts and their places: `{"/v1/score": {"input-tokens":
            "usage.x"}}`. Names may be written with - or _.

    Raises:
        InputError: for anything else.
    """
    if not isinstance(table, Mapping):
        raise InputError(f'{TABLE} are tables, like [{TABLE}."/v1/score"]')
    return {path: _places(path, fields) for path, fields in table.items()}


def _places(path: str, fields: Any) -> UsagePlaces:
    where = f'[{TABLE}."{path}"]'
    if not is_path(path):
        raise InputError(f"{where}: {path!r} is not a path; write one such as /v1/score")
    if not isinstance(fields, Mapping):
        raise InputError(f'{where} is not a table; write it, and below it input-tokens = "usage.x"')
    try:
        given = snake_keys(fields)
    except KeyTwiceError as error:
        raise InputError(f"{where}: {error}") from error
    found: dict[str, tuple[str, ...]] = {}
    for count, place in given.items():
        if count not in COUNTS:
            known = [each.replace("_", "-") for each in COUNTS]
            raise InputError(
                f"{where} holds {count.replace('_', '-')!r}; it may hold {', '.join(known)}"
                f"{suggested(count, known)}"
            )
        if isinstance(place, list | tuple):  # taken apart already
            found[count] = tuple(map(str, place))
        elif isinstance(place, str) and _PLACE.fullmatch(place) is not None:
            found[count] = tuple(place.split("."))
        else:
            name = count.replace("_", "-")
            raise InputError(f'{where} {name} is {place!r}; write a place such as "usage.x"')
    return found
