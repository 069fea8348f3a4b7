"""Tables are cut into pieces between rows, wherever their blocks end."""

import csv
import io

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.datasets.pieces import csv_pieces, json_rows, sliced

CELL = st.text(st.sampled_from('ab"\n,\r é'), min_size=1, max_size=6)


def blocks_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.lists(st.tuples(CELL, CELL), max_size=12), st.integers(1, 40))
def test_rows_of_csv_are_whole_whatever_the_blocks(rows: list[tuple[str, str]], size: int) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("x", "y"), *rows])
    blocks = blocks_of(text.getvalue().encode(), size)
    pieces = list(csv_pieces(blocks, "t", separator=",", piece_bytes=1))
    found = [row for piece in pieces for row in piece.frame.iter_rows()]
    assert found == rows
    counts = [len(piece.frame) for piece in pieces]
    assert [piece.first for piece in pieces] == [sum(counts[:n]) for n in range(len(counts))]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 20))
def test_lines_of_json_are_whole_whatever_the_blocks(numbers: list[int], size: int) -> None:
    data = "\n".join(f'{{"n":{n}}}' for n in numbers).encode()
    found = json_rows(blocks_of(data, size), "t", piece_bytes=1)
    assert [row["n"] for rows in found for row in rows] == numbers


def test_slices_shrink_where_rows_are_wide() -> None:
    wide = pl.DataFrame({"t": ["x" * 100_000] * 500}).lazy()
    pieces = list(sliced(wide, 500))
    assert sum(len(piece.frame) for piece in pieces) == 500
    assert max(len(piece.frame) for piece in pieces) < 170
