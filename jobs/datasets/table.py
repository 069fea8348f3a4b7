"""A table that jobs are made of: local files, globs of them, or what polars reads from elsewhere.

CSV (.tsv by tabs), JSONL, both also .gz and .zst     by their content, read in pieces
Parquet, Arrow (IPC)                                  by their content, read in slices
s3://, gs://, hf://, https://...                      by their ending, by polars
"""

import glob
import os
import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ..errors import InputError
from .csv_types import csv_types
from .json_types import Types, json_frame, widened
from .pieces import (
    Piece,
    csv_pieces,
    json_rows,
    no_column,
    sliced,
    streamed,
)
from .text_blocks import file_digest, text_blocks

Kind = Literal["csv", "jsonl", "parquet", "arrow"]
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
ENDINGS: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
MAGIC_BYTES = 6


class Table:
    """The rows of a table, in order, in pieces; each pass reads it anew.

    Args:
        name: as the user wrote it.
        kind: how it is read.
        files: local ones, in order; empty where polars reads it from elsewhere.

    Every method raises InputError where it can't be read.
    """

    def __init__(self, name: str, kind: Kind, files: Sequence[Path]) -> None:
        self.name = name
        self.kind: Kind = kind
        self.files = files
        self._columns: list[str] | None = None
        self._types: Types | None = None  # of JSONL

    @property
    def folder(self) -> Path:
        """Where its first file is: images are named from there."""
        return self.files[0].parent if self.files else Path()

    @property
    def columns(self) -> list[str]:
        """The names of its columns; of JSONL the whole table is read for them."""
        if self._columns is None:
            self._columns = self._find_columns()
        return self._columns

    def digest(self) -> str | None:
        """BLAKE2b-128 of the file, of several that of their digests; None where it isn't local."""
        if not self.files:
            return None
        digests = [file_digest(path) for path in self.files]
        if len(digests) == 1:
            return digests[0].hex()
        return blake2b(b"".join(digests), digest_size=16).hexdigest()

    def rows(self, columns: Collection[str] | None = None) -> Iterator[list[dict[str, Any]]]:
        """All rows as dicts, some at a time; cells of CSV are text, keys of JSON may be missing.

        Args:
            columns: those that are needed, as far as the table has them; None is all.
        """
        if self.kind == "jsonl" and self.files:
            for path in self.files:
                yield from json_rows(text_blocks(path), str(path))
            return
        wanted = None if columns is None else [each for each in self.columns if each in columns]
        for piece in self._frames(wanted):
            # (A frame without columns has no rows.)
            rows = [{} for _ in range(len(piece.frame))] if wanted == [] else piece.frame.to_dicts()
            del piece  # it holds more memory than its rows
            yield rows

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """All rows as frames whose columns have a type: that of all cells of CSV, all values of
        JSON.

        Args:
            columns: those that are needed; None is all.

        Raises:
            InputError: it has no such column.
        """
        for each in columns or ():
            if each not in self.columns:
                raise no_column(self.name, each, self.columns)
        names = self.columns if columns is None else list(columns)
        if self.kind == "jsonl" and self.files:
            yield from self._json_pieces(names)
        elif self.kind == "csv":
            casts = csv_types(names, (piece.frame for piece in self._frames(names))).casts()
            for first, frame in self._frames(names):
                yield Piece(first, frame.with_columns(casts))
        else:
            yield from self._frames(names)

    def texts(self) -> Iterator[Piece]:
        """All rows as frames, the cells of CSV as they are written."""
        return self._frames(None) if self.kind == "csv" else self.pieces()

    def _json_pieces(self, names: Sequence[str]) -> Iterator[Piece]:
        assert self._types is not None  # `columns` has read them
        types = {name: self._types[name] for name in names}
        first = 0
        for rows in self.rows():
            yield Piece(first, json_frame(rows, types))
            first += len(rows)

    def _frames(self, columns: Sequence[str] | None) -> Iterator[Piece]:
        """The pieces of anything but local JSONL; one without columns where none are wanted."""
        if self.kind == "csv" and self.files:
            for first, frame in self._csv_pieces():
                yield Piece(first, frame if not columns else frame.select(columns))
            return
        try:
            table = self._scan()
            if columns:
                table = table.select(columns)
            if self.kind in ("parquet", "arrow"):
                yield from sliced(table, table.select(pl.len()).collect().item())
            else:
                yield from streamed(table)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error

    def _csv_pieces(self) -> Iterator[Piece]:
        before = 0
        for path in self.files:
            at = 0
            for first, frame in csv_pieces(
                text_blocks(path), str(path), separator=_separator(path)
            ):
                if frame.columns != self.columns:
                    raise InputError(f"{path} has other columns than {self.files[0]}")
                if len(frame):
                    yield Piece(before + first, frame)
                at = first + len(frame)
            before += at

    def _find_columns(self) -> list[str]:
        if self.kind == "csv" and self.files:
            path = self.files[0]
            piece = next(csv_pieces(text_blocks(path), str(path), separator=_separator(path)))
            return piece.frame.columns
        if self.kind == "jsonl" and self.files:
            types: Types = {}
            for rows in self.rows():
                types = widened(types, rows)
            self._types = types
            return list(types)
        try:
            return self._scan().collect_schema().names()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error

    def _scan(self) -> pl.LazyFrame:
        source: Any = list(self.files) or self.name
        if self.kind == "parquet":
            return pl.scan_parquet(source)
        if self.kind == "arrow":
            return pl.scan_ipc(source)
        if self.kind == "csv":
            return pl.scan_csv(source, infer_schema=False, separator=_separator(Path(self.name)))
        return pl.scan_ndjson(source, infer_schema_length=None)

    def _unreadable(self, error: Exception) -> InputError:
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        return InputError(f"{self.name} can't be read: {said}")


