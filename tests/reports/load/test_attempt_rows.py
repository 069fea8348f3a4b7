"""Objectives as conditions on one request each."""

import pytest

from headrace.jobs import ExpressionError, parse_condition
from headrace.reports.load.attempt_rows import request_condition


@pytest.mark.parametrize("text", ["p95(ttft_s) < 0.5", "ttft_s < 1 and mean(latency_s) < 2"])
def test_an_objective_over_many_requests_is_told_where_it_belongs(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        request_condition(parse_condition(text))
    assert "--find" in caught.value.message
    assert "headrace gate" in caught.value.message
