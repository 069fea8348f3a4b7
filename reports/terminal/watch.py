"""A status kept up to date until the run ends: drawn anew on a terminal, else a line each time."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from io import StringIO
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..figures import RunStatus
from .status import print_status, status_line

EVERY_S = 1.0
# Of the time that this may take: a look reads the run's records, which grow.
SHARE_MAX = 0.1


class Timing(NamedTuple):
    """What tells and passes the time: seconds of any clock, and a sleep of so many."""

    now_s: Callable[[], float]
    sleep: Callable[[float], object]


def watch_status(
    look: Callable[[], RunStatus],
    console: Console,
    timing: Timing,
    show: Callable[[RunStatus], object] | None = None,
) -> RunStatus:
    """Look once a second until the run is not running any more.

    Args:
        look: at the run.
        console: where to: a terminal's status is drawn anew, elsewhere each look is a line.
        timing: of the looks.
        show: what is done with each look instead.

    Returns:
        What the last look found.

    Raises:
        InputError: the run can't be read.
    """
    live = (
        Live(console=console, auto_refresh=False) if show is None and console.is_terminal else None
    )
    shown: AbstractContextManager[object] = nullcontext() if live is None else live
    with shown:
        while True:
            began_s = timing.now_s()
            status = look()
            if show is not None:
                show(status)
            elif live is None:
                console.print(status_line(status), markup=False, highlight=False, soft_wrap=True)
            else:
                live.update(_drawn(status, console), refresh=True)
            if status.state != "running":
                return status
            took_s = timing.now_s() - began_s
            timing.sleep(max(EVERY_S - took_s, took_s / SHARE_MAX - took_s))


def _drawn(status: RunStatus, console: Console) -> Text:
    """As `print_status` prints it there, by a console that draws nothing."""
    drawing = Console(file=StringIO(), width=console.width, force_terminal=True)
    with drawing.capture() as captured:
        print_status(status, drawing)
    return Text.from_ansi(captured.get().rstrip("\n"))
