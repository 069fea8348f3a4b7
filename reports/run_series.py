"""Directories that hold several runs: of a sweep or a search, and of repeats of a load test."""

from pathlib import Path
from typing import TypeVar

import msgspec

from headrace.jobs import InputError

STEPS_FILE = "steps.json"
REPEATS_FILE = "repeats.json"
Report = TypeVar("Report")


def is_steps(directory: Path) -> bool:
    """Whether a directory is that of a sweep or a search."""
    return _is_of(directory, STEPS_FILE)


def is_repeats(directory: Path) -> bool:
    """Whether a directory is that of a load test's repeats."""
    return _is_of(directory, REPEATS_FILE)


def _is_of(directory: Path, file: str) -> bool:
    return (directory / file).is_file() and not (directory / "run.json").exists()


def read_series(path: Path, kind: type[Report]) -> Report:
    """What one of these files has, as a struct. Raises InputError where it can't be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}; restore it") from error
