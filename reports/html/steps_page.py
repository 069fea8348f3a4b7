"""A sweep or a search as one page: what was found, the knee on a chart, and a row for each step."""

from pathlib import Path
from typing import NamedTuple

from headrace.jobs import show_seconds

from ..comparison import (
    Remark,
    Steps,
    by_load,
    cut_of,
    load_words,
    mark,
    step_remarks,
    why_words,
)
from ..output import write_whole
from ..wording import money_to_read
from .page import drawn_page
from .steps_charts import steps_charts


class StepRow(NamedTuple):
    """Text for a row of the table; `why` says what keeps the step from being sure."""

    load: str
    cells: list[str]
    mark: Remark
    why: str


def steps_page(steps: Steps) -> str:
    """The page. The same steps give the same page."""
    charts = steps_charts(steps)
    found = list(step_remarks(steps))
    return drawn_page(
        "steps.html.jinja",
        charts,
        title=f"{steps.directory}: {'search' if steps.kind == 'find' else 'sweep'}",
        steps=steps,
        charts=charts,
        headline=[each.text for each in found[:1]],
        remarks=found[1:],
        rows=[_row(steps, number) for number in range(len(steps.steps))],
        any_cut=_any_cut(steps),
        any_taken=any(mark(steps, step).text.startswith("unclear: ") for step in steps.steps),
        any_hardware=_any_hardware(steps),
    )


def write_steps_page(steps: Steps, path: Path) -> None:
    """Write the page, whole or not at all. Raises InputError where it can't be written."""
    write_whole(path, steps_page(steps).encode("utf-8", "replace"))


def _row(steps: Steps, number: int) -> StepRow:
    step = by_load(steps)[number]
    return StepRow(
        load_words(step),
        [
            f"{step.requests:,}",
            "–" if step.requests_per_s is None else f"{step.requests_per_s:,.4g}",
            "–" if step.error_rate is None else f"{step.error_rate:.1%}",
            *([cut_of(step)] if _any_cut(steps) else []),
            _time(step.ttft_p50_s),
            _time(step.ttft_p95_s),
            _time(step.latency_p50_s),
            _time(step.latency_p95_s),
            *([money_to_read(step.hardware_cost, None)] if _any_hardware(steps) else []),
        ],
        mark(steps, step),
        why_words(step),
    )


def _any_cut(steps: Steps) -> bool:
    return any(step.cut_at_max_tokens for step in steps.steps)


def _any_hardware(steps: Steps) -> bool:
    return any(step.hardware_cost is not None for step in steps.steps)


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else show_seconds(seconds)
