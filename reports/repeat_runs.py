"""Which runs a directory of repeats holds, and of which service each is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from headrace.jobs import InputError

from .run_series import REPEATS_FILE, is_repeats, read_series

SideName = Literal["a", "b"]


class RepeatRuns(NamedTuple):
    """The directories of the runs of both services; `b` is empty of repeats of one."""

    a: list[Path]
    b: list[Path]


class _Listed(msgspec.Struct, frozen=True):
    directory: str
    side: SideName


class _Listing(msgspec.Struct, frozen=True):
    runs: list[_Listed]


def repeat_runs(directory: Path) -> RepeatRuns | None:
    """The runs of a directory of repeats, wherever it was moved to; None of any other.

    Raises InputError where its repeats.json can't be read.
    """
    if not is_repeats(directory):
        return None
    listed = read_series(directory / REPEATS_FILE, _Listing).runs
    sides: dict[SideName, list[Path]] = {"a": [], "b": []}
    for each in listed:
        sides[each.side].append(directory / Path(each.directory).name)
    return RepeatRuns(sides["a"], sides["b"])


def runs_in(directories: Sequence[Path]) -> list[Path]:
    """Run directories, with those of the first service in the place of repeats.

    Raises InputError where repeats have two services: which of them is meant has to be said.
    """
    found: list[Path] = []
    for directory in directories:
        repeats = repeat_runs(directory)
        if repeats is None:
            found.append(directory)
            continue
        if repeats.b:
            raise InputError(
                f"{directory} has repeats of two services; name its runs, such as {repeats.a[0]}"
            )
        found += repeats.a
    return found
