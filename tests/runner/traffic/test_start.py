"""What the command ends with: the first exit code that applies."""

from decimal import Decimal
from pathlib import Path

import pytest

from headrace.runner import RunOutcome
from headrace.runner.traffic.start import judged


@pytest.mark.parametrize(
    ("exit_code", "reason", "valid", "expected"),
    [
        (0, None, True, 0),
        (1, None, True, 1),
        (0, None, False, 6),
        (1, None, False, 6),  # some failed: that the figures are not to be trusted says more
        (1, "the service was down for 30 min", False, 1),
        (3, "the budget is spent", False, 3),
        (5, "the service refused the key", False, 5),
        (130, "interrupted", False, 130),
    ],
)
def test_a_measurement_that_is_not_valid_comes_after_what_stopped_the_run(
    exit_code: int, reason: str | None, valid: bool, expected: int
) -> None:
    outcome = RunOutcome(
        directory=Path("load.run"), exit_code=exit_code, reason=reason, succeeded=1, failed=1,
        rejected=0, cost=Decimal(0),
    )  # fmt: skip
    assert judged(outcome, valid=valid, met=True).exit_code == expected


@pytest.mark.parametrize(
    ("exit_code", "reason", "valid", "met", "failures_judged", "expected"),
    [
        (0, None, True, False, False, 4),
        (1, None, True, False, True, 4),
        (1, None, False, False, True, 6),
        (1, None, False, True, True, 6),
        (1, None, True, True, True, 0),
        (1, None, True, True, False, 1),  # nothing that is required speaks of failures
        (3, "the budget is spent", True, False, False, 3),
        (130, "interrupted", True, False, True, 130),
    ],
)
def test_what_is_not_met_comes_after_a_measurement_that_is_not_valid(
    exit_code: int, reason: str | None, valid: bool, met: bool, failures_judged: bool, expected: int
) -> None:
    outcome = RunOutcome(
        directory=Path("load.run"), exit_code=exit_code, reason=reason, succeeded=1, failed=1,
        rejected=0, cost=Decimal(0),
    )  # fmt: skip
    found = judged(outcome, valid=valid, met=met, failures_judged=failures_judged)
    assert found.exit_code == expected


def test_lines_that_are_not_jobs_are_told_whatever_judges_failures() -> None:
    outcome = RunOutcome(
        directory=Path("load.run"), exit_code=1, reason=None, succeeded=1, failed=1,
        rejected=1, cost=Decimal(0),
    )  # fmt: skip
    assert judged(outcome, valid=True, met=True, failures_judged=True).exit_code == 1
