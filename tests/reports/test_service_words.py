"""The services of a run, as each report shows them."""

import io
from typing import cast

import pytest
from click.testing import CliRunner
from rich.console import Console

from headrace.reports.cli import gate
from headrace.reports.comparison import compare_sides, trend_of
from headrace.reports.comparison.sentences import sentences
from headrace.reports.figures import Summary, summarise
from headrace.reports.html.page import html_report
from headrace.reports.markdown import markdown
from headrace.reports.service_words import service_table
from headrace.reports.terminal import print_summary
from tests.reports.conftest import RunMaker
from tests.reports.services_maker import job, stopped, three_services

REFUSED = "the gateway refused the key; check COARSE_KEY"


def one_stopped(made: RunMaker) -> Summary:
    stopped(three_services(made), "coarse", REFUSED)
    return summarise(made.directory)


def on_terminal(summary: Summary) -> list[str]:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_summary(summary, console)
    return cast("io.StringIO", console.file).getvalue().splitlines()


def test_the_table_has_a_row_per_service_and_their_total(made: RunMaker) -> None:
    table = service_table(one_stopped(made))
    assert table is not None
    assert table.header[-4:] == ["cost, CNY", "reported", "account", "balance"]
    assert table.rows[0] == [
        *("fine", "2", "1", "2", "200", "20"),
        *("0.00012345679", "-", "0.00012345679", "agrees"),
    ]
    assert table.rows[-1][-4:] == ["1.75012345679", "1.26", "-", "not checked"]


def test_a_terminal_of_80_columns_shows_all_of_it(made: RunMaker) -> None:
    lines = on_terminal(one_stopped(made))
    cells = [line.split() for line in lines]
    assert ["fine", "2", "1", "2", "220", "0.00012346", "0.00012346", "agrees"] in cells
    assert ["fine", "agrees", "0.00012345679", "0.00012345679"] in cells  # with all digits
    assert f"  coarse stopped: {REFUSED}" in lines
    assert "  dark: the service shows no balance (GET answered 404)" in lines
    assert ["requests,", "coarse", "600", "-", "-", "1"] in cells


def test_what_nothing_was_sent_to_has_no_check_that_is_missing(made: RunMaker) -> None:
    made.service("used", "small", prices=made.prices)
    made.service("spare", "other")
    for name, last in (("used", "9.50"), ("spare", "3.00")):
        made.reading(0, "10.00" if name == "used" else "3.00", "0", service=name, moment="before")
        made.reading(9, last, "0.50", service=name, moment="after")
    job(made, 1, "used", "0.50", model="small")
    made.prices = None
    cells = [line.split() for line in on_terminal(summarise(made.write()))]
    assert [each[-1] for each in cells if each[:1] == ["spare"]] == ["-"]
    assert [each[-1] for each in cells if each[:1] == ["all"]] == ["agrees"]


def test_an_only_service_is_told_once(made: RunMaker) -> None:
    made.service("only", "small")
    made.reading(0, "10.00", "0", service="only", moment="before")
    job(made, 1, "only", "0.50", model="small")
    made.reading(9, "9.50", "0.50", service="only", moment="after")
    cells = [line.split() for line in on_terminal(summarise(made.write()))]
    assert [each for each in cells if each[:1] in (["only"], ["all"])] == [
        ["only", "1", "1", "110", "0.5", "0.5", "agrees"]
    ]


@pytest.mark.slow
def test_a_comment_and_a_page_show_it(made: RunMaker) -> None:
    shown = markdown(one_stopped(made))
    assert "| `coarse` | 1 | 0 | 1 | 100 | 10 | 1.25 | 1.26 | 1.25 | agrees |" in shown
    assert f"- `coarse stopped: {REFUSED}`" in shown
    page = html_report(made.directory)
    assert '<h2 id="services-title">Services</h2>' in page
    assert f"<li><bdi>coarse stopped: {REFUSED}</bdi></li>" in page
    assert "<dt>service fine</dt>" in page
    assert "http://127.0.0.1:8001; both, weight 1; requests per minute 600" in page


@pytest.mark.slow
def test_suspects_are_named_with_their_service(made: RunMaker) -> None:
    for name in ("one", "two"):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name, moment="before")
        made.attempt(4, service=name, error_kind="timeout", model="small")
    job(made, 1, "one", "0.50", model="small")
    made.reading(9, "9.00", "0.50", service="one", moment="after")
    made.reading(9, "9.00", "0", service="two", moment="after")
    lines = [line.split() for line in on_terminal(summarise(made.write()))]
    assert ["differs:", "the", "account", "says", "1.5", "CNY", "more"] in lines
    assert [line for line in lines if line[:2] in (["job-4", "one"], ["job-4", "two"])] == [
        ["job-4", "one", "1", "-", "0.5"],
        ["job-4", "two", "1", "-", "-"],
    ]
    assert '<td><bdi>two</bdi></td><td class="n">1</td><td>timeout</td>' in html_report(
        made.directory
    )


@pytest.mark.slow
def test_differences_that_cancel_out_are_told_without_an_amount(made: RunMaker) -> None:
    for name, last in (("one", "9.40"), ("two", "9.60")):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name, moment="before")
        job(made, len(made.services), name, "0.50", model="small")
        made.reading(9, last, "0.50", service=name, moment="after")
    summary = summarise(made.write())
    assert "  differs" in on_terminal(summary)
    assert "the account of a service differs." in markdown(summary)
    assert "Differs.</strong>" in html_report(made.directory)


@pytest.mark.slow
def test_gates_comparisons_and_trends_take_runs_with_services(made: RunMaker) -> None:
    one_stopped(made)
    run = str(made.directory)
    for condition, code in (
        ("cost < 1.76", 0),
        ("count(attempts.service == 'fine') == 2", 0),
        ("balance == 'agrees'", 4),
    ):
        assert CliRunner().invoke(gate, [run, "--require", condition]).exit_code == code
    found = compare_sides([made.directory], [made.directory])
    assert found.currency == "CNY"
    assert (
        "By what the services report A cost 1.26 (nothing is reported of 2 answers) and B 1.26 "
        "(nothing is reported of 2 answers)."
    ) in [*sentences(found)]
    (point,) = trend_of([made.directory]).runs
    assert (point.cost, point.currency) == (summarise(made.directory).usage.total.cost, "CNY")
