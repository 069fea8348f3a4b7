"""A recipe, read from its TOML file and from flags: how the rows of a table become jobs.

model = "deepseek-v4-flash"
system = "You label support tickets."
user = "Ticket: {{ subject }}\\n\\n{{ body }}"
expected = "label"
max_tokens = 20
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from headrace.text_file import TextEncodingError, read_text
from headrace.toml_keys import snake_keys

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..forms import schema_named, way_of
from ..records import Recipe, SchemaBy
from ..wording import or_listed, suggested

# Texts that may stand in a file of their own: `user_file` for `user`.
IN_FILES = ("system", "user")
ENDING = "_file"
KEYS = (*Recipe.__struct_fields__, *(name + ENDING for name in IN_FILES))
# Fields of the body that the recipe sets by keys of its own.
OWN_FIELDS = ("model", "max_tokens", "temperature")


def read_recipe(path: Path | None, **flags: Any) -> Recipe:
    """The recipe in a TOML file, with what flags say in the place of its own.

    Args:
        path: of the file, which the paths in it are relative to; None where flags say it all.
        flags: `template` and `system` are files, `model` and `id` as in a recipe; None is none.

    Raises:
        InputError: a file can't be read, a key is unknown or its value is not of its type.
    """
    where = "the recipe" if path is None else str(path)
    given = {} if path is None else _table(path)
    for name in given:
        if name not in KEYS:
            near = suggested(name, KEYS)
            other = near or "; any other field of the body belongs below [body]"
            raise InputError(f"{where}: {name!r} is not a key of a recipe{other}")
    base = Path() if path is None else path.parent
    for name in IN_FILES:
        if (file := given.pop(name + ENDING, None)) is not None:
            if name in given:
                raise InputError(f"{where}: {name} and {name}{ENDING} are both there; keep one")
            given[name] = _text(base, file, f"{where}: {name}{ENDING}")
    if isinstance(given.get("messages"), list):
        given["messages"] = list(_messages(given["messages"], base, where))
    if (schema := given.get("schema")) is not None:
        given["schema"] = schema_named(schema, base, f"{where}: schema")
    if (template := flags.pop("template", None)) is not None:
        given["user"] = _text(Path(), template, "--template")
        given.pop("messages", None)
    if (system := flags.pop("system", None)) is not None:
        given["system"] = _text(Path(), system, "--system")
    given |= {name: value for name, value in flags.items() if value is not None}
    return checked(given, where)


def checked(given: dict[str, Any], where: str) -> Recipe:
    """A recipe of these keys. Raises InputError; `where` says what it was read from."""
    if "model" not in given:
        raise InputError(f'{where}: no model; write model = "...", or give --model')
    by = given.get("schema_by")
    if isinstance(by, str) and by not in get_args(SchemaBy):
        raise InputError(f"{where}: schema_by is {by!r}{or_listed(by, get_args(SchemaBy))}")
    try:
        recipe = msgspec.convert(given, Recipe)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {_in_words(error)}") from error
    if recipe.url not in ENDPOINTS:
        known = ", ".join(ENDPOINTS)
        raise InputError(f"{where}: unknown url {recipe.url!r}; write one of {known}")
    if recipe.samples < 1:
        raise InputError(f"{where}: samples is {recipe.samples}; it is at least 1")
    own = {name for name in OWN_FIELDS if getattr(recipe, name) is not None}
    if twice := sorted(own & recipe.body.keys()):
        raise InputError(f"{where}: {twice[0]} stands in [body] too; keep one of them")
    asks = recipe.user is not None or recipe.messages is not None
    if recipe.messages is not None and (recipe.user is not None or recipe.system is not None):
        raise InputError(f"{where}: messages stand in the place of system and user; keep one")
    way_of(recipe, where)
    if not asks and not recipe.body.keys() - {"model"}:
        raise InputError(f'{where}: nothing is asked; write user = "...{{{{ column }}}}..."')
    return recipe


def _table(path: Path) -> dict[str, Any]:
    try:
        return snake_keys(tomllib.loads(read_text(path)))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; name a recipe in TOML") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} can't be used: {reason}") from error


def _text(base: Path, file: Any, what: str) -> str:
    if not isinstance(file, str | Path):
        raise InputError(f"{what} is {file!r}; write the name of a file in quotes")
    path = base / file
    try:
        return read_text(path)
    except TextEncodingError as error:
        raise InputError(f"{what}: {path} is not UTF-8; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{what}: {path} can't be read: {reason}") from error


def _messages(given: list[Any], base: Path, where: str) -> Iterator[dict[str, Any]]:
    for number, message in enumerate(given, 1):
        what = f"{where}: message {number}"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise InputError(f'{what} has no role; write role = "user" and content = "..."')
        found = dict(message)
        if (file := found.pop("content" + ENDING, None)) is not None:
            found["content"] = _text(base, file, f"{what}: content{ENDING}")
        yield found


def _in_words(error: msgspec.ValidationError) -> str:
    """What msgspec says, with the key first: "samples: expected `int`, got `str`"."""
    said, _, place = str(error).partition(" - at `$.")
    return f"{place.rstrip('`')}: {said[:1].lower()}{said[1:]}" if place else said
