"""What the command ends with: the first exit code that applies."""

from decimal import Decimal
from pathlib import Path

import pytest

from headrace.runner import RunOutcome
from headrace.runner.traffic.start import with_validity


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
    assert with_validity(outcome, valid=valid).exit_code == expected
