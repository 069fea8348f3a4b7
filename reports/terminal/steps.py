"""A sweep or a search on a terminal: a row for each load, and what was found."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds

from ..comparison import Step, Steps
from .layout import columns, heading, print_body

BAR = 12
MARKS = {"met": ("met", "green"), "not met": ("missed", "red"), "unclear": ("unclear", "yellow")}


def print_steps(steps: Steps, console: Console) -> None:
    """Print a row for each step by its load, and the answer. Fits 80 columns and wider.

    Args:
        steps: of a sweep or a search.
        console: where to.
    """
    console.print(Text(printable(steps.directory), style="bold"))
    if steps.objective is not None:
        print_body(console, printable(steps.objective))
    heading(console, "Steps, by load")
    outcome = ["objective"] if steps.objective is not None else []
    table = columns("asked", "done/s", "errors", "TTFT p95", "latency p95", "", *outcome, left=1)
    table.columns[5].justify = "left"
    longest = max((step.latency_p95_s or 0 for step in steps.steps), default=0)
    for step in sorted(steps.steps, key=lambda step: (step.load, step.size)):
        share = (step.latency_p95_s or 0) / longest if longest else 0
        name = f"{step.rate_per_s:.4g}/s" if step.rate_per_s is not None else f"{step.users} users"
        table.add_row(
            Text(name, "bold" if step.load == (steps.highest_met or steps.knee) else ""),
            "-" if step.requests_per_s is None else f"{step.requests_per_s:.4g}",
            "-" if step.error_rate is None else f"{step.error_rate:.1%}",
            _time(step.ttft_p95_s),
            _time(step.latency_p95_s),
            Text("▇" * round(share * BAR), "cyan"),
            *([_mark(step)] if outcome else []),
        )
    print_body(console, table)
    for line, style in remarks(steps):
        print_body(console, line, style)


def remarks(steps: Steps) -> list[tuple[str, str]]:
    """What was found, in sentences, each with its style."""
    found = []
    if steps.kind == "find":
        found.append(_answer(steps))
    if steps.unclear:
        rates = ", ".join(f"{rate:.4g}/s" for rate in steps.unclear)
        found.append((f"too near to the limit to tell, and taken as it came out: {rates}", "dim"))
    if steps.knee is not None:
        unit = "/s" if steps.steps[0].rate_per_s is not None else " users"
        found.append((f"beyond {steps.knee:.4g}{unit} latency rises faster than load", ""))
    if rising := [step.asked for step in steps.steps if step.rising]:
        said = "latency was still rising at the end of"
        found.append(
            (f"{said} {printable(', '.join(rising))}: longer steps would come out worse", "dim")
        )
    if limited := [step.asked for step in steps.steps if step.verdict != "valid"]:
        said = f"not to be trusted, since the client was limited: {printable(', '.join(limited))}"
        found.append((said, "bold red"))
    if steps.reason is not None:
        found.append((f"ended early: {printable(steps.reason)}", "yellow"))
    return found


def _answer(steps: Steps) -> tuple[str, str]:
    if steps.highest_met is None:
        return "no rate met the objective", "red"
    said = f"{steps.highest_met:.4g}/s is the highest rate that met the objective"
    if steps.lowest_missed is not None:
        said += f"; {steps.lowest_missed:.4g}/s missed it"
    return said, "bold green"


def _mark(step: Step) -> Text:
    if step.certainty is None:
        return Text("-")
    words, style = MARKS[step.certainty]
    if step.certainty == "unclear":
        words += ", met" if step.met else ", missed"
    return Text(words, style)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else show_seconds(seconds)
