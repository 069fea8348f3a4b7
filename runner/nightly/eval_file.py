"""The eval file of `headrace nightly`: what is asked each night, how it is scored, and what it must
meet.

data = "questions.parquet"
recipe = "ask.toml"
runs = "runs"
score = ["exact"]
require = ["error_rate <= 1%", "cost < 5"]
beside_require = ["mean(exact) >= base"]

[run]
prices = "prices.toml"
max-cost = 5
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import click

from headrace.given_file import read_given
from headrace.jobs import Expression, InputError, parse_condition, suggested
from headrace.toml_keys import KeyTwiceError, snake_keys

KEYS = ("data", "recipe", "runs", "score", "judge", "require", "beside_require", "beside", "run")
# What a night may be held beside, but for the directory of a run.
LAST_GOOD, BASELINE = "last-good", "baseline"
DAILY_BUDGET = "max_cost"
# Flags of `run` that hold paths, which are relative to the eval file.
PATH_FLAGS = ("prices", "images_from")
# Flags of `run` that are the night's own to set.
OWN_FLAGS = {
    "out": "nights are kept below `runs`",
    "recipe": "`recipe` stands above [run]",
    "json": "give it to `headrace nightly`",
    "as_json": "give it to `headrace nightly`",
}
URL = re.compile(r"[a-z][a-z0-9+.-]*://")


class EvalFile(NamedTuple):
    """An eval file, read and checked as far as that goes without a run.

    Paths are relative to the current directory. `digest` is of the file's bytes. `flags` are those
    of `run` as one would type them, without the budget; `budget` is that of a day.
    """

    path: Path
    digest: str
    data: str
    recipe: Path | None
    runs: Path
    scores: tuple[str, ...]
    judge: Path | None
    require: tuple[Expression, ...]
    beside_require: tuple[Expression, ...] | None
    beside: tuple[str, ...]
    flags: tuple[str, ...]
    budget: Decimal | None


def read_eval_file(path: Path, run_command: click.Command) -> EvalFile:
    """Read an eval file.

    Args:
        path: of the file.
        run_command: the command `run`, whose flags `[run]` may hold.

    Raises:
        InputError: it can't be read, a key is unknown, or a value is not of its type.
    """
    text, given = _table(path)
    base = path.parent
    for name in given:
        if name not in KEYS:
            flag = name in _flags_of(run_command)
            near = "; a flag of `run` belongs below [run]" if flag else suggested(name, KEYS)
            raise InputError(f"{path}: {name!r} is not a key of an eval file{near}")
    if "data" not in given:
        raise InputError(f'{path}: no data; write data = "questions.parquet"')
    data = _text(path, given, "data")
    if data == "-":
        raise InputError(f"{path}: data is standard input, which a second start can't read again")
    recipe = _text(path, given, "recipe") if "recipe" in given else None
    beside_require = _conditions(path, given, "beside_require")
    flags, budget = _run_flags(path, given.get("run", {}), run_command)
    return EvalFile(
        path=path,
        digest=hashlib.sha256(text).hexdigest()[:32],
        data=data if URL.match(data) else str(base / data),
        recipe=None if recipe is None else base / recipe,
        runs=base / (_text(path, given, "runs") if "runs" in given else f"{path.stem}.runs"),
        scores=_texts(path, given, "score"),
        judge=base / _text(path, given, "judge") if "judge" in given else None,
        require=_conditions(path, given, "require"),
        beside_require=beside_require if "beside_require" in given else None,
        beside=_beside(path, given),
        flags=flags,
        budget=budget,
    )


def _table(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = read_given(path)
        found = snake_keys(tomllib.loads(data.decode("utf-8-sig"), parse_float=Decimal))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; name an eval file in TOML") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8; save it as UTF-8") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} can't be used: {reason}") from error
    return data, found


def _text(path: Path, given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InputError(f"{path}: {name} is {_shown(value)}; write it as text in quotes")
    return value


def _texts(path: Path, given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """One text, or a list of some."""
    value = given.get(name, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise InputError(f"{path}: {name} is {_shown(value)}; write a list of texts in quotes")
    if twice := next((each for each in found if found.count(each) > 1), None):
        raise InputError(f"{path}: {name} has {twice!r} twice; keep one of them")
    return tuple(found)


def _conditions(path: Path, given: Mapping[str, Any], name: str) -> tuple[Expression, ...]:
    found = []
    for text in _texts(path, given, name):
        try:
            found.append(parse_condition(text))
        except InputError as error:
            raise InputError(f"{path}: {name}: {error.said}", details=error.details) from error
    return tuple(found)


def _beside(path: Path, given: Mapping[str, Any]) -> tuple[str, ...]:
    """`last-good`, `baseline`, or run directories relative to the eval file."""
    if "beside" not in given:
        return (LAST_GOOD, BASELINE)
    return tuple(
        each if each in (LAST_GOOD, BASELINE) else str(path.parent / each)
        for each in _texts(path, given, "beside")
    )


def _run_flags(
    path: Path, given: Any, command: click.Command
) -> tuple[tuple[str, ...], Decimal | None]:
    """What `[run]` says, as flags, and the budget of a day."""
    if not isinstance(given, dict):
        raise InputError(f"{path}: run is {_shown(given)}; write a table, [run]")
    known, flags = _flags_of(command), list[str]()
    budget: Decimal | None = None
    try:
        snake_keys(given)
    except KeyTwiceError as error:
        raise InputError(f"{path}: [run]: {error}") from error
    for written, value in given.items():
        name = written.replace("-", "_")
        if "key" in name:
            raise InputError(
                f"{path}: {written!r} in [run]: a key does not belong in a file; "
                "set HEADRACE_API_KEY"
            )
        if name in OWN_FLAGS:
            raise InputError(f"{path}: {written!r} does not belong in [run]: {OWN_FLAGS[name]}")
        if name not in known:
            near = suggested(written, [each.replace("_", "-") for each in known])
            raise InputError(f"{path}: {written!r} in [run] is not a flag of `run`{near}")
        if name == DAILY_BUDGET:
            budget = _amount(path, written, value)
        else:
            flags += _typed(path, written, value, known[name])
    return tuple(flags), budget


def _flags_of(command: click.Command) -> dict[str, click.Option]:
    return {
        name.lstrip("-").replace("-", "_"): option
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
    }


def _typed(path: Path, written: str, value: Any, option: click.Option) -> Sequence[str]:
    """A flag as it would be typed."""
    flag = option.opts[0]
    if option.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {written} in [run] is {_shown(value)}; write true or false")
        return [flag] if value else []
    values = value if isinstance(value, list) and option.multiple else [value]
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str | int | float | Decimal):
            raise InputError(f"{path}: {written} in [run] is {_shown(value)}; `run` takes no such")
    if flag.lstrip("-").replace("-", "_") in PATH_FLAGS:
        values = [path.parent / str(each) for each in values]
    return [f"{flag}={each}" for each in values]


def _amount(path: Path, written: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        amount = Decimal(0)
    if isinstance(value, bool) or not amount.is_finite() or amount <= 0:
        raise InputError(
            f"{path}: {written} in [run] is {_shown(value)}; write an amount above zero, like 2.50"
        )
    return amount


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
