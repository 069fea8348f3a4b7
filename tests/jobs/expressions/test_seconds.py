"""A bare number that can't be seconds is asked about; one with a unit, or recorded, is taken."""

import pytest

from headrace.jobs import ExpressionError, parse_condition


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ttft_s < 500", "ttft_s is in seconds; write 500ms, or 500s if that is meant"),
        ("p95(ttft_s) < 500", "write 500ms"),
        ("error_rate < 1 % and 800 > mean(attempts.ttft_s)", "write 800ms"),
        ("not tpot_s > 50", "tpot_s is in seconds; write 50ms"),
        ("latency_s <= 2000", "write 2000ms"),
        ("p99(latency_s, ttft_s < 300) < 1", "write 300ms"),
    ],
)
def test_a_number_that_cannot_be_seconds_is_asked_about(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text)
    assert says in caught.value.message
    assert parse_condition(text, recorded=True).text == text


@pytest.mark.parametrize(
    "text",
    [
        "ttft_s < 0.5",
        "ttft_s < 500ms",
        "ttft_s < 500s",
        "latency_s < 300",
        "total_s < 86400",
        "count(ttft_s) > 500",
        "rate(output_tokens) > 5000",
        "ttft_s < 500 * base",
    ],
)
def test_what_may_well_be_meant_is_not(text: str) -> None:
    assert parse_condition(text).text == text
