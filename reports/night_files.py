"""The files that a night leaves in its run directory."""

from collections.abc import Sequence
from pathlib import Path

from .comparison import trend_of
from .figures import data_json
from .html import write_night_page
from .nights import (
    CutNight,
    NightReport,
    cut_markdown,
    night_junit,
    night_markdown,
    questions_of,
)
from .output import remove, write_whole
from .run import open_run

JSON, MARKDOWN, JUNIT, PAGE = "night.json", "night.md", "junit.xml", "night.html"


def write_night(report: NightReport, run: Path, nights: Sequence[Path]) -> list[Path]:
    """Write a night's files.

    Args:
        report: of the night.
        run: its directory, which they go to.
        nights: the runs of the trend, itself among them.

    Returns:
        The files: the page, Markdown, JUnit and JSON.

    Raises:
        InputError: a run can't be read, or a file can't be written.
    """
    write_whole(run / JSON, data_json(report))
    write_whole(run / MARKDOWN, night_markdown(report).encode("utf-8", "replace"))
    write_whole(run / JUNIT, night_junit(report, questions_of(open_run(run), report.score)))
    write_night_page(report, trend_of(nights), run / PAGE)
    return [run / name for name in (PAGE, MARKDOWN, JUNIT, JSON)]


def write_cut_night(night: CutNight, run: Path) -> list[Path]:
    """Write what is known of a night that was cut short, and remove the page and the JUnit file of
    an earlier start, which say something else.

    Args:
        night: what is known.
        run: its directory, which they go to.

    Returns:
        The files: Markdown and JSON.

    Raises:
        InputError: a file can't be written.
    """
    write_whole(run / JSON, data_json(night))
    write_whole(run / MARKDOWN, cut_markdown(night).encode("utf-8", "replace"))
    for name in (PAGE, JUNIT):
        remove(run / name)
    return [run / name for name in (MARKDOWN, JSON)]
