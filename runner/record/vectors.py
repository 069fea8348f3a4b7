"""Vectors as a segment of the journal has them, base64 of 32-bit floats, made a column of lists.

All those of one length are read at once: a list made number by number takes a hundred times as
long. A segment, and so the memory that this takes, is bounded.
"""

import polars as pl

from headrace.jobs import FLOAT_BYTES

FLOATS = pl.List(pl.Float32)


def vector_lists(texts: pl.Series) -> pl.Series:
    """The vectors of each row, by the name of `texts`.

    Args:
        texts: a list of base64 texts for each row; null where it has no vectors.

    Returns:
        Lists of lists of floats. Raises polars' errors where a text is not one.
    """
    if texts.null_count() == len(texts):
        return pl.repeat(None, len(texts), dtype=pl.List(FLOATS), eager=True).alias(texts.name)
    rows = pl.DataFrame({"row": range(len(texts)), "vector": texts})
    flat = (
        rows.drop_nulls("vector")
        .explode("vector")
        .select("row", pl.col("vector").str.decode("base64"))
        .with_row_index("place")
    )
    sizes = flat["vector"].bin.size() // FLOAT_BYTES
    parts = [
        flat.filter(sizes == size).with_columns(
            pl.col("vector")
            .bin.reinterpret(dtype=pl.Array(pl.Float32, size), endianness="little")
            .cast(FLOATS)
        )
        for size in sorted(set(sizes))
    ]
    lists = pl.concat(parts).sort("place").group_by("row", maintain_order=True).agg("vector")
    return (
        rows.select("row")
        .join(lists, on="row", how="left", maintain_order="left")["vector"]
        .alias(texts.name)
    )
