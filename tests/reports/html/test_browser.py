"""The report's page in a real browser: hostile text, both themes, a phone, a keyboard, a reader.

One browser for all of it. Where there is none the test is skipped, and says so.
"""

import struct
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headrace.reports.html import write_html
from tests.reports.chromium import PATIENCE_S, Tab, chromium, found
from tests.reports.conftest import RunMaker, at
from tests.reports.html.test_page import HOSTILE, hostile_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(found() is None, reason="NO CHROMIUM HERE: the page was not looked at"),
]
CHARTS = 9
STEALING = "<img src=https://evil.example/x onerror=\"window.stolen='yes'\">"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a run whose every text is an attack."""
    folder = tmp_path_factory.mktemp("page")
    made = RunMaker(folder / "jobs.run")
    hostile_run(made)
    for index in range(3, 60):
        made.job(
            index,
            custom_id=STEALING + str(index),
            model="javascript:window.stolen='yes'",
            latency_s=0.1 * index,
            ttft_s=0.01 * index,
            input_tokens=10,
            output_tokens=5,
            text=STEALING + HOSTILE,
            metadata=STEALING,
            cost=Decimal("0.001"),
        )
    path = folder / "page.html"
    write_html(made.write(), path)
    return path


def said(tab: Tab, *methods: str) -> list[dict[str, Any]]:
    return [event["params"] for event in tab.events if event.get("method") in methods]


def size_of(picture: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def test_hostile_text_runs_nothing_and_reaches_nobody(tab: Tab, page: Path) -> None:
    tab.size(1100, 900)
    tab.open(page)
    assert tab.evaluate("document.documentElement.dataset.drawn") == str(CHARTS)
    assert tab.evaluate("window.stolen") is None
    assert tab.evaluate("document.scripts.length") == 3
    assert tab.evaluate("document.images.length") == 0
    # Nothing was said on the console, nothing thrown, and the page's own policy stopped nothing.
    assert said(tab, "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []
    assert said(tab, "Page.javascriptDialogOpening") == []
    asked = [each["request"]["url"] for each in said(tab, "Network.requestWillBeSent")]
    assert asked == [page.resolve().as_uri()]
    assert STEALING + "59" in tab.evaluate("document.body.innerText")


def test_the_policy_stops_what_an_attacker_would_add(tab: Tab, page: Path) -> None:
    """Were there a hole after all, nothing could get out through it."""
    tab.open(page)
    tab.evaluate(
        "window.stopped = [];"
        "addEventListener('securitypolicyviolation', e => stopped.push(e.effectiveDirective));"
        "(() => { const script = document.createElement('script');"
        "script.textContent = 'window.stolen = 1'; document.body.append(script);"
        "const image = document.createElement('img'); image.src = 'https://evil.example/1';"
        "document.body.append(image); fetch('https://evil.example/2').catch(() => 0); })()"
    )
    assert tab.evaluate("window.stolen") is None
    assert tab.evaluate("(() => { try { return eval('1') } catch { return 'refused' } })()") == (
        "refused"
    )
    until = time.monotonic() + PATIENCE_S
    while len(stopped := tab.evaluate("stopped")) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    assert sorted(stopped) == ["connect-src", "img-src", "script-src", "script-src-elem"]


DRAWN = """[...document.querySelectorAll('.chart')].map(chart => {
    const svg = chart.querySelector('svg');
    const marks = chart.querySelectorAll('.mark-rect path, .mark-line path, .mark-area path');
    return [chart.id, svg ? svg.getBoundingClientRect().width : 0, marks.length];
})"""


EDGES = """[...document.querySelectorAll('.chart svg')].map(
    svg => svg.querySelector('path.background').getBoundingClientRect().left
)"""
HINTED = """[...document.querySelectorAll('.scroll')].filter(
    each => each.scrollWidth > each.clientWidth && 'wide' in each.dataset &&
        getComputedStyle(each, '::before').content.includes('Scroll sideways') &&
        getComputedStyle(each).backgroundImage.includes('gradient')
).length"""


@pytest.mark.parametrize(
    ("scheme", "width", "phone"),
    [("light", 1100, False), ("dark", 1100, False), ("light", 390, True), ("dark", 390, True)],
)
def test_it_is_drawn_in_both_themes_and_fits_a_phone(
    tab: Tab, page: Path, tmp_path: Path, scheme: str, width: int, phone: bool
) -> None:
    tab.colours(scheme)
    tab.size(width, 844, phone=phone)
    tab.open(page)
    charts = tab.evaluate(DRAWN)
    assert len(charts) == CHARTS
    assert [name for name, _, marks in charts if not marks] == []
    assert [name for name, wide, _ in charts if not 200 < wide <= width] == []
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(253, 252, 250)", "dark": "rgb(20, 23, 26)"}[scheme]
    if phone:  # all charts below one another: their plots begin at the same place
        assert len({round(edge) for edge in tab.evaluate(EDGES)}) == 1
        # A table that is wider than the phone says so, and has a shadow where there is more.
        assert tab.evaluate(HINTED) > 0
    # The charts' text takes its colour from the theme as the page's does.
    label = "getComputedStyle(document.querySelector('.chart svg text')).fill"
    assert tab.evaluate(label) != ground
    tab.picture(tmp_path / "page.png")
    wide, high = size_of(tmp_path / "page.png")
    assert wide == width
    assert high > 2000


def test_it_is_reached_by_keyboard(tab: Tab, page: Path) -> None:
    tab.size(1100, 900)
    tab.open(page)
    reached = []
    for _ in range(9):
        tab.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"  # one sees where one is
    assert reached[0] == "To the report"
    assert reached[1:8] == ["Outcome", "Cost", "Times", "Over time", "Errors", "Jobs", "Settings"]


def test_a_screen_reader_finds_its_way(tab: Tab, page: Path) -> None:
    tab.open(page)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]

    def names(role: str) -> list[str]:
        return [
            node.get("name", {}).get("value", "")
            for node in nodes
            if node.get("role", {}).get("value") == role and not node.get("ignored")
        ]

    for landmark in ("main", "banner", "navigation", "contentinfo"):
        assert len(names(landmark)) == 1, landmark
    headings = names("heading")
    assert headings[1:7] == [
        "Outcome",
        "Cost and balance",
        "Times of answers",
        "Over time",
        "Errors and retries",
        "Jobs worth a look",
    ]
    charts = [name for name in names("image") if name]
    assert len(charts) == CHARTS
    assert tab.evaluate("document.documentElement.lang") == "en"
    # Each chart has its words, and a table with the same figures.
    assert tab.evaluate(
        "[...document.querySelectorAll('.chart')].every(c => "
        "document.getElementById(c.getAttribute('aria-describedby')).textContent.length > 30 && "
        "c.parentElement.querySelectorAll('tbody tr').length > 0)"
    )
    headers = "[...document.querySelectorAll('th')].every(h => ['col', 'row'].includes(h.scope))"
    assert tab.evaluate(headers)
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_a_run_that_did_nothing_is_drawn_too(tab: Tab, made: RunMaker, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    write_html(made.write(), path)
    tab.open(path)
    assert "Nothing was sent." in tab.evaluate("document.body.innerText")
    assert said(tab, "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []


def test_one_attempt_alone_is_drawn_too(tab: Tab, made: RunMaker, tmp_path: Path) -> None:
    made.job(0, latency_s=0.5, sent_at=at(0), cost=Decimal(0))
    path = tmp_path / "one.html"
    write_html(made.write(), path)
    tab.open(path)
    assert said(tab, "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []
    assert [name for name, _, _ in tab.evaluate(DRAWN)] != []
