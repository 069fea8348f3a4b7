"""The files that a load run's options name, for workers on machines that don't have them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from headrace.jobs import InputError

from .options import LoadOptions

FILES = ("jobs", "replay", "prices")
LENGTHS = ("prompt_tokens", "output_tokens", "turns")
HISTOGRAM = "histogram:"
# Each worker gets all of it in one message.
FILES_BYTES_MAX = 64 * 1024 * 1024


def packed(options: Mapping[str, object]) -> dict[str, bytes]:
    """What is in the files that the options name, by the paths that they name them by.

    Raises InputError where one can't be read, and where they are too large to be sent to each
    worker.
    """
    files: dict[str, bytes] = {}
    for path in _named(options):
        left = FILES_BYTES_MAX - sum(map(len, files.values()))
        try:
            with open(path, "rb") as file:
                files[path] = file.read(left + 1)
        except OSError as error:
            raise InputError(f"{path} can't be read ({error.strerror})") from error
        if len(files[path]) > left:
            raise InputError(
                f"the files of a run on a cluster are sent to each worker, and {path} is too large "
                f"for that: {FILES_BYTES_MAX // 1024 // 1024} MiB are the most"
            )
    return files


def _named(options: Mapping[str, object]) -> list[str]:
    found = [str(options.get(name)) for name in FILES if options.get(name) is not None]
    for name in LENGTHS:
        text = options.get(name)
        if isinstance(text, str) and text.startswith(HISTOGRAM):
            found.append(text.removeprefix(HISTOGRAM))
    return found


def unpacked(options: LoadOptions, files: Mapping[str, bytes], directory: Path) -> LoadOptions:
    """The options with such files, written below `directory`, in the places of theirs. Several
    workers of a machine write the same. Raises InputError."""
    if not files:
        return options
    there = {}
    try:
        for number, (path, data) in enumerate(sorted(files.items())):
            folder = directory / "files" / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            place = folder / Path(path).name  # its ending says what it is
            there[path] = str(place)
            beside = folder / f".{place.name}.{os.getpid()}"  # one worker's alone
            beside.write_bytes(data)
            beside.replace(place)
    except OSError as error:
        raise InputError(f"cannot write to {directory} ({error.strerror})") from error
    changed: dict[str, Any] = {**options}
    for name in FILES:
        if options.get(name) is not None:
            changed[name] = there[str(options.get(name))]
    for name in LENGTHS:
        text = options.get(name)
        if isinstance(text, str) and text.startswith(HISTOGRAM):
            changed[name] = HISTOGRAM + there[text.removeprefix(HISTOGRAM)]
    return cast("LoadOptions", changed)
