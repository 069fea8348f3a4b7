"""A status on a terminal: a few lines, what matters first."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds

from ..figures import RunStatus, ServiceStatus
from ..wording import counted, money, state_words
from .layout import STATE_STYLES, print_body


def print_status(status: RunStatus, console: Console) -> None:
    """Print the progress of a run. Fits 80 columns.

    Args:
        status: of the run.
        console: where to.
    """
    words, style = state_words(status.state, kind=status.kind), STATE_STYLES[status.state]
    if status.state == "running":
        for_s = (status.at - status.session_started_at).total_seconds()
        words = f"running for {show_seconds(for_s)}"
    console.print(Text.assemble((printable(status.run), "bold"), "  ", (words, style)))
    if status.reason is not None:
        print_body(console, printable(status.reason), style)
    counts = f"{status.succeeded:,} succeeded, {status.failed:,} failed"
    if status.rejected:
        counts += f", {status.rejected:,} rejected"
    if status.jobs_total is not None and status.share is not None:
        counts += f", of {counted(status.jobs_total, 'line')} ({status.share:.0%})"
    print_body(console, counts)
    if status.state == "running":
        _print_under_way(status, console)
    if status.cost is not None:
        so_far = "" if status.state == "finished" else " so far"
        print_body(console, f"{money(status.cost, status.currency)}{so_far}")
    if status.kept:
        kept = money(status.kept, status.currency)
        print_body(console, f"{kept} kept as spent for attempts whose bill is unknown", "yellow")
    for note in status.notes:
        print_body(console, f"{printable(note)}.", "yellow")
    if status.last_end_at is not None and status.state in ("running", "crashed"):
        ago_s = max(0.0, (status.at - status.last_end_at).total_seconds())
        print_body(console, f"the last result came {show_seconds(ago_s)} ago", "dim")


def status_line(status: RunStatus) -> str:
    """The same in a line, what matters first."""
    words = [status.state, f"{status.succeeded:,} succeeded", f"{status.failed:,} failed"]
    if status.rejected:
        words.append(f"{status.rejected:,} rejected")
    if status.share is not None:
        words.append(f"{status.share:.0%} of the file")
    if status.state == "running":
        words.append(f"{status.in_flight:,} in flight")
        if status.jobs_per_minute is not None:
            words.append(f"{status.jobs_per_minute:,.4g} jobs per minute")
        if status.left_s is not None:
            words.append(f"about {show_seconds(status.left_s)} left")
    if status.cost is not None:
        words.append(money(status.cost, status.currency))
    if status.kept:
        words.append(f"{money(status.kept, status.currency)} kept")
    services = status.by_service
    for each in services:
        words += [f"{printable(each.name)} {said}" for said in _held_up(each, status)]
    if status.cooling_down_s is not None and not services:
        words.append(f"cooling down for {show_seconds(status.cooling_down_s)}")
    if status.failing_since is not None and not services:
        for_s = (status.at - status.failing_since).total_seconds()
        words.append(f"the service has failed for {show_seconds(for_s)}")
    if status.reason is not None:
        words.append(printable(status.reason))
    return ", ".join(words)


def _print_under_way(status: RunStatus, console: Console) -> None:
    flight = f"{status.in_flight:,} in flight"
    if status.longest_in_flight_s is not None:
        flight += f", the longest for {show_seconds(max(0.0, status.longest_in_flight_s))}"
    print_body(console, flight)
    services = status.by_service
    if services:  # with limits of their own
        print_body(
            console,
            f"{status.requests_last_minute:,} requests, {status.tokens_last_minute:,} tokens in "
            "the last minute",
        )
    else:
        requests = _against(status.requests_last_minute, status.limits.rpm)
        tokens = _against(status.tokens_last_minute, status.limits.tpm)
        print_body(console, f"{requests} requests, {tokens} tokens in the last minute")
    if status.jobs_per_minute is not None:
        pace = f"{status.jobs_per_minute:,.4g} jobs per minute"
        if status.left_s is not None:
            pace += f", about {show_seconds(status.left_s)} left"
        print_body(console, pace)
    for each in services:
        _print_service(each, status, console)
    if services:
        return
    if status.cooling_down_s is not None:
        print_body(console, f"cooling down for {show_seconds(status.cooling_down_s)}", "yellow")
    if status.failing_since is not None:
        for_s = (status.at - status.failing_since).total_seconds()
        print_body(
            console,
            f"the service has failed for {show_seconds(for_s)}, "
            f"{status.failing_attempts:,} times in a row",
            "red",
        )


def _print_service(service: ServiceStatus, status: RunStatus, console: Console) -> None:
    """A line of one service: what it sent against its limits, and what holds it up."""
    requests = _against(service.requests_last_minute, service.limits.rpm)
    tokens = _against(service.tokens_last_minute, service.limits.tpm)
    held = _held_up(service, status)
    said = "; ".join([f"{printable(service.name)}: {requests} requests, {tokens} tokens", *held])
    badly = service.stopped is not None or service.failing_since is not None
    print_body(console, said, "red" if badly else "yellow" if held else "")


def _held_up(service: ServiceStatus, status: RunStatus) -> list[str]:
    """What keeps a service from sending, in words."""
    said = []
    if service.cooling_down_s is not None:
        said.append(f"cooling down for {show_seconds(service.cooling_down_s)}")
    if service.failing_since is not None:
        for_s = (status.at - service.failing_since).total_seconds()
        attempts = counted(service.failing_attempts, "attempt")
        said.append(f"failing for {show_seconds(for_s)} ({attempts})")
    if service.stopped is not None:
        said.append(f"stopped: {printable(service.stopped)}")
    return said


def _against(count: int, limit: int | None) -> str:
    return f"{count:,}" if limit is None else f"{count:,} of {limit:,}"
