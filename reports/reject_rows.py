"""The lines that were not jobs, as a table: RUN/rejects.jsonl."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl


class _Reject(msgspec.Struct):
    line: int
    reason: str
    custom_id: str | None = None


def reject_rows(run: Path) -> pl.DataFrame:
    """The rejects of a run directory: `index` (from 0), `custom_id` and `reason`."""
    lines: Sequence[bytes] = []
    path = run / "rejects.jsonl"
    if path.exists():
        lines = path.read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=_Reject) for line in lines if line.endswith(b"}")]
    return pl.DataFrame(
        {
            "index": [each.line - 1 for each in found],
            "custom_id": [each.custom_id for each in found],
            "reason": [each.reason for each in found],
        },
        schema={"index": pl.Int64, "custom_id": pl.String, "reason": pl.String},
    )
