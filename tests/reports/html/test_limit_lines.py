"""The limits that objectives set, as lines of a chart."""

import pytest

from headrace.reports.html.limit_lines import limits_on


@pytest.mark.parametrize(
    ("objectives", "limits"),
    [
        (["ttft_s < 0.5"], [0.5]),
        (["p95(ttft_s) <= 800ms and error_rate < 0.01"], [0.8]),
        (["ttft_s < 1s", "ttft_s < 200ms", "ttft_s < 1s"], [0.2, 1.0]),
        (["ttft_s > 0.5"], []),
        (["latency_s < 2"], []),
        (["ttft_s + wait_s < 0.5"], []),
        ([], []),
    ],
)
def test_what_ttft_is_to_stay_below(objectives: list[str], limits: list[float]) -> None:
    assert limits_on("ttft_s", objectives) == limits
