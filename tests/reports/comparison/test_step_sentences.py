"""A search over users in words."""

import datetime as dt

import pytest

from headrace.reports import Step, Steps
from headrace.reports.comparison import mark, step_remarks


def step(users: int, outcome: str) -> Step:
    return Step(
        directory=f"{users}.run", asked=f"{users} users", rate_per_s=None, users=users, size=9.0,
        verdict="valid", requests=100, error_rate=0.0, requests_per_s=1.0, output_tokens_per_s=1.0,
        ttft_p50_s=1.0, ttft_p95_s=1.0, latency_p50_s=1.0, latency_p95_s=1.0, goodput_share=None,
        rising=False, certainty=None, met=True, figures=[], outcome=outcome,  # type: ignore[arg-type]
    )  # fmt: skip


def searched(met: float | None, missed: float | None, *unclear: float) -> Steps:
    return Steps(
        schema_version=1, kind="find", directory="find", started_at=dt.datetime.now(dt.UTC),
        objective="p95(ttft_s) < 1", steps=[step(int(each), "unclear") for each in unclear or (4,)],
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
    ],
)
def test_the_answer_is_the_two_numbers_that_it_lies_between(steps: Steps, says: str) -> None:
    assert next(iter(step_remarks(steps))).text == says


def test_what_is_unclear_is_taken_for_neither() -> None:
    steps = searched(22, 25, 23.0)
    assert mark(steps, steps.steps[-1]).text == "unclear"
    assert [each.text for each in step_remarks(steps)][1] == (
        "too near to the limit to tell: 23 users"
    )
