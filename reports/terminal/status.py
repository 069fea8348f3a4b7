"""A status on a terminal: a few lines, what matters first."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import safe

from ..figures import Status
from .layout import counted, duration, money, show

STATES = {
    "finished": ("finished", "green"),
    "running": ("running", "cyan"),
    "crashed": ("the process is gone; the same command goes on", "yellow"),
    "interrupted": ("was interrupted; the same command goes on", "yellow"),
    "stopped": ("stopped before its end", "red"),
}


def print_status(status: Status, console: Console) -> None:
    """Print it. Fits 80 columns."""
    words, style = STATES[status.state]
    if status.kind == "load":
        words = words.partition(";")[0]  # nothing goes on with a load run
    since = ""
    if status.state == "running":
        since = f" for {duration((status.at - status.session_started_at).total_seconds())}"
    console.print(Text.assemble((safe(status.run), "bold"), "  ", (words + since, style)))
    if status.reason is not None:
        show(console, safe(status.reason), style)
    counts = f"{status.succeeded:,} succeeded, {status.failed:,} failed"
    if status.rejected:
        counts += f", {status.rejected:,} rejected"
    if status.jobs_total is not None and status.share is not None:
        counts += f", of {counted(status.jobs_total, 'line')} ({status.share:.0%})"
    show(console, counts)
    if status.state == "running":
        _print_under_way(status, console)
    if status.cost is not None:
        so_far = "" if status.state == "finished" else " so far"
        show(console, f"{money(status.cost, status.currency)}{so_far}")
    if status.last_end_at is not None and status.state in ("running", "crashed"):
        ago_s = max(0.0, (status.at - status.last_end_at).total_seconds())
        show(console, f"the last result came {duration(ago_s)} ago", "dim")


def _print_under_way(status: Status, console: Console) -> None:
    flight = f"{status.in_flight:,} in flight"
    if status.longest_in_flight_s is not None:
        flight += f", the longest for {duration(max(0.0, status.longest_in_flight_s))}"
    show(console, flight)
    requests = _against(status.requests_last_minute, status.limits.rpm)
    tokens = _against(status.tokens_last_minute, status.limits.tpm)
    show(console, f"{requests} requests, {tokens} tokens in the last minute")
    if status.jobs_per_minute is not None:
        pace = f"{status.jobs_per_minute:,.4g} jobs a minute"
        if status.left_s is not None:
            pace += f", about {duration(status.left_s)} left"
        show(console, pace)
    if status.cooling_down_s is not None:
        show(console, f"cooling down for {duration(status.cooling_down_s)}", "yellow")
    if status.failing_since is not None:
        for_s = (status.at - status.failing_since).total_seconds()
        show(
            console,
            f"the service has failed for {duration(for_s)}, {status.failing_attempts:,} times in "
            "a row",
            "red",
        )


def _against(count: int, limit: int | None) -> str:
    return f"{count:,}" if limit is None else f"{count:,} of {limit:,}"
