"""A job file that is not as it was when the run began, told apart line by line.

New lines run. Lines whose job has a result and is not the same any more are named; whether they run
again is for the user to say. A line that is gone leaves its result where it is.
"""

from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import ALL_OTHERS, Decided, Ended, Job, JobReader, Reject, open_source

from ..errors import RunDirectoryError
from ..record import journalled

FINGERPRINT_BYTES = 16
SHOWN_LINES = 5


class ChangedLine(NamedTuple):
    """A line (from 1) whose job ran and has changed; `custom_id` as it is now, if it has one."""

    line: int
    custom_id: str | None


class ResultFingerprints:
    """What the run has results of: 16 bytes per line, so files of any size can be compared."""

    def __init__(self, run: Path) -> None:
        parts = sorted((run / "results").glob("*.parquet"))
        lines = [pl.read_parquet(part, columns=["index"])["index"].max() for part in parts]
        # At once, so that lines without a result take no memory.
        self._prints = bytearray(
            (max(map(_line_number, lines), default=-1) + 1) * FINGERPRINT_BYTES
        )
        columns = ["index", "custom_id", "body_digest"]
        for part in parts:
            for row in pl.read_parquet(part, columns=columns).iter_rows():
                self._add(*row)
        for record in journalled(run):
            if isinstance(record, Ended | Decided) and (result := record.result) is not None:
                self._add(result.index, result.custom_id, result.body_digest)

    def _add(self, index: int, custom_id: str, body_digest: str) -> None:
        start, end = index * FINGERPRINT_BYTES, (index + 1) * FINGERPRINT_BYTES
        self._prints.extend(bytes(max(0, end - len(self._prints))))
        self._prints[start:end] = _fingerprint(custom_id, body_digest)

    def fingerprint(self, index: int) -> bytes | None:
        """That of the job at this line, or None where it has no result."""
        start = index * FINGERPRINT_BYTES
        found = bytes(self._prints[start : start + FINGERPRINT_BYTES])
        return found if any(found) else None


def _line_number(index: object) -> int:
    return index if isinstance(index, int) else -1


def _fingerprint(custom_id: str, body_digest: str) -> bytes:
    text = f"{body_digest}\0{custom_id}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=FINGERPRINT_BYTES).digest()


def changed_lines(path: str, run: Path) -> list[ChangedLine]:
    """The lines of a job file whose jobs have results of something else. Touches nothing."""
    finished = ResultFingerprints(run)
    changed = []
    with open_source(path) as source:
        for item in JobReader(source, others=ALL_OTHERS):
            index, now = item.line - 1 if isinstance(item, Reject) else item.index, None
            if isinstance(item, Job):
                now = _fingerprint(item.custom_id, item.body_digest)
            known = finished.fingerprint(index)
            if known is not None and known != now:
                changed.append(ChangedLine(index + 1, item.custom_id))
    return changed


def refuse(path: str, changed: list[ChangedLine]) -> None:
    """Raises RunDirectoryError where there are any."""
    if not changed:
        return
    named = [
        f"line {each.line}" + (f" ({each.custom_id})" if each.custom_id else "")
        for each in changed[:SHOWN_LINES]
    ]
    more = f" and {len(changed) - SHOWN_LINES:,} more" if len(changed) > SHOWN_LINES else ""
    raise RunDirectoryError(
        f"{path} has changed since its jobs ran: {', '.join(named)}{more}; --rerun-changed runs "
        "these again, or choose another --out"
    )
