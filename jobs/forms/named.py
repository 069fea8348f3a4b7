"""The schema that a recipe names: a file of JSON, or a Pydantic model in a module of the user's."""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from headrace.given_file import read_given

from ..errors import InputError
from .usable import check_schema

# "tickets:Label", "forms.tickets:Label". Nothing else is ever imported.
MODEL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def schema_named(name: Any, base: Path, what: str) -> dict[str, Any]:
    """The JSON schema by this name.

    Args:
        name: a file, or `module:Model`.
        base: the directory that files are in, and modules that are not installed.
        what: where the name was read, for messages.

    Raises:
        InputError: there is none, or it can't be used.
    """
    if not isinstance(name, str):
        raise InputError(f'{what} is {name!r}; write "FILE.json" or "module:Model"')
    if found := MODEL.fullmatch(name):
        schema = _of_model(found[1], found[2], base, what)
    else:
        schema = _of_file(base / name, what)
    return check_schema(schema, f"{what}: {name}")


def _of_file(path: Path, what: str) -> Any:
    try:
        return json.loads(read_given(path).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{what}: {path} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{what}: {path} can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what}: {path} is not JSON: {error}") from error


def _of_model(module: str, name: str, base: Path, what: str) -> Any:
    said = f"{what}: {module}:{name}"
    with _found_beside(base):
        try:
            model = getattr(importlib.import_module(module), name, None)
            if not callable(make := getattr(model, "model_json_schema", None)):
                there = "is not a Pydantic model" if model is not None else "is not there"
                raise InputError(f"{said} {there}; name a class that has model_json_schema()")
            # Through JSON: what run.json will have of it.
            return json.loads(json.dumps(make()))
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise InputError(f"{said} can't be used: {reason}") from error


@contextmanager
def _found_beside(base: Path) -> Iterator[None]:
    """Modules beside the recipe are found, after those that are installed: none of theirs is put
    in the place of one that this program needs."""
    beside = str(base.resolve())
    sys.path.append(beside)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(beside)
