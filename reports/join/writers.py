"""Frames that come one after the other, written to one file: there whole, or not at all."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from headrace.jobs import InputError, strip_zeros

from ..export import CSV_TIME, defused
from ..output import whole_file

Format = Literal["parquet", "csv", "jsonl"]
# What a row group holds at most: it is what a writer keeps, and what a reader will.
GROUP_ROWS = 65_536


def write_parquet(path: Path, frames: Iterator[pl.DataFrame], _answers: Sequence[str]) -> None:
    """Write Parquet, a part for each frame first."""
    with whole_file(path) as file, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts: list[Path] = []
        for frame in frames:
            parts.append(Path(folder) / f"{len(parts):06}.parquet")
            frame.write_parquet(parts[-1], compression="uncompressed")
        pl.scan_parquet(parts).sink_parquet(
            file, compression="zstd", row_group_size=GROUP_ROWS, maintain_order=True
        )


def write_csv(path: Path, frames: Iterator[pl.DataFrame], answers: Sequence[str]) -> None:
    """Write CSV: the table's cells as they were, answers with a quote before what a spreadsheet
    would run. Lists and objects are JSON."""
    texts = [pl.col(name) for name in answers]
    with whole_file(path) as file:
        for number, frame in enumerate(frames):
            flat = _flat(frame)
            shown = [each for each in texts if _type(flat, each) == pl.String]
            amounts = [each for each in texts if isinstance(_type(flat, each), pl.Decimal)]
            flat.with_columns(
                *(defused(each) for each in shown), *(_shortest(each) for each in amounts)
            ).write_csv(file, include_header=number == 0, datetime_format=CSV_TIME)


def _type(frame: pl.DataFrame, column: pl.Expr) -> pl.DataType:
    return frame.schema[column.meta.output_name()]


def _shortest(amount: pl.Expr) -> pl.Expr:
    """Amounts as text, without idle zeros."""
    return amount.cast(pl.String).str.replace(r"\.?0+$", "")


def write_jsonl(path: Path, frames: Iterator[pl.DataFrame], _answers: Sequence[str]) -> None:
    """Write an object per row; amounts are text, without idle zeros."""
    encode = msgspec.json.Encoder(enc_hook=str).encode
    with whole_file(path) as file:
        for frame in frames:
            amounts = [
                name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)
            ]
            for row in frame.iter_rows(named=True):
                for name in amounts:
                    row[name] = _plain(row[name])
                file.write(encode(row) + b"\n")


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{strip_zeros(amount):f}"


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with lists, objects and bytes as JSON text: a cell of CSV holds none."""
    found: list[pl.Series] = []
    for name, dtype in frame.schema.items():
        if dtype.is_nested() or dtype == pl.Binary:
            texts = [_text(each) for each in frame[name].to_list()]
            found.append(pl.Series(name, texts, dtype=pl.String))
    return frame.with_columns(found)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError) as error:
        raise InputError(f"a cell can't be written to CSV: {error}") from error


WRITERS: dict[Format, Callable[[Path, Iterator[pl.DataFrame], Sequence[str]], None]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
}
