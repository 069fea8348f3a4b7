"""A load run on a terminal: its look, its width, and what it leaves out."""

from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from headrace.jobs import MachineFacts
from headrace.reports import print_summary, summarise
from headrace.reports.load.sentences import machine_lines
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import LoadMaker, facts

GOLDEN = Path(__file__).parents[1] / "golden"
MACHINE = MachineFacts(
    loop_lag_p99_s=0.0004,
    longest_stall_s=0.0123,
    cpu_share=0.825,
    in_flight_max=40,
    open_files_max=77,
    open_files_limit=1024,
    ports_max=64,
    ports_limit=28232,
)


def printed(made: RunMaker, width: int = 80) -> str:
    out = StringIO()
    console = Console(file=out, width=width, color_system=None)
    print_summary(summarise(made.write()), console)
    return out.getvalue()


def test_the_whole_section(made: RunMaker) -> None:
    """Objectives, refusals tried again, connections, an error and requests cut off."""
    made.prices = None
    made.load = facts(machine=MACHINE, objectives=["ttft_s < 300ms", "latency_s < 500ms"])
    loaded = LoadMaker(made)
    loaded.fill(500)
    for n in range(4):
        loaded.request(4.0 + n, connection_reused=False, connect_s=0.01 * (n + 1))
    loaded.request(5.0, error_kind="timeout", latency_s=None, ttft_s=None)
    loaded.request(11.9, error_kind="cancelled", latency_s=None, ttft_s=None)
    shared: dict[str, Any] = {"phase": "measure", "wait_s": 0.0, "connection_reused": True}
    refused: dict[str, Any] = {"error_kind": "http", "http_status": 429, "retry_after_s": 1.5}
    made.attempt(900, due_at=at(4), sent_at=at(4), **refused, **shared)
    made.attempt(900, 2, due_at=at(6), sent_at=at(6), latency_s=0.75, ttft_s=0.5, **shared)
    made.result(900, attempts=2, total_s=2.75)
    assert printed(made) == (GOLDEN / "load.txt").read_text()


def test_a_closed_loop_that_is_limited(made: RunMaker) -> None:
    """From due says nothing more, and there is nothing to say of objectives or content."""
    made.prices = None
    made.load = facts(
        shape="users",
        open_loop=False,
        asked="8 users",
        machine=MachineFacts(stalls=2, longest_stall_s=0.5),
    )
    loaded = LoadMaker(made)
    for n in range(20):
        loaded.request(3.0 + n / 4, ttft_s=0.25, content_ttft_s=0.25)
    text = printed(made)
    assert text == (GOLDEN / "load-limited.txt").read_text()
    assert "from due" not in text


def test_gaps_that_one_read_brought_leave_no_empty_line(made: RunMaker) -> None:
    made.load = facts()
    loaded = LoadMaker(made)
    for n in range(20):
        loaded.request(3.0 + n / 4, output_tokens=3, gaps_s=[0.0, 0.0])
    table = printed(made).partition("Times of measured")[2].partition("\n\n")[0].splitlines()
    assert len(table) > 3
    assert [line for line in table if not line.strip()] == []


def test_nothing_measured_is_said_and_nothing_else(made: RunMaker) -> None:
    made.load = facts(model="\x1b[2Jm", machine=None)
    text = printed(made)
    assert "unknown\n  no request was measured" in text
    assert "\x1b" not in text
    assert "Times" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(made: RunMaker, width: int) -> None:
    made.load = facts(machine=MACHINE, objectives=["ttft_s < 300ms and latency_s < 500ms"])
    LoadMaker(made).fill(60)
    assert max(map(len, printed(made, width).splitlines())) <= width


@pytest.mark.parametrize(
    ("share", "told"), [(0.24, " (it waited 24% of the time for it)"), (0.004, "")]
)
def test_a_core_that_others_had_is_told(share: float, told: str) -> None:
    machine = msgspec.structs.replace(MACHINE, core_wait_share=share)
    line = machine_lines(machine)[0]
    assert line.startswith(f"this client: 82% of a core{told}, peak 40 in flight")
