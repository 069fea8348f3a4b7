"""Whether the tables of a run are whole, held against what run.json and summary.json say of it."""

from pathlib import Path

import msgspec
import polars as pl

from headrace.jobs import InputError, Manifest

_WHAT_NOW = "restore it from a copy, or begin anew with another --out"


class _Counts(msgspec.Struct):
    succeeded: int
    failed: int
    attempts: int


class _Summary(msgspec.Struct):
    outcome: _Counts


def refuse_incomplete(
    directory: Path, manifest: Manifest, results: pl.LazyFrame, attempts: pl.LazyFrame
) -> None:
    """Refuse a run that has lost rows: results and attempts only ever become more.

    To be asked where no process works on the run, with all rows of the tables, those of the journal
    too.

    Raises:
        InputError: parts are gone; it names the table, and what it should hold.
    """
    known = _counts(directory)
    found = {"results": _rows(results), "attempts": _rows(attempts)}
    if known is not None:
        wanted = {"results": known.succeeded + known.failed, "attempts": known.attempts}
        for name, rows in found.items():
            if rows < wanted[name]:
                raise InputError(
                    f"{directory} is not whole: summary.json counts {wanted[name]:,} {name}, and "
                    f"{name}/ has {rows:,}; {_WHAT_NOW}"
                )
    if manifest.sessions[-1].state != "finished" or (directory / "journal").exists():
        return
    for name in found:
        if not found[name] and not any((directory / name).glob("*.parquet")):
            if name == "attempts" and not _sent(results):
                continue
            raise InputError(
                f"{directory} is not whole: run.json says that it finished, and {name}/ has no "
                f"Parquet; {_WHAT_NOW}"
            )


def _counts(directory: Path) -> _Counts | None:
    """What the last session that ended counted; None where that is not known."""
    try:
        return msgspec.json.decode((directory / "summary.json").read_bytes(), type=_Summary).outcome
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _rows(table: pl.LazyFrame) -> int:
    return int(table.select(pl.len()).collect().item())


def _sent(results: pl.LazyFrame) -> bool:
    """Whether any result took an attempt."""
    most = results.select(pl.col("attempts").max()).collect().item()
    return bool(most)
