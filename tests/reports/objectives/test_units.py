"""What figures are shown in."""

import pytest

from headrace.jobs import parse_expression
from headrace.reports.objectives.units import unit_of


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mean(exact)", "share"),
        ("mean(quality)", ""),
        ("mean(text == 'yes')", "share"),
        ("mean(not exact == 1)", "share"),
        ("sum(exact)", ""),
        ("p95(exact)", ""),
        ("majority(exact)", "share"),
        ("majority(quality)", ""),
        ("agreement(quality)", "share"),
        ("pass_at(2, exact)", "share"),
        ("as_expected", "share"),
        ("scored_share", "share"),
        ("error_rate", "share"),
        ("attempt_error_rate - 1%", "share"),
        ("mean(exact) - mean(quality)", ""),
        ("-mean(exact)", "share"),
        ("mean(exact) * 2", ""),
        ("p95(latency_s)", "s"),
        ("elapsed_s", "s"),
        ("requests_per_s", ""),
        ("cost", "CNY"),
        ("sum(attempts.cost)", "CNY"),
        ("count(latency_s)", ""),
        ("jobs", ""),
    ],
)
def test_figures_have_units(text: str, unit: str) -> None:
    found = unit_of(parse_expression(text).root, "CNY", lambda name: name == "exact")
    assert found == unit