def open_table(name: str) -> Table:
    """The table that a path, a glob or a URL names.

    Raises:
        InputError: there is none, or it is of no kind that can be read.
    """
    if URL.match(name):
        return Table(name, _kind_by_ending(name), [])
    files = _files(name)
    kinds = {_kind(path) for path in files}
    if len(kinds) > 1:
        raise InputError(f"{name} names files of several kinds: {', '.join(sorted(kinds))}")
    return Table(name, kinds.pop(), files)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        raise InputError(f'{name} is a directory; name its files, as in "{name.rstrip("/")}/*.csv"')
    if path.exists() or not glob.has_magic(name):
        if not path.exists():
            raise InputError(f"{name} is not there; name a table: Parquet, CSV, JSONL or Arrow")
        return [path]
    files = [each for each in sorted(glob.glob(name, recursive=True)) if os.path.isfile(each)]
    if not files:
        raise InputError(f"no file matches {name}")
    return [Path(each) for each in files]


def _kind(path: Path) -> Kind:
    """What a file is, by its first bytes, or else by its name."""
    try:
        with path.open("rb") as file:
            head = file.read(MAGIC_BYTES)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    name = path.name.lower()
    for packed in (".gz", ".zst"):
        name = name.removesuffix(packed)
    known = ENDINGS.get(Path(name).suffix)
    if known in ("parquet", "arrow"):
        what = "Parquet" if known == "parquet" else "Arrow (IPC)"
        raise InputError(f"{path} is not {what}, whatever its name says")
    if known is not None:
        return known
    begin = next(text_blocks(path), b"").lstrip()[:1]
    return "jsonl" if begin in (b"{", b"[") else "csv"


def _kind_by_ending(name: str) -> Kind:
    path = name.partition("?")[0].lower()
    for packed in (".gz", ".zst"):
        path = path.removesuffix(packed)
    kind = ENDINGS.get(Path(path).suffix)
    if kind is None:
        raise InputError(f"{name}: what it holds can't be told; end it in .parquet, .csv or .jsonl")
    return kind


def _separator(path: Path) -> str:
    names = path.name.lower().split(".")
    return "\t" if "tsv" in names[1:] else ","
