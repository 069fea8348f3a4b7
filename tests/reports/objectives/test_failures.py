"""Which objectives judge that requests failed."""

import pytest

from headrace.jobs import parse_condition
from headrace.reports.objectives.failures import judges_failures


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ([], False),
        (["p95(latency_s) < 3", "cost < 5"], False),
        (["cost < 5", "error_rate < 1%"], True),
        (["p95(latency_s) < 3 and failed == 0"], True),
        (["goodput_share >= 95%"], True),
        (["count(http_status, http_status == 500) < 3"], True),
        (['count(attempts.attempt, attempts.error_kind == "timeout") == 0'], True),
    ],
)
def test_those_that_name_what_became_of_requests(objectives: list[str], expected: bool) -> None:
    assert judges_failures([parse_condition(text) for text in objectives]) is expected
