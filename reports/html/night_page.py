"""A night as one page: its verdict, what flipped, and the trend of all nights."""

from pathlib import Path

from ..comparison import Trend
from ..nights import NightReport, came_words, flips_words, headline, notes, verdict_of
from ..output import write_whole
from ..wording import money
from .page import drawn_page
from .trend_page import trend_charts

TONES = {"met": "tone-good", "not met": "tone-bad", "unclear": "tone-doubt"}


def night_page(report: NightReport, trend: Trend) -> str:
    """The page. The same night gives the same page."""
    charts = trend_charts(trend)
    return drawn_page(
        "night.html.jinja",
        charts,
        title=f"{report.date}: {headline(report)}",
        report=report,
        headline=headline(report),
        cost=None if report.cost is None else money(report.cost, report.currency),
        notes=list(notes(report)),
        rows=[
            {
                "condition": each.judgement.objective,
                "beside": each.beside or "",
                "came": came_words(each),
                "verdict": verdict_of(each),
                "tone": TONES[verdict_of(each)],
            }
            for each in report.objectives
        ],
        flips=report.flips,
        flips_said="" if report.flips is None else flips_words(report.flips),
        charts=charts,
    )


def write_night_page(report: NightReport, trend: Trend, path: Path) -> None:
    """Write the page, whole or not at all. Raises InputError where it can't be written."""
    write_whole(path, night_page(report, trend).encode("utf-8", "replace"))
