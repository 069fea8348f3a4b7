"""The live display of a load run, in a process of its own.

To draw takes some milliseconds, four times per second, in which nothing else of a Python process
runs: requests would leave late because somebody looks on. So the run writes a snapshot, a line of
JSON, to this process, which draws it on the terminal that is its standard error.
"""

import signal
import sys
from typing import BinaryIO

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headrace import standard_streams

from .snapshot import BEHIND_SHOWN_S, Snapshot, in_time, sparkline

SPARK_WIDTH_MAX = 60


def draw(snapshot: Snapshot, *, width: int) -> Group:
    """The whole display, for a terminal of so many columns."""
    bar = Table.grid(padding=(0, 1))
    share = snapshot.share
    bar.add_row(
        ProgressBar(total=1.0, completed=share or 0.0, width=30, pulse=share is None),
        Text(snapshot.progress, "bold"),
        Text(snapshot.asked, "dim"),
    )
    rates = Text.assemble(
        (snapshot.rates, "cyan"),
        f"  {snapshot.in_flight:,} in flight",
        (f"  {in_time(snapshot.behind_s)} behind", "yellow")
        if snapshot.behind_s > BEHIND_SHOWN_S
        else "",
        (f"  {snapshot.sent:,} in all", "dim"),
        (f"  {snapshot.cost}", "green") if snapshot.cost else "",
    )
    lines: list[RenderableType] = [bar, rates]
    times = Table.grid(padding=(0, 2))
    spark_width = max(0, min(SPARK_WIDTH_MAX, width - 50))
    for name, found, course in (
        ("TTFT", snapshot.ttft, snapshot.ttft_course),
        ("latency", snapshot.latency, snapshot.latency_course),
    ):
        if found.p50_s is None and not any(course):
            continue
        times.add_row(
            name,
            Text(f"p50 {in_time(found.p50_s)}", "bold"),
            f"p95 {in_time(found.p95_s)}",
            f"p99 {in_time(found.p99_s)}",
            Text(sparkline(course[-spark_width:] if spark_width else []), "cyan"),
        )
    if times.row_count:
        lines.append(times)
    lines.append(Text(snapshot.trouble, "red" if snapshot.errors else "dim"))
    lines.append(Text(snapshot.verdict, "yellow" if snapshot.doubts else "green"))
    return Group(*lines)


def draw_snapshots(lines: BinaryIO, console: Console) -> None:
    """Draw each snapshot as it comes, until there are no more; nothing of it stays."""
    decoder = msgspec.json.Decoder(Snapshot)
    with Live(console=console, auto_refresh=False, transient=True) as display:
        for line in lines:
            display.update(draw(decoder.decode(line), width=console.width), refresh=True)


def main() -> None:
    # Ctrl-C is the run's; this process ends with the last snapshot.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    standard_streams.guard()
    draw_snapshots(sys.stdin.buffer, Console(stderr=True))


if __name__ == "__main__":
    main()
