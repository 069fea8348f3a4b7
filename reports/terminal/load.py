"""A load run's figures on a terminal: the verdict first, then rates, times, and what went wrong."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds, show_seconds_short

from ..load import (
    PERCENTILES,
    WITH_FAILURES,
    WITH_FAILURES_WORDS,
    LoadFigures,
    asked,
    brief,
    hardware_words,
    lead,
    machine_lines,
    server_lines,
    times_table,
    token_rates,
)
from ..wording import counted, rate, share_of
from .layout import columns, heading, print_body

STYLES = {"valid": "green", "client-limited": "bold red", "unknown": "yellow"}


def print_load(figures: LoadFigures, console: Console) -> None:
    """Print a load run's section. Fits 80 columns and wider."""
    heading(console, "Load")
    print_body(console, Text(lead(figures), "bold"))
    print_body(console, asked(figures))
    verdict = figures.verdict
    print_body(console, verdict.verdict, STYLES[verdict.verdict])
    for reason in verdict.why:
        print_body(console, printable(reason), STYLES[verdict.verdict].removeprefix("bold "))
    for said in verdict.tolerated:
        print_body(console, printable(said), "dim")
    for said in verdict.notes:
        print_body(console, printable(said), "yellow")
    _print_rates(figures, console)
    _print_times(figures, console)
    _print_objectives(figures, console)
    _print_remarks(figures, console)


def _print_rates(figures: LoadFigures, console: Console) -> None:
    rates, requests = figures.rates, figures.requests
    if rates is not None:
        good = [] if rates.goodput_per_s is None else [rate(rates.goodput_per_s)]
        table = columns("per second", "due", "answered", *(["goodput"] if good else []))
        table.add_row("requests", rate(rates.due_per_s), rate(rates.requests_per_s), *good)
        for name, figure in token_rates(rates):
            table.add_row(name, "", figure)
        table.add_row("in flight, mean", "", rate(rates.in_flight))
        console.print()
        print_body(console, table)
    if figures.hardware is not None:
        print_body(console, hardware_words(figures.hardware))
    said = f"{requests.answered:,} of {counted(requests.measured, 'measured attempt')} answered"
    if requests.failed:
        said += f", {requests.failed:,} failed ({requests.error_rate or 0:.2%})"
    print_body(console, said, "red" if requests.failed else "")
    if requests.given_up:
        after = show_seconds(figures.facts.cancel_after_s or 0.0)
        said = f"{requests.given_up:,} cancelled after {after}, as asked for: not failures"
        print_body(console, said)
    if requests.cut:
        unsent = f" ({requests.unsent:,} of them never sent)" if requests.unsent else ""
        said = (
            f"{requests.cut:,} cut off at the end of the run{unsent}; figures of answers lack them"
        )
        print_body(console, said, "yellow")


def _print_times(figures: LoadFigures, console: Console) -> None:
    if not figures.times:
        return
    heading(console, "Times of measured answers, with 95 % intervals")
    table = columns("", "n", *PERCENTILES, "max")
    any_failed = False
    for row in times_table(figures, show_seconds_short):
        any_failed = any_failed or row.name == WITH_FAILURES
        dim = "dim" if row.name == WITH_FAILURES else ""
        cells = (Text(value, dim) for value, _ in row.percentiles)
        table.add_row(Text(row.name, dim), row.requests, *cells, row.most)
        intervals = [within for _, within in row.percentiles]
        if any(intervals):
            table.add_row("", "", *(Text(each, "dim") for each in intervals), "")
    print_body(console, table)
    if any_failed:
        print_body(console, WITH_FAILURES_WORDS, "dim")
    if figures.coalesced_share:
        share = figures.coalesced_share
        print_body(console, f"{share:.1%} of the gaps lay within one read and count as 0", "dim")


def _print_objectives(figures: LoadFigures, console: Console) -> None:
    if not figures.objectives:
        return
    heading(console, "Objectives")
    table = columns("a request meets", "met by", "share")
    for each in figures.objectives:
        table.add_row(Text(printable(each.objective)), f"{each.met:,}", share_of(each.share))
    if len(figures.objectives) > 1:
        table.add_row("all of them", "", share_of(figures.goodput_share))
    print_body(console, table)


def _print_remarks(figures: LoadFigures, console: Console) -> None:
    heading(console, "Connections and client")
    refusals, connections = figures.refusals, figures.connections
    if refusals.refused:
        said = f"{counted(refusals.refused, 'answer')} of 429 ({share_of(refusals.share)})"
        if refusals.retry_after is not None:
            pause = refusals.retry_after
            assert pause.min is not None
            assert pause.max is not None
            least, most = show_seconds(pause.min), show_seconds(pause.max)
            said += f"; Retry-After of {least}" + (f" to {most}" if most != least else "")
        print_body(console, said, "yellow")
        if refusals.recovered_jobs:
            print_body(
                console,
                f"latency at the first attempt: {brief(refusals.first_attempt)}; "
                f"with retries: {brief(refusals.with_retries)}",
            )
    said = f"{counted(connections.opened, 'connection')} opened, {connections.reused:,} used again"
    if connections.set_up is not None:
        said += f"; set up in {brief(connections.set_up)}"
    print_body(console, said)
    for line in server_lines(figures):
        print_body(console, line)
    machine = figures.facts.machine
    if machine is not None:
        for line in machine_lines(machine, figures.facts.workers):
            print_body(console, line, "dim")
