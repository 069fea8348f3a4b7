"""The live display of a run, on a terminal."""

from functools import partial

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headrace.jobs import show_duration, strip_zeros

from .progress import Display, Meter, Progress, View, display_in_lines, last_minute

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
    rates = Text.assemble(
        (last_minute(view), "cyan"),
        "  ",
        (f"{strip_zeros(view.cost):f} {view.currency}", "green")
        if view.cost is not None
        else ("cost unknown: no --prices", "dim"),
    )
    lines: list[RenderableType] = [counts, bar, rates]
    if view.state is not None:
        lines.append(Text(view.state, "yellow"))
    if view.shortage is not None:
        lines.append(Text(view.shortage, "yellow"))
    return Group(*lines)
