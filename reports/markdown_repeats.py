"""Repeats of a load test, and comparisons, as Markdown for a comment on a pull request."""

from .comparison import (
    FIGURE_COLUMNS,
    RUN_COLUMNS,
    Comparison,
    Repeats,
    cells,
    figure_rows,
    pairing_words,
    repeat_remarks,
    run_rows,
    sentences,
)
from .markdown import SENTENCE_CHARACTERS_MAX, code, table


def repeats_markdown(repeats: Repeats) -> str:
    """How much runs differ, a row for each figure and each run, and of two services how they do."""
    parts = [f"### {code(repeats.directory)}"]
    parts.append(_listed([each.text for each in repeat_remarks(repeats)]))
    if repeats.judged:
        rows = [
            (code(each.objective), each.result, code(each.words, most=SENTENCE_CHARACTERS_MAX))
            for each in repeats.judged
        ]
        parts.append(table(("required", "", ""), rows, left=3))
    for side in repeats.sides:
        about = side.upper()
        name = f"over the runs of {about}" if repeats.against else "over the runs"
        figures = figure_rows(repeats, side)
        parts.append(table((name, *FIGURE_COLUMNS), figures, left=1))
    if repeats.comparison is not None:
        parts += comparison_parts(repeats.comparison)
    runs = [(*row.cells, row.mark.text) for row in run_rows(repeats)]
    parts.append(table((*RUN_COLUMNS, ""), runs, left=1))
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """What is compared, what it means, and a row for each difference."""
    named = f"A: {code(comparison.a)}, B: {code(comparison.b)}"
    return "\n\n".join(part for part in [named, *comparison_parts(comparison)] if part) + "\n"


def comparison_parts(comparison: Comparison) -> list[str]:
    """How runs were compared, what it means, and the differences."""
    rows = [(*cells(each), each.finding) for each in comparison.differences]
    return [
        code(pairing_words(comparison), most=SENTENCE_CHARACTERS_MAX),
        _listed(list(sentences(comparison))),
        table(("", "A", "B", "B - A", "95 % interval", "B is"), rows, left=1),
    ]


def _listed(said: list[str]) -> str:
    return "\n".join(f"- {code(each, most=SENTENCE_CHARACTERS_MAX)}" for each in said)
