"""The reasons in a run's rejects.jsonl."""

from pathlib import Path

import msgspec

from headrace.jobs import InputError, RejectedLines, RejectReasons

# A line of a job file has at most 64 MiB, and each byte of it at most six in JSON.
LINE_BYTES_MAX = 6 * 64 * 1024 * 1024 + 64 * 1024


class _RejectLine(msgspec.Struct, gc=False):
    """What is read of a line; its text may be long."""

    line: int
    reason: str


_decode = msgspec.json.Decoder(_RejectLine).decode


def commonest_rejects(directory: Path) -> list[RejectedLines]:
    """The three commonest reasons, each with a line of it.

    A line of the file that can't be read, as the last one of a run that was killed, is left out.
    Raises InputError where the file can't be read.
    """
    reasons, path = RejectReasons(), directory / "rejects.jsonl"
    try:
        with path.open("rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                try:
                    found = _decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
                reasons.add(found.line, found.reason)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return reasons.commonest()
