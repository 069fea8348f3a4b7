"""Repeats of a load test as one page: how much runs differ, and of two services how these do."""

from pathlib import Path

from ..comparison import (
    FIGURE_COLUMNS,
    LETTERS,
    RUN_COLUMNS,
    Comparison,
    Repeats,
    figure_rows,
    pairing_words,
    repeat_remarks,
    run_rows,
    sentences,
)
from ..output import write_whole
from .comparison import differences_context
from .page import drawn_page
from .repeats_charts import repeats_charts


def repeats_page(repeats: Repeats) -> str:
    """The page. The same repeats give the same page."""
    charts = repeats_charts(repeats)
    return drawn_page(
        "repeats.html.jinja",
        charts,
        title=f"{repeats.directory}: repeats",
        repeats=repeats,
        charts=charts,
        remarks=list(repeat_remarks(repeats)),
        judged=repeats.judged,
        sides=[
            {"letter": LETTERS[side], "rows": figure_rows(repeats, side)} for side in repeats.sides
        ],
        figure_columns=FIGURE_COLUMNS,
        run_columns=RUN_COLUMNS,
        runs=list(run_rows(repeats)),
        differences_of=None if repeats.comparison is None else _differences(repeats.comparison),
    )


def write_repeats_page(repeats: Repeats, path: Path) -> None:
    """Write the page, whole or not at all. Raises InputError where it can't be written."""
    write_whole(path, repeats_page(repeats).encode("utf-8", "replace"))


def _differences(comparison: Comparison) -> dict[str, object]:
    return {
        "pairing": pairing_words(comparison),
        "sentences": list(sentences(comparison)),
        **differences_context(comparison),
    }
