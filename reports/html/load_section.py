"""A load run's part of the page: what was asked, whether it can be trusted, rates and times."""

from typing import NamedTuple

from headrace.jobs import show_seconds

from ..load import (
    WITH_FAILURES,
    WITH_FAILURES_WORDS,
    LoadFigures,
    TimesRow,
    asked,
    hardware_rows,
    machine_lines,
    server_lines,
    times_table,
    token_rates,
)
from ..wording import rate, share_of

Row = tuple[str, ...]


class LoadSection(NamedTuple):
    """Text for the template."""

    asked: str
    verdict: str
    why: list[str]
    tolerated: list[str]
    notes: list[str]
    rates: list[Row]
    times: list[TimesRow]
    with_failures: str
    with_failures_words: str
    objectives: list[Row]
    all_met: str | None
    counts: list[Row]
    machine: list[str]


def load_section(figures: LoadFigures) -> LoadSection:
    """Put a load run's figures into words."""
    rates, objectives = figures.rates, figures.objectives
    said: list[Row] = []
    if rates is not None:
        said = [
            ("requests due per second", rate(rates.due_per_s)),
            ("answered per second", rate(rates.requests_per_s)),
            *((f"{name} per second", figure) for name, figure in token_rates(rates)),
            ("in flight, mean", rate(rates.in_flight)),
        ]
        if rates.goodput_per_s is not None:
            said.insert(2, ("goodput per second: met every objective", rate(rates.goodput_per_s)))
    if figures.hardware is not None:
        said += [(f"hardware, per {what}", cost) for what, cost in hardware_rows(figures.hardware)]
    times = list(times_table(figures, show_seconds))
    machine, workers = figures.facts.machine, figures.facts.workers
    client = [] if machine is None else machine_lines(machine, workers)
    return LoadSection(
        asked=asked(figures),
        verdict=figures.verdict.verdict,
        why=figures.verdict.why,
        tolerated=figures.verdict.tolerated,
        notes=figures.verdict.notes,
        rates=said,
        times=times,
        with_failures=WITH_FAILURES if any(row.name == WITH_FAILURES for row in times) else "",
        with_failures_words=WITH_FAILURES_WORDS,
        objectives=[(each.objective, f"{each.met:,}", share_of(each.share)) for each in objectives],
        all_met=share_of(figures.goodput_share) if len(objectives) > 1 else None,
        counts=_counts(figures),
        machine=[*server_lines(figures), *client],
    )


def _counts(figures: LoadFigures) -> list[Row]:
    requests, refusals, connections = figures.requests, figures.refusals, figures.connections
    rows = [
        ("measured attempts", f"{requests.measured:,}"),
        ("answered", f"{requests.answered:,}"),
        ("failed", f"{requests.failed:,}"),
        ("cancelled by the client, as asked for", f"{requests.given_up:,}"),
        ("cut off at the end", f"{requests.cut:,}"),
        ("of these, never sent", f"{requests.unsent:,}"),
        ("in the warm-up, in no figure", f"{requests.warmup:,}"),
        ("answers of 429", f"{refusals.refused:,}"),
        ("connections opened", f"{connections.opened:,}"),
    ]
    return [row for row in rows if row[1] != "0" or row[0] in ("answered", "measured attempts")]
