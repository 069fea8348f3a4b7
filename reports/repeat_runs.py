"""Which runs a directory of repeats holds, and of which service each is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from headrace.jobs import InputError

REPEATS_FILE = "repeats.json"
SideName = Literal["a", "b"]
Report = TypeVar("Report")


class RepeatRuns(NamedTuple):
    """The directories of the runs of both services; `b` is empty of repeats of one."""

    a: list[Path]
    b: list[Path]


class _Listed(msgspec.Struct, frozen=True):
    directory: str
    side: SideName


class _Listing(msgspec.Struct, frozen=True):
    runs: list[_Listed]


def is_repeats(directory: Path) -> bool:
    """Whether a directory is that of a load test's repeats."""
    return (directory / REPEATS_FILE).is_file() and not (directory / "run.json").exists()


def repeat_runs(directory: Path) -> RepeatRuns | None:
    """The runs of a directory of repeats, wherever it was moved to; None of any other.

    Raises InputError where its repeats.json can't be read.
    """
    if not is_repeats(directory):
        return None
    listed = read_listing(directory, _Listing).runs
    sides: dict[SideName, list[Path]] = {"a": [], "b": []}
    for each in listed:
        sides[each.side].append(directory / Path(each.directory).name)
    return RepeatRuns(sides["a"], sides["b"])


def read_listing(directory: Path, kind: type[Report]) -> Report:
    """What repeats.json has, as a struct. Raises InputError where it can't be read."""
    path = directory / REPEATS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}; restore it") from error


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
