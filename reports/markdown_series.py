"""Sweeps, searches and trends as Markdown, for a comment on a pull request."""

from pathlib import Path

from headrace.jobs import show_seconds

from .comparison import (
    Steps,
    Sweeps,
    Trend,
    by_load,
    cut_of,
    history_change,
    history_figure,
    history_name,
    load_words,
    mark,
    step_remarks,
    sweep_columns,
    sweep_remarks,
    sweep_rows,
)
from .markdown import SENTENCE_CHARACTERS_MAX, code, table
from .wording import counted, money_to_read


def steps_markdown(steps: Steps) -> str:
    """What was found in sentences, then a row for each step."""
    parts = [f"### {code(steps.directory)}"]
    if steps.objective is not None:
        parts.append(f"Objective: {code(steps.objective)}")
    parts.append(
        "\n".join(
            f"- {code(each.text, most=SENTENCE_CHARACTERS_MAX)}" for each in step_remarks(steps)
        )
    )
    cut = ["cut"] if any(step.cut_at_max_tokens for step in steps.steps) else []
    hardware = ["per 1M output"] if any(step.hardware_cost for step in steps.steps) else []
    header = (
        *("asked", "objective" if steps.objective is not None else "", "requests"),
        *("answered/s", "errors", *cut, "TTFT p95", "latency p50", "latency p95", *hardware),
    )
    rows = [
        (
            load_words(step),
            mark(steps, step).text,
            f"{step.requests:,}",
            "-" if step.requests_per_s is None else f"{step.requests_per_s:,.4g}",
            "-" if step.error_rate is None else f"{step.error_rate:.1%}",
            *([cut_of(step)] if cut else []),
            *(
                "-" if each is None else show_seconds(each)
                for each in (step.ttft_p95_s, step.latency_p50_s, step.latency_p95_s)
            ),
            *([money_to_read(step.hardware_cost, None)] if hardware else []),
        )
        for step in by_load(steps)
    ]
    parts.append(table(header, rows, left=2))
    return "\n\n".join(part for part in parts if part) + "\n"


def sweeps_markdown(sweeps: Sweeps) -> str:
    """What several sweeps come to, then a row for each load of each."""
    named = [f"{letter}: {code(steps.directory)}" for letter, steps in sweeps.lettered]
    said = [f"- {code(each.text, most=SENTENCE_CHARACTERS_MAX)}" for each in sweep_remarks(sweeps)]
    parts = ["\n".join(f"- {each}" for each in named), "\n".join(said)]
    parts.append(table(sweep_columns(sweeps), sweep_rows(sweeps), left=2))
    return "\n\n".join(parts) + "\n"


def trend_markdown(trend: Trend) -> str:
    """The last run beside the median of those before, then a row for each run."""
    histories = [
        (
            history_name(each.figure),
            history_figure(each, each.last),
            history_figure(each, each.median_before),
            history_change(each),
        )
        for each in trend.histories
    ]
    shown = [each.figure for each in trend.histories]
    runs = [
        (
            f"{run.started_at:%Y-%m-%d %H:%M}",
            code(Path(run.run).name) + ("" if run.state == "finished" else f" ({run.state})"),
            f"{run.jobs:,}",
            *(history_figure(each, run.value(each.figure)) for each in trend.histories),
        )
        for run in trend.runs
    ]
    parts = [
        f"### {counted(len(trend.runs), 'run')}",
        table(("", "last", "median before", "change"), histories, left=1),
        table(("started", "run", "jobs", *(history_name(name) for name in shown)), runs, left=2),
        "\n".join(f"- skipped: {code(why)}" for why in trend.skipped.values()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
