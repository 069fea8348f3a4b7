"""A table's rows, a piece at a time, so that memory holds a few MB of a table of any size.

CSV and JSONL are cut at the ends of rows and parsed piece by piece; Parquet, Arrow and what lies in
an object store are sliced by polars.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import polars as pl

from ..errors import InputError
from ..files import not_json_words
from ..wording import or_listed

PIECE_BYTES = 4 * 2**20
# A row of CSV that is longer has a quote that nothing closes.
RECORD_BYTES_MAX = 64 * 2**20
# Rows of a piece of a table that is not text, and the memory that decides on fewer. Several pieces
# are read at once: a reader decodes a whole row group or record batch for any row of it.
SLICE_ROWS = 8192
SLICE_BYTES = 16 * 2**20
READ_AT_ONCE_BYTES = 32 * 2**20
FIRST_SLICE_ROWS = 64
BOM = b"\xef\xbb\xbf"


class Piece(NamedTuple):
    """Some rows on end.

    Args:
        first: the number of the first, from 0.
        frame: the rows; of CSV all cells are text.
    """

    first: int
    frame: pl.DataFrame


def csv_header(data: bytes, name: str, separator: str) -> tuple[list[str], int]:
    """The columns that the beginning of a CSV file names, and how many bytes they take.

    Raises InputError where it is not a header, or names a column twice.
    """
    end = _end_of_record(data)
    if end is None:
        end = len(data)
    text = data[:end].removeprefix(BOM).decode("utf-8")
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    if not names:
        raise InputError(f"{name} is empty; its first line names the columns")
    if twice := [each for each in names if names.count(each) > 1]:
        raise InputError(f"{name} has the column {twice[0]!r} twice; rename one")
    return names, end


def csv_pieces(
    blocks: Iterable[bytes], name: str, *, separator: str, piece_bytes: int = PIECE_BYTES
) -> Iterator[Piece]:
    """The rows of a CSV file whose bytes come in blocks. Raises InputError."""
    names: list[str] | None = None
    first = 0
    for data in _records(blocks, name, piece_bytes):
        if names is None:
            names, header_bytes = csv_header(data, name, separator)
            data = data[header_bytes:]
            yield Piece(0, pl.DataFrame(schema=dict.fromkeys(names, pl.String)))
        if data.strip(b"\r\n"):
            frame = _csv_frame(data, names, first, name, separator)
            yield Piece(first, frame)
            first += len(frame)
    if names is None:
        raise InputError(f"{name} is empty; its first line names the columns")


def _records(blocks: Iterable[bytes], name: str, piece_bytes: int) -> Iterator[bytes]:
    """The same bytes, cut at line ends that no quotes are around."""
    held = b""
    for block in blocks:
        held += block
        if len(held) < piece_bytes:
            continue
        end = _last_end(held)
        if end:
            yield held[:end]
            held = held[end:]
        elif len(held) > RECORD_BYTES_MAX:
            raise InputError(
                f"{name} has a row longer than 64 MiB: a quote that nothing closes, perhaps"
            )
    if held:
        yield held


def _end_of_record(data: bytes) -> int | None:
    """Where the first record ends, its line end included."""
    end = data.find(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end) + 1
    return end or None


def _last_end(data: bytes) -> int:
    """Where the last whole record ends; 0 where there is none."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end


def _csv_frame(
    data: bytes, names: Sequence[str], first: int, name: str, separator: str
) -> pl.DataFrame:
    try:
        return pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=separator,
        )
    except pl.exceptions.PolarsError as error:
        text = io.StringIO(data.decode("utf-8"), newline="")
        for number, cells in enumerate(csv.reader(text, delimiter=separator), first + 1):
            if len(cells) > len(names):
                raise InputError(
                    f"{name}: row {number} has {len(cells)} cells and the header {len(names)}; "
                    "put quotes around cells that hold a comma"
                ) from error
        if data.count(b'"') % 2:
            said = (
                "a quote that nothing closes, perhaps; in a cell in quotes a quote is written twice"
            )
        else:
            said = str(error).partition("\n")[0]
        raise InputError(f"{name} can't be read after row {first}: {said}") from error


def json_rows(
    blocks: Iterable[bytes], name: str, *, piece_bytes: int = PIECE_BYTES
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a JSONL file whose bytes come in blocks, as dicts, some at a time.

    Raises InputError for a line that is not a JSON object.
    """
    number = 0
    for data in _lines(blocks, piece_bytes):
        rows = []
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            number += 1
            if line and not line.isspace():
                rows.append(_json_row(line, number, name))
        if rows:
            yield rows


def _lines(blocks: Iterable[bytes], piece_bytes: int) -> Iterator[bytes]:
    """The same bytes, cut at line ends."""
    held: list[bytes] = []
    held_bytes = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end and held_bytes + end >= piece_bytes:
            yield b"".join([*held, block[:end]])
            held, held_bytes, block = [], 0, block[end:]
        held.append(block)
        held_bytes += len(block)
    yield b"".join(held)


def _json_row(line: bytes, number: int, name: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if number == 1 and line.lstrip().startswith(b"["):
            raise InputError(f"{name} is a JSON array; write one object per line") from error
        raise InputError(f"{name}: line {number} is {not_json_words(line, error)}") from error
    if not isinstance(row, dict):
        hint = " (the file is a JSON array?)" if isinstance(row, list) else ""
        raise InputError(f"{name}: line {number} is not an object{hint}; write one per line")
    return row


def sliced(table: pl.LazyFrame, rows: int) -> Iterator[Piece]:
    """The rows of a table that polars can read from anywhere, in slices that fit into memory."""
    at, many, piece_rows = 0, FIRST_SLICE_ROWS, FIRST_SLICE_ROWS
    while at < rows:
        frame = table.slice(at, many).collect()
        if not len(frame):
            return
        for begin in range(0, len(frame), piece_rows):
            yield Piece(at + begin, frame.slice(begin, piece_rows))
        at += len(frame)
        row_bytes = max(1, int(frame.estimated_size()) // len(frame))
        piece_rows = max(1, min(SLICE_ROWS, SLICE_BYTES // row_bytes))
        many = max(piece_rows, READ_AT_ONCE_BYTES // row_bytes)
        del frame  # before the next one: it may hold all texts of its record batch


def streamed(table: pl.LazyFrame) -> Iterator[Piece]:
    """The rows of a table that can only be read from its beginning."""
    at = 0
    for frame in table.collect_batches(chunk_size=SLICE_ROWS, maintain_order=True):
        yield Piece(at, frame)
        at += len(frame)


def no_column(name: str, column: str, known: Iterable[str]) -> InputError:
    """That a table lacks a column which something needs."""
    return InputError(f"{name} has no column {column!r}{or_listed(column, known)}")
