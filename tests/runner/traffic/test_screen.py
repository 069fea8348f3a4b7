"""What a user sees of a load run, in words and on a terminal."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from headrace.runner.traffic.screen import draw, draw_snapshots
from headrace.runner.traffic.snapshot import Snapshot, in_time, in_words, sparkline
from headrace.runner.traffic.tally import Quantiles


def snapshot(**fields: Any) -> Snapshot:
    common: dict[str, Any] = {
        "stage": "measuring",
        "asked": "50/s poisson",
        "passed_s": 12.0,
        "whole_s": 60.0,
        "measured": 590,
        "requests": None,
        "rate_asked_per_s": 50.0,
        "rate_sent_per_s": 49.8,
        "sent": 840,
        "in_flight": 31,
        "behind_s": 0.0,
        "ttft": Quantiles(0.3124, 0.41, 0.9),
        "latency": Quantiles(1.25, 2.0, 12.0),
        "ttft_course": [0.1, 0.2, None, 0.4],
        "latency_course": [1.0, 1.0, None, 2.0],
        "errors": [],
        "cost": None,
        "doubts": [],
    }
    return Snapshot(**{**common, **fields})


def drawn(looked_at: Snapshot, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(draw(looked_at, width=width))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_line_says_how_far_it_is_and_how_it_goes() -> None:
    assert in_words(snapshot()) == (
        "measuring, 12s of 1m, 50.0/s asked, 49.8/s sent, 31 in flight, TTFT 312 ms (p95 410 ms), "
        "latency 1.25 s (p95 2.00 s), no errors, valid so far"
    )


def test_a_line_says_what_goes_wrong() -> None:
    looked_at = snapshot(
        errors=[("HTTP 429", 1200), ("timeout", 3)],
        doubts=["a stall of 512 ms"],
        behind_s=3.25,
        cost="0.25 CNY",
    )
    assert in_words(looked_at).endswith(
        "31 in flight, 3.25 s behind, TTFT 312 ms (p95 410 ms), latency 1.25 s (p95 2.00 s), "
        "1,200 HTTP 429, 3 timeout, 0.25 CNY, perhaps client-limited: a stall of 512 ms"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "measuring, 12s of 1m"),
        ({"requests": 1000, "whole_s": None}, "measuring, 590 of 1,000 requests"),
        ({"stage": "warming up", "passed_s": 3.0, "whole_s": 5.0}, "warming up, 3s of 5s"),
        ({"stage": "draining", "passed_s": 3.0, "whole_s": 120.0}, "draining, 3s of 2m"),
        ({"whole_s": None}, "measuring, 12s"),
    ],
)
def test_each_stage_says_how_far_it_is(fields: dict[str, Any], words: str) -> None:
    assert snapshot(**fields).progress == words
    assert words in drawn(snapshot(**fields))


def test_a_closed_loop_asks_for_no_rate() -> None:
    assert snapshot(rate_asked_per_s=None).rates == "49.8/s sent"


def test_the_screen_shows_rates_times_errors_and_the_verdict() -> None:
    text = drawn(snapshot(errors=[("HTTP 429", 2)]))
    rates = ("50.0/s asked, 49.8/s sent", "31 in flight", "p50 312 ms", "p99 900 ms")
    others = ("2 HTTP 429", "valid so far", "▃▅ █", "50/s poisson")
    assert [words for words in rates + others if words in text] == [*rates, *others]


def test_the_screen_fits_a_narrow_terminal() -> None:
    course = [0.1] * 60
    text = drawn(snapshot(ttft_course=course, latency_course=course), width=60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert len(text.splitlines()) <= 9


def test_the_screen_shows_each_snapshot_as_it_comes_and_leaves_nothing() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    lines = [msgspec.json.encode(snapshot(sent=n)) + b"\n" for n in (1111, 2222)]
    draw_snapshots(io.BytesIO(b"".join(lines)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("1,111 in all") < text.index("2,222 in all")
    assert "\x1b[2K" in text.rsplit("2,222", 1)[1]  # lines are cleared after the last


def test_a_snapshot_fits_into_one_write_to_a_pipe() -> None:
    looked_at = snapshot(
        asked="9" * 60,
        ttft_course=[12345.678901] * 60,
        latency_course=[12345.678901] * 60,
        errors=[("HTTP 429", 10**9)] * 5,
    )
    assert len(msgspec.json.encode(looked_at)) < 4096 - 1000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.0001234, "123 µs"), (0.05, "50.0 ms"), (0.9994, "999 ms"), (0.99951, "1.00 s")),
        *((1.5, "1.50 s"), (75.26, "75.3 s"), (3725.0, "1 h 2 min"), (None, "-")),
    ],
)
def test_times_have_three_digits(seconds: float | None, words: str) -> None:
    assert in_time(seconds) == words


def test_a_sparkline_has_a_bar_for_each_value() -> None:
    assert sparkline([0.0, 0.5, 1.0, None]) == "▁▅█ "
    assert sparkline([None, 0.0]) == " ▁"
    assert sparkline([]) == ""
