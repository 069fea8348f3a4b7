"""Several sweeps as one page: their curves in one chart, and a row for each load of each."""

from pathlib import Path

from ..comparison import Sweeps, sweep_columns, sweep_remarks, sweep_rows
from ..output import write_whole
from .page import drawn_page
from .tradeoff_charts import tradeoff_charts


def sweeps_page(sweeps: Sweeps) -> str:
    """The page. The same sweeps give the same page."""
    named = [
        (f"{letter}, {Path(steps.directory).name}"[:60], steps) for letter, steps in sweeps.lettered
    ]
    charts = tradeoff_charts(named)
    return drawn_page(
        "sweeps.html.jinja",
        charts,
        title=f"{', '.join(steps.directory for steps in sweeps.sweeps)}: sweeps",
        lettered=sweeps.lettered,
        charts=charts,
        remarks=list(sweep_remarks(sweeps)),
        columns=sweep_columns(sweeps),
        rows=sweep_rows(sweeps),
    )


def write_sweeps_page(sweeps: Sweeps, path: Path) -> None:
    """Write the page, whole or not at all. Raises InputError where it can't be written."""
    write_whole(path, sweeps_page(sweeps).encode("utf-8", "replace"))
