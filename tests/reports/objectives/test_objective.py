"""Objectives over a run: values worked out by hand, and words where there is none."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headrace.jobs import Attempt, ExpressionError, Session, parse_condition, schema
from headrace.reports import Judgement, judge, open_figures, row_condition
from headrace.reports.objectives.figure_names import FIGURES
from tests.reports.conftest import START, RunMaker

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "expressions.md"


def another(made: RunMaker, name: str) -> RunMaker:
    return RunMaker(made.directory.with_name(name))


def judged(made: RunMaker, text: str, base: RunMaker | None = None) -> Judgement:
    figures = open_figures(made.directory)
    other = None if base is None else open_figures(base.directory)
    (found,) = judge([parse_condition(text)], figures, other)
    return found


def values(made: RunMaker, text: str, base: RunMaker | None = None) -> list[Any]:
    return [each.value for each in judged(made, text, base).measured]


@pytest.fixture
def five(made: RunMaker) -> RunMaker:
    return fill(made)


@pytest.fixture(scope="module")
def kept_five(tmp_path_factory: pytest.TempPathFactory) -> RunMaker:
    """One for many looks at it."""
    return fill(RunMaker(tmp_path_factory.mktemp("kept") / "jobs.run"))


def fill(made: RunMaker) -> RunMaker:
    """Four jobs that succeeded, one of them after a retry, and one that failed."""
    for index, latency_s in enumerate([1.0, 2.0, 3.0, 5.0]):
        made.job(
            index,
            latency_s=latency_s,
            ttft_s=latency_s / 10 if index else None,
            wait_s=0.5,
            output_tokens=10,
            cost=Decimal("0.1"),
            model="small" if index < 3 else "large",
        )
    made.attempt(4, error_kind="http", http_status=429, cost=None)
    made.attempt(4, 2, error_kind="http", http_status=400, latency_s=9.0, gaps_s=[0.1, 0.3])
    made.result(4, status="failed", http_status=400, latency_s=9.0, attempts=2)
    made.write()
    return made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("p50(latency_s) == 2.5", 2.5),
        ("p100(latency_s) <= 5s", 5.0),
        ("p0(latency_s) >= 1000ms", 1.0),
        ("p75(latency_s) < 5", 3.5),
        ("mean(latency_s) == 2.75", 2.75),
        ("mean(latency_s, model == 'small') == 2", 2.0),
        ("p50(wait_s + latency_s) == 3", 3.0),
        ("max(latency_s) == 5", 5.0),
        ("max(latency_s, status == 'failed') == 9", 9.0),
        ("min(latency_s) == 1", 1.0),
        ("sum(output_tokens) == 40", 40),
        ("sum(cost) == 0.4", Decimal("0.4")),
        ("count() == 4", 4),
        ("count(ttft_s) == 3", 3),
        ("count(status == 'failed') == 1", 1),
        ("mean(status == 'failed') == 20%", 0.2),
        ("count(http_status == 400) == 1", 1),
        ("count(error_code == 'NONE') == 0", 0),
        ("max(latency_s, http_status == 400) == 9", 9.0),
        ("count(latency_s > 1.5 and not latency_s > 3) == 2", 2),
        ("count(attempts.http_status == 429) == 1", 1),
        ("sum(attempts.latency_s) == 20", 20.0),
        ("max(attempts.gaps_s) == 300ms", 0.3),
        ("sum(cost, model == 'none') == 0", Decimal(0)),
        ("rate(output_tokens) * 3.5 == 40", 40.0),
        ("cost == 0.4", Decimal("0.4")),
        ("cost / succeeded == 0.1", Decimal("0.1")),
        ("failed / jobs == 0.2", Decimal("0.2")),
        ("error_rate == 20%", 0.2),
        ("attempt_error_rate < 40%", 2 / 6),
        ("jobs == 5", 5),
        ("refused == 1", 1),
        ("output_tokens == 40", 40),
        ("elapsed_s == 1min", 60.0),
        ("span_s == 3.5s", 3.5),
        ("state == 'finished'", "finished"),
        ("-cost == -0.4", Decimal("-0.4")),
        ("state != 'crashed' or cost > 100", "finished"),
        ("not cost > 1", Decimal("0.4")),
    ],
)
def test_a_figure_is_what_the_rows_say(kept_five: RunMaker, text: str, value: object) -> None:
    found = judged(kept_five, text)
    assert found.measured[0].value == value
    assert type(found.measured[0].value) is type(value)
    assert (found.met, found.why) == (True, None)


def test_an_objective_that_is_not_met_says_by_what(five: RunMaker) -> None:
    found = judged(five, " p75(latency_s) < 3 ")
    assert (found.objective, found.met, found.why) == ("p75(latency_s) < 3", False, None)
    assert [(each.figure, each.value) for each in found.measured] == [("p75(latency_s)", 3.5)]


@pytest.mark.slow
def test_base_is_the_other_side_in_the_other_run(five: RunMaker) -> None:
    before = another(five, "before.run")
    before.job(0, latency_s=2.0, cost=Decimal("0.35"))
    before.write()
    assert judged(five, "p50(latency_s) <= 1.25 * base", before).met
    assert not judged(five, "p50(latency_s) < 1.25 * base", before).met
    assert judged(five, "base + 0.05 == cost", before).met
    assert judged(five, "cost - base == 0.05 or cost < base + 0.06", before).met
    found = judged(five, "cost / jobs <= 1.1 * base and failed == 1", before)
    assert [(each.figure, each.value, each.base) for each in found.measured] == [
        ("cost / jobs", Decimal("0.08"), Decimal("0.35")),
        ("failed", 1, None),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p95(tpot_s) < 1", "p95(tpot_s) is not known: of 4 jobs none has it"),
        ("p95(latency_s, model == 'x') < 1", "is not known: there is no such job"),
        ("not p95(tpot_s) < 1", "p95(tpot_s) is not known: of 4 jobs none has it"),
        ("sum(attempts.cost, attempts.attempt == 2) < 1", "of 1 attempts none has it"),
        ("mean(attempts.ratelimit_limit) < 1", "of 6 attempts none has it"),
        ("cost / (jobs - 5) < 1", "there is a division by zero"),
        ("mean(cost / 0) < 1", "there is a division by zero"),
        ("balance_difference < 1", "balance_difference is not known"),
    ],
)
def test_what_is_not_known_is_not_met_and_says_why(five: RunMaker, text: str, why: str) -> None:
    found = judged(five, text)
    assert not found.met
    assert found.why is not None
    assert why in found.why
    assert found.measured[0].value is None


def test_a_cost_with_a_price_missing_is_not_known(made: RunMaker) -> None:
    made.job(0, cost=Decimal(1))
    made.job(1, model="large")
    made.write()
    why = judged(made, "cost < 5").why
    assert why == "cost is not known: no price, or no usage, for answers of large"
    made.prices = None
    made.manifest()
    assert judged(made, "cost < 5").why == "cost is not known: no prices were given (--prices)"


def test_what_the_base_run_lacks_is_said_of_it(five: RunMaker) -> None:
    before = another(five, "before.run")
    before.write()
    why = judged(five, "p95(latency_s) <= base", before).why
    assert why == "in the base run p95(latency_s) is not known: there is no such job"


def test_an_empty_run_costs_nothing_and_has_no_rates(made: RunMaker) -> None:
    made.write()
    assert judged(made, "cost == 0 and jobs == 0 and count() == 0").met
    assert judged(made, "error_rate < 1%").why == "error_rate is not known: no job has ended"
    assert judged(made, "attempt_error_rate < 1%").why == (
        "attempt_error_rate is not known: nothing was sent"
    )
    assert judged(made, "rate(output_tokens) > 1").why is not None


def test_or_asks_no_further_once_it_is_true(five: RunMaker) -> None:
    assert judged(five, "jobs == 5 or p95(tpot_s) < 1").met


def test_of_a_load_run_only_the_measured_phase_counts(made: RunMaker) -> None:
    for index, phase in enumerate(["warmup", "measure", "measure", "drain"]):
        made.job(index, phase=phase, latency_s=float(index))
    made.write()
    text = (made.directory / "run.json").read_text()
    (made.directory / "run.json").write_text(text.replace('"bulk"', '"load"'))
    assert values(made, "sum(latency_s) == 3") == [3.0]
    assert values(made, "sum(attempts.latency_s) == 3") == [3.0]
    assert values(made, "count(status == 'succeeded') == 2") == [2]
    # A column that no report of times needs: it was unknown to polars.
    assert values(made, "p50(latency_s, model == 'small') == 1.5") == [1.5]


def test_a_run_under_way_has_a_state(made: RunMaker) -> None:
    made.manifest(Session(started_at=START, limits=made.limits))
    assert judged(made, "state == 'crashed'").met
    with made.at_work():
        assert judged(made, "state == 'running'").met


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("cots < 5", "'cots' is not a figure of a run; did you mean cost?", 0),
        ("latency_s < 5", "latency_s is a column of many rows; write p95(latency_s)", 0),
        ("p95(latency) < 5", "'latency' is not a column; did you mean latency_s?", 4),
        ("p95(qqqq) < 5", "'qqqq' is not a column; docs/reference/expressions.md has the names", 4),
        ("p95(model) < 5", "p95 of text; only count takes it", 4),
        ("p95(due_at) < 5", "due_at is neither a number nor text", 4),
        ("mean(latency_s, model) < 5", "this is not a condition", 16),
        ("mean(latency_s, model == 5) < 5", "this is a number, where text is needed", 25),
        ("mean(latency_s, model < 'a') < 5", "this is text, where a number is needed", 16),
        ("mean(attempts.wait_s + ttft_s) < 5", "ttft_s is of the jobs and attempts.wait_s", 23),
        ("cost < base", "there is no run to compare with; give --base RUN", 7),
        ("state < 5", "these two can't be compared", 6),
        ("state < 'a'", "these two can't be compared", 6),
        ("state + 1 > 5", "this is not a number", 0),
        ("cost and jobs > 1", "this is not a condition", 0),
        ("mean(base) < 5", "'base' is not a column; docs/reference/expressions.md has", 5),
    ],
)
def test_what_has_no_meaning_is_refused(made: RunMaker, text: str, said: str, at: int) -> None:
    made.write()
    with pytest.raises(ExpressionError) as raised:
        judged(made, text)
    assert raised.value.said.startswith(said)
    assert raised.value.at == at


@pytest.mark.parametrize(
    ("text", "at"),
    [("base < base", 5), ("cost < 5 and not base", 17), ("-base + 1 < 2 * base", 10)],
)
def test_base_has_a_side_of_its_own(made: RunMaker, text: str, at: int) -> None:
    made.write()
    with pytest.raises(ExpressionError) as raised:
        judged(made, text, made)
    assert raised.value.at == at


def test_a_condition_on_each_request_is_a_filter() -> None:
    rows = pl.DataFrame(
        {
            "ttft_s": [0.5, 0.9, None, 0.2],
            "latency_s": [1.0, 1.0, 1.0, 4.0],
            "model": ["a", "a", "a", "b"],
        }
    )
    columns = dict(schema(Attempt))

    def kept(text: str) -> list[bool]:
        condition = row_condition(parse_condition(text), columns)
        return rows.select(condition.alias("met"))["met"].to_list()

    assert kept("ttft_s < 0.8") == [True, False, False, True]
    assert kept("not ttft_s < 0.8") == [False, True, False, False]
    assert kept("ttft_s < 800ms and latency_s <= 2 * ttft_s") == [True, False, False, False]
    assert kept("ttft_s < 0.8 or latency_s - 1 == 0") == [True, True, True, True]
    assert kept("model != 'a'") == [False, False, False, True]
    assert kept("-ttft_s / 2 > -0.3") == [True, False, False, True]


def test_a_condition_on_each_request_has_no_function_of_many() -> None:
    with pytest.raises(ExpressionError, match="p95 is over many rows"):
        row_condition(parse_condition("p95(ttft_s) < 1"), schema(Attempt))


def test_every_figure_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = {name: f"| `{name}` | {each.meaning} |" for name, each in FIGURES.items()}
    assert len(listed) > 10
    assert [name for name, line in listed.items() if line not in page] == []


def test_what_the_service_reports_is_a_figure(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.2"), reported_cost=Decimal("0.25"))
    made.write()
    found = judged(made, "reported_cost - cost <= 0.05")
    assert found.met
    assert values(made, "sum(reported_cost) == 0.25") == [Decimal("0.25")]


def test_what_a_service_reports_of_some_answers_is_held_against_the_cost_of_these(
    made: RunMaker,
) -> None:
    """`reported - cost` was far below 0 then, so that a condition on it could not fail."""
    made.job(0, cost=Decimal("0.2"), reported_cost=Decimal("0.25"))
    made.job(1, cost=Decimal("0.3"))
    made.write()
    assert judged(made, "reported_cost - cost <= 0.01").met
    found = judged(made, "reported - cost <= 0.01")
    assert not found.met
    assert "the service reports the cost of 1 of 2 answers; sum(reported_cost) - " in str(found)
    compared = "sum(reported_cost) - sum(cost, reported_cost >= 0)"
    assert compared in str(found)
    assert values(made, f"{compared} <= 0.01") == [Decimal("0.05")]


def test_what_no_service_reports_is_not_known(five: RunMaker) -> None:
    found = judged(five, "reported_cost < 1")
    assert not found.met
    assert "no answer has a cost that the service itself reports" in str(found)


@pytest.fixture
def questions(made: RunMaker) -> RunMaker:
    """Answers beside what was expected, of every kind that JSON has."""
    rows = [
        ("Paris", '"Paris"'),
        ("42", "42"),
        ("4", '["3","4"]'),
        ("true", "true"),
        ("Rome", '"rome"'),
        ("none", None),
    ]
    for index, (text, expected) in enumerate(rows):
        made.job(index, text=text, expected=expected)
    made.write()
    return made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mean(text == expected) == 80%", 0.8),
        ("mean(expected == text) == 80%", 0.8),
        ("count(text != expected) == 1", 1),
        ("count(expected == 'Paris') == 1", 1),
        ("count(expected == '3') == 1", 1),
        ("count(expected == 42) == 1", 1),
        ("count(expected > 41) == 1", 1),
        ("max(expected) == 42", 42.0),
        ("count(expected + 1 == 43) == 1", 1),
        ("count(expected) == 5", 5),
    ],
)
def test_what_is_expected_compares_as_its_value(
    questions: RunMaker, text: str, value: float
) -> None:
    # It is held as JSON text: as that, no answer ever was what its job expected.
    found = judged(questions, text)
    assert (found.met, found.why) == (True, None)
    assert found.measured[0].value == value
