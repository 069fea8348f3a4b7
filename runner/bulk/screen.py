"""The live display of a run, on a terminal."""

from functools import partial

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headrace.jobs import show_duration, strip_zeros

from .progress import (
    Display,
    Meter,
    Progress,
    View,
    display_in_lines,
    held_up,
    lane_words,
    last_minute,
)

REFRESH_S = 0.25


def display_on(console: Console) -> Display:
    """A display for this console: live on a terminal, else a line every ten seconds."""

    async def live(progress: Progress) -> None:
        meter = Meter()
        with Live(console=console, auto_refresh=False, transient=True) as display:
            while True:
                display.update(_drawn(meter.look(progress)), refresh=True)
                await trio.sleep(REFRESH_S)

    return live if console.is_terminal else display_in_lines(partial(print_line, console))


def print_line(console: Console, words: str) -> None:
    """Print a line as it is, above the display: written past it, it would be painted over."""
    console.print(words, markup=False, highlight=False, soft_wrap=True)


def _drawn(view: View) -> Group:
    counts = Text.assemble(
        (f"{view.done:,} done", "bold"),
        (f"  {view.failed:,} failed", "red" if view.failed else "dim"),
        (f"  {view.rejected:,} rejected", "yellow") if view.rejected else "",
        f"  {view.in_flight:,} in flight",
        (f"  {view.waiting:,} waiting", "dim"),
    )
    bar = Table.grid(padding=(0, 1))
    share = view.share
    bar.add_row(
        ProgressBar(total=1.0, completed=share or 0.0, width=40, pulse=share is None),
        Text("" if share is None else f"{share:4.0%}"),
        Text("" if view.eta_s is None else f"about {show_duration(view.eta_s)} left", "dim"),
    )
    named = any(lane.named for lane in view.lanes)
    rates = Text.assemble(
        ("" if named else last_minute(view), "cyan"),
        "" if named else "  ",
        (f"{strip_zeros(view.cost):f} {view.currency}", "green")
        if view.cost is not None
        else ("cost unknown: no --prices", "dim"),
        ("  in the last minute:", "dim") if named else "",
    )
    lines: list[RenderableType] = [counts, bar, rates]
    if named:
        lines.append(_lanes(view))
    held = view.stopping if named else held_up(view)
    if held is not None:
        lines.append(Text(held, "yellow"))
    if view.shortage is not None:
        lines.append(Text(view.shortage, "yellow"))
    return Group(*lines)


def _lanes(view: View) -> Table:
    """A line for each lane: of many, those that fit are seen."""
    found = Table.grid(padding=(0, 2, 0, 0))
    found.add_column(overflow="fold")
    found.add_column(justify="right", no_wrap=True)
    found.add_column(justify="right", no_wrap=True)
    found.add_column()
    for lane in view.lanes:
        requests, tokens = lane_words(lane)
        found.add_row(
            Text(f"  {lane.named}"),
            Text(requests, "cyan"),
            Text(tokens, "cyan"),
            Text(lane.held or "", "yellow"),
        )
    return found
