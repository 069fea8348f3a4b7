"""The report on a terminal: its look, its width, and text that others wrote."""

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from headrace.jobs import Session
from headrace.reports import print_summary, summarise
from headrace.reports.wording import money
from tests.reports.conftest import RunMaker, at

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = "\x1b[2J\x1b]0;gone\x07[bold red]ok[/]\u202eevil\r\n"


def printed(made: RunMaker, width: int = 80) -> str:
    out = StringIO()
    print_summary(summarise(made.directory), Console(file=out, width=width, color_system=None))
    return out.getvalue()


def full_run(made: RunMaker) -> None:
    """Two endpoints, a retry, a refusal, a failure, a cut stream, and a balance that differs."""
    made.attempt(0, error_kind="http", http_status=429, error_code="RATE_LIMIT", retry_after_s=7.0)
    usage = {"input_tokens": 1200, "output_tokens": 80, "cost": Decimal("0.00136")}
    made.attempt(0, 2, **usage)
    made.result(0, attempts=2, **usage, latency_s=1.5, ttft_s=0.05, tpot_s=0.0183, wait_s=0.0002)
    made.job(
        1,
        model="painter",
        url="/v1/images/generations",
        images=1,
        cost=Decimal("0.25"),
        latency_s=20.0,
        wait_s=0.0,
    )
    made.attempt(
        2, error_kind="http", http_status=400, error_code="INVALID_PARAMS", request_id="req-2"
    )
    made.result(
        2,
        status="failed",
        http_status=400,
        error_code="INVALID_PARAMS",
        error_message="temperature must be between 0 and 2",
        request_id="req-2",
    )
    made.attempt(3, error_kind="stream", http_status=200)
    made.attempt(3, 2, error_kind="lost")
    made.reading(0, "10.0000", "0")
    made.reading(60, "9.7400", "0.25136")
    (made.write() / "rejects.jsonl").write_text("{}\n")


def test_the_whole_report(made: RunMaker) -> None:
    full_run(made)
    assert printed(made) == (GOLDEN / "report.txt").read_text()


def test_an_empty_run(made: RunMaker) -> None:
    made.write()
    assert printed(made) == (GOLDEN / "empty.txt").read_text()


def test_a_run_without_prices_or_a_balance(made: RunMaker) -> None:
    """There was a traceback where no amount was known."""
    made.prices = None
    made.job(0)
    made.write()
    text = printed(made)
    assert "No --prices were given, so no cost is known." in text
    assert text.endswith(
        "Balance check\n  cannot be checked\n  the service shows no balance (it was never read)\n"
    )


def test_what_has_no_cost_and_what_the_service_reports(made: RunMaker) -> None:
    made.job(0, input_tokens=9, cost_note="the price file has no web_search of the model")
    made.job(1, input_tokens=9, reported_cost=Decimal("0.0250"))
    made.attempt(2, error_kind="http", http_status=504, first_byte_s=60.0)
    made.attempt(2, 2, error_kind="http", http_status=504, first_byte_s=60.0)
    made.write()
    lines = [" ".join(line.split()) for line in printed(made).splitlines()]
    assert "model endpoint jobs input cost, CNY reported" in lines
    assert "small chat 2 18 - 0.025" in lines
    assert "reported of 1 of 2 answers" in lines
    assert "1 answer without a cost: the price file has no web_search of the model" in lines
    assert "1 answer without a cost: why was not recorded" in lines
    assert [line for line in lines if "computed" in line] == ["computed from the usage unknown"]
    assert "reported by the service: 0.025" in lines
    hint = lines[lines.index("Hints") + 1]
    assert hint.startswith("504 after 60 s each: something cuts here")


def test_a_stopped_run_says_why_first(made: RunMaker) -> None:
    made.manifest(
        Session(
            started_at=at(0),
            ended_at=at(1),
            state="stopped",
            reason="the balance is spent; top it up",
            limits=made.limits,
        )
    )
    made.seal()
    lines = printed(made).splitlines()
    assert lines[0] == "jobs.run  stopped before its end"
    assert lines[1] == "  the balance is spent; top it up"


@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_is_wider_than_the_terminal(made: RunMaker, width: int) -> None:
    full_run(made)
    made.job(9, model="a-model-whose-name-goes-on-and-on-for-far-too-long-" * 2)
    made.seal()
    assert max(map(len, printed(made, width).splitlines())) <= width


def test_text_of_others_is_shown_as_text(made: RunMaker) -> None:
    made.job(0, model=HOSTILE, url="/v1/" + HOSTILE)
    made.attempt(1, error_kind="http", http_status=400, error_code=HOSTILE, request_id=HOSTILE)
    made.result(
        1,
        status="failed",
        http_status=400,
        error_code=HOSTILE,
        error_message=HOSTILE,
        request_id=HOSTILE,
    )
    made.write()
    text = printed(made, 200)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert "[bold red]ok[/]" in text  # shown, and not obeyed


def test_money_has_all_its_digits() -> None:
    assert money(Decimal("1234.500000000000"), "CNY") == "1,234.5 CNY"
    assert money(Decimal("1E-12"), "CNY") == "0.000000000001 CNY"
    assert money(Decimal("1E+3"), None) == "1,000"
    assert money(None, "CNY") == "-"


def test_what_was_probably_billed_is_not_said_of_streams_alone(made: RunMaker) -> None:
    """Regression: embeddings that could not be used were counted among streams cut short."""
    made.job(0, cost=Decimal(1))
    made.attempt(1, error_kind="protocol", http_status=200, probable_cost=Decimal("0.5"))
    made.write()
    said = "Cut streams and answers that could not be used, in no cost: probably 0.5 CNY"
    assert said in printed(made, 120)
