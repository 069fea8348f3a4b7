"""What each model cost, by three who say so."""

import io
from decimal import Decimal
from typing import Any, cast

from click.testing import CliRunner
from rich.console import Console

from headrace.reports.cli import gate
from headrace.reports.comparison import compare_sides
from headrace.reports.comparison.sentences import sentences
from headrace.reports.figures import CostSources, Summary, summarise, worth_comparing
from headrace.reports.html.page import html_report
from headrace.reports.markdown import markdown
from headrace.reports.terminal import print_summary
from tests.reports.conftest import RunMaker


def job(made: RunMaker, index: int, model: str, cost: str, **fields: Any) -> None:
    """A job of 100 input and 10 output tokens."""
    usage = {"input_tokens": 100, "output_tokens": 10, "latency_s": 0.5}
    made.job(index, model=model, cost=Decimal(cost), **{**usage, **fields})


def two_models(made: RunMaker) -> Summary:
    """Each model has a stretch of its own; the service takes more for `large` than was computed."""
    made.reading(0, "10.000000000000", "0")
    job(made, 1, "small", "0.0001", reported_cost=Decimal("0.0002"))
    made.reading(5, "9.999900000000", "0.0001")
    job(made, 6, "large", "0.0005")
    made.reading(9, "9.999300000000", "0.0006", moment="after")
    return summarise(made.write())


def test_the_account_tells_models_apart_by_stretches_of_their_own(made: RunMaker) -> None:
    assert two_models(made).cost_sources == [
        CostSources(
            model="large",
            computed=Decimal("0.0005"),
            reported=None,
            account_low=Decimal("0.0006"),
            account_high=Decimal("0.0006"),
            unreported=1,
        ),
        CostSources(
            model="small",
            computed=Decimal("0.0001"),
            reported=Decimal("0.0002"),
            account_low=Decimal("0.0001"),
            account_high=Decimal("0.0001"),
        ),
        CostSources(
            model=None,
            computed=Decimal("0.0006"),
            reported=Decimal("0.0002"),
            account_low=Decimal("0.0007"),
            account_high=Decimal("0.0007"),
            unreported=1,
        ),
    ]


def test_models_of_one_stretch_have_ranges(made: RunMaker) -> None:
    made.reading(0, "10.000000000000", "0")
    job(made, 1, "small", "0.0001")
    job(made, 2, "large", "0.0005")
    made.reading(9, "9.999400000000", "0.0006", moment="after")
    found = summarise(made.write()).cost_sources
    ranges = [(each.account_low, each.account_high) for each in found]
    all_of_it = Decimal("0.0006")
    assert ranges == [(0, all_of_it), (0, all_of_it), (all_of_it, all_of_it)]


def test_one_model_has_all_that_was_taken_and_nothing_new_to_compare(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    job(made, 1, "small", "0.50")
    made.reading(9, "9.50", "0.50", moment="after")
    found = summarise(made.write()).cost_sources
    assert [(each.model, each.account_high) for each in found] == [("small", Decimal("0.50"))]
    assert not worth_comparing(found)


def test_what_nobody_knows_the_bill_of_leaves_the_account_out(made: RunMaker) -> None:
    made.reading(0, "10.000000000000", "0")
    job(made, 1, "small", "0.0001")
    job(made, 2, "large", "0.0005")
    made.attempt(3, error_kind="timeout")
    made.reading(9, "9.999400000000", "0.0006", moment="after")
    found = summarise(made.write()).cost_sources
    assert [each.account_high for each in found] == [None, None, Decimal("0.0006")]


def test_every_report_shows_them(made: RunMaker) -> None:
    summary = two_models(made)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    assert worth_comparing(summary.cost_sources)
    print_summary(summary, console)
    shown = [line.split() for line in cast("io.StringIO", console.file).getvalue().splitlines()]
    assert ["model", "computed", "reported", "account"] in shown
    assert ["large", "0.0005", "-", "0.0006"] in shown
    assert "| `small` | 0.0001 | 0.0002 | 0.0001 |" in markdown(summary)
    page = html_report(made.directory)
    assert "What each model cost, by who says so" in page
    assert '<td class="n">0.0006</td>' in page


def test_gates_and_comparisons_have_them(made: RunMaker) -> None:
    two_models(made)
    run = str(made.directory)
    for condition, code in (
        ("reported_cost - cost < 0", 0),
        ("reported - cost < 0", 4),  # not known: nothing is reported of `large`
        ("account_cost - cost <= 0.00005", 4),
    ):
        assert CliRunner().invoke(gate, [run, "--require", condition]).exit_code == code
    found = compare_sides([made.directory], [made.directory])
    assert [each.reported for each in found.sources_b] == [
        None,
        Decimal("0.0002"),
        Decimal("0.0002"),
    ]
    assert [*sentences(found)][1:3] == [
        "By what the services report A cost 0.0002 (nothing is reported of 1 answer) and B 0.0002 "
        "(nothing is reported of 1 answer).",
        "From their accounts A took 0.0007 and B 0.0007.",
    ]
