"""judge.toml: how a model is asked what an answer is worth.

model = "deepseek-v4-flash"
prompt = "Question: {{ question }}\\nAnswer: {{ text }}\\nIs it right? End with 1 or 0."
scale = [0, 1]
votes = 3

[run]
max-cost = 2
"""

import re
import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from headrace.given_file import read_given
from headrace.jobs import ENDPOINTS, InputError, Recipe, suggested
from headrace.toml_keys import snake_keys

IN_FILES = ("prompt", "system")
ENDING = "_file"
# Files that a flag of `run` may name, which are relative to judge.toml.
FILE_FLAGS = ("prices",)
# What the command itself says of the judge's run.
OWN_FLAGS = ("out", "recipe", "json", "rerun-changed", "api-key")
VOTES_MAX = 1_000
MAX_COST = "max-cost"


class Judge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A judge. `prompt` and `system` are templates over an answer's row; `scale` is the lowest and
    the highest vote, `run` the flags of `headrace run`, `body` other fields of the request."""

    model: str
    prompt: str
    system: str | None = None
    url: str = "/v1/chat/completions"
    scale: tuple[float, float] = (0.0, 1.0)
    votes: int = 1
    max_tokens: int | None = None
    temperature: float | None = None
    name: str = "judge"
    body: dict[str, Any] = {}
    run: dict[str, Any] = {}

    @property
    def recipe(self) -> Recipe:
        """How an answer becomes jobs, one for each vote."""
        return Recipe(
            model=self.model,
            url=self.url,
            id="custom_id",
            system=self.system,
            user=self.prompt,
            samples=self.votes,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            body=self.body,
        )

    def costing_at_most(self, amount: Decimal | None) -> "Judge":
        """The same, whose votes may come to no more than this, nor than its own file says."""
        if amount is None:
            return self
        try:
            if (own := self.run.get(MAX_COST)) is not None and Decimal(str(own)) <= amount:
                return self
        except InvalidOperation:
            return self  # which the run refuses, in its own words
        return msgspec.structs.replace(self, run={**self.run, MAX_COST: f"{amount:f}"})

    def names(self, column: str) -> bool:
        """Whether a template speaks of a column."""
        texts = f"{self.prompt} {self.system or ''}"
        return re.search(rf"\{{[{{%][^}}]*\b{column}\b", texts) is not None


def read_judge(path: Path) -> Judge:
    """A judge from its file. Raises InputError where it can't be read or used."""
    given = _table(path)
    known = (*Judge.__struct_fields__, *(name + ENDING for name in IN_FILES))
    if unknown := [name for name in given if name not in known]:
        near = suggested(unknown[0], known)
        other = near or "; fields of the body belong below [body], flags of run below [run]"
        raise InputError(f"{path}: {unknown[0]!r} is not a key of a judge{other}")
    for name in IN_FILES:
        if (file := given.pop(name + ENDING, None)) is not None:
            if name in given:
                raise InputError(f"{path}: {name} and {name}{ENDING} are both there; keep one")
            given[name] = _text(path.parent / str(file), f"{path}: {name}{ENDING}")
    for name, example in (("model", '"..."'), ("prompt", '"...{{ text }}..."')):
        if name not in given:
            raise InputError(f"{path}: no {name}; write {name} = {example}")
    try:
        judge = msgspec.convert(given, Judge, strict=True)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        raise InputError(f"{path}: {place.rstrip('`') or 'judge'}: {said.lower()}") from error
    _check(judge, path)
    return msgspec.structs.replace(judge, run=_flags(judge.run, path))


def _check(judge: Judge, path: Path) -> None:
    low, high = judge.scale
    if not low < high:
        raise InputError(f"{path}: scale is the lowest and the highest vote, such as [1, 5]")
    if not 1 <= judge.votes <= VOTES_MAX:
        raise InputError(f"{path}: votes is {judge.votes}; write 1 to {VOTES_MAX:,}")
    talking = [url for url, endpoint in ENDPOINTS.items() if endpoint.prompt == "messages"]
    if judge.url not in talking:
        raise InputError(
            f"{path}: {judge.url!r} is not the url of a judge; write one of {', '.join(talking)}"
        )
    if not judge.names("text"):
        raise InputError(f"{path}: the prompt has no {{{{ text }}}}, which is the answer to judge")


def _flags(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """The flags of `run` with their dashes, files relative to judge.toml."""
    found = {name.replace("_", "-"): value for name, value in given.items()}
    for name, value in found.items():
        if name in OWN_FLAGS:
            raise InputError(f"{path}: [run] {name} is not for a judge; leave it out")
        if isinstance(value, dict | list):
            raise InputError(f"{path}: [run] {name} is not a value of a flag")
    for name in FILE_FLAGS:
        if name in found:
            found[name] = str(path.parent / str(found[name]))
    return found


def flags_of(run: dict[str, Any]) -> list[str]:
    """Flags as a command line has them; true stands for the flag itself, false for none."""
    found = []
    for name, value in run.items():
        if value is True:
            found.append(f"--{name}")
        elif value is not False:
            found.append(f"--{name}={value}")
    return found


def _table(path: Path) -> dict[str, Any]:
    try:
        return snake_keys(tomllib.loads(read_given(path).decode("utf-8-sig")))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; name a judge in TOML") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} can't be used: {reason}") from error


def _text(path: Path, what: str) -> str:
    try:
        return read_given(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(f"{what}: {path} can't be read: {reason}") from error
