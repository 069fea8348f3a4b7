"""A run's results in input order, in pieces that fit into memory.

The parts of a run are in order of completion. Two passes over them: the first takes the line and
the size of each row, the second reads the rows of one piece after the other; since jobs end nearly
in the order of their lines, most of the parts have no row for most of the pieces and are skipped.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from headrace.jobs import InputError

from ..run import Run
from ..unpacked import refuse_endless, result_bytes

# What a piece may hold of text: the columns of any other type are small beside it.
PIECE_BYTES = 16 * 2**20


def in_input_order(
    run: Run, columns: Sequence[str] | None = None, *, piece_bytes: int = PIECE_BYTES
) -> Iterator[pl.DataFrame]:
    """The rows of all results, by line of the job file; nothing of a run without any.

    `columns` has "index" among them; None is all columns.
    """
    table = run.results if columns is None else run.results.select(columns)
    for first, last in _pieces(run, piece_bytes):
        rows = table.filter(pl.col("index").is_between(first, last))
        yield rows.collect(engine="streaming").sort("index")


def _pieces(run: Run, piece_bytes: int) -> list[tuple[int, int]]:
    """The first and the last line of each piece. A row larger than a piece is one by itself."""
    sizes = run.results.select("index", result_bytes().alias("bytes")).collect(engine="streaming")
    refuse_endless(run, "results", int(sizes["bytes"].sum() or 0))
    if sizes["index"].n_unique() < len(sizes):  # a piece would hold any number of them
        raise InputError(
            f"{run.directory / 'results'} has two results for one job; no run wrote it: restore it"
        )
    piece = (pl.col("bytes").cum_sum() - pl.col("bytes")) // piece_bytes
    found = (
        sizes.sort("index")
        .group_by(piece.alias("piece"), maintain_order=True)
        .agg(pl.col("index").first().alias("first"), pl.col("index").last().alias("last"))
    )
    return list(found.select("first", "last").iter_rows())
