"""A search in words."""

import datetime as dt

import pytest

from headrace.reports import Step, Steps
from headrace.reports.comparison import mark, step_remarks


def step(users: int | None, outcome: str, rate_per_s: float | None = None) -> Step:
    return Step(
        directory=f"{users}.run", asked="", rate_per_s=rate_per_s, users=users, size=9.0,
        verdict="valid", requests=100, error_rate=0.0, requests_per_s=1.0, output_tokens_per_s=1.0,
        ttft_p50_s=1.0, ttft_p95_s=1.0, latency_p50_s=1.0, latency_p95_s=1.0, goodput_share=None,
        rising=False, certainty=None, met=True, figures=[], outcome=outcome,  # type: ignore[arg-type]
    )  # fmt: skip


def searched(
    met: float | None, missed: float | None, *unclear: float, rates: bool = False
) -> Steps:
    loads = unclear or (4,)
    steps = [step(None, "unclear", each) if rates else step(int(each), "unclear") for each in loads]
    return Steps(
        schema_version=1, kind="find", directory="find", started_at=dt.datetime.now(dt.UTC),
        objective="p95(ttft_s) < 1", steps=steps,
        highest_met=met, lowest_missed=missed, unclear=list(unclear), knee=None, reason=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (searched(22, 25, 23.0), "22 to 24 users at most meet the objective; 25 users miss it"),
        (searched(22, 23), "22 users meet the objective; 23 users miss it"),
        (searched(1, 2), "1 user meets the objective; 2 users miss it"),
        (searched(50, None), "50 users or more meet the objective; none that was tried missed it"),
        (searched(None, 1), "no number of users met the objective, down to 1 user"),
        (searched(None, 3, 1.0), "at most 2 users meet the objective, if any; 3 users miss it"),
        (searched(None, None, 1.0), "nothing that was tried could be told from the limit"),
        (searched(20, 21, rates=True), "20 to 21/s at most meet the objective; 21/s misses it"),
        (searched(18.75, 22, 20.5, rates=True), "18.75 to 22/s at most meet the objective; 22/s"),
        (searched(50, None, rates=True), "50/s or more meet the objective; none that was tried"),
        (searched(None, 0.5, rates=True), "no rate met the objective, down to 0.5/s"),
        (searched(None, 3, 1.0, rates=True), "at most 3/s meet the objective, if any; 3/s misses"),
    ],
)
def test_the_answer_is_the_two_numbers_that_it_lies_between(steps: Steps, says: str) -> None:
    assert next(iter(step_remarks(steps))).text.startswith(says)


def test_what_is_unclear_is_taken_for_neither() -> None:
    steps = searched(22, 25, 23.0)
    assert mark(steps, steps.steps[-1]).text == "unclear"
    assert [each.text for each in step_remarks(steps)][1] == (
        "too near to the limit to tell: 23 users"
    )


def test_what_0_1_took_as_it_came_out_is_said_to_be() -> None:
    steps = searched(20.0, 21.0, 20.0, rates=True)
    assert mark(steps, steps.steps[-1]).text == "unclear: met"
    assert [each.text for each in step_remarks(steps)][1] == (
        "too near to the limit to tell, and taken as it came out: 20/s"
    )
