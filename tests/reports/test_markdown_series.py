"""Sweeps, searches and trends as Markdown."""

from headrace.reports.comparison import trend_of
from headrace.reports.markdown_series import steps_markdown, trend_markdown

from .comparison.test_steps import step, steps
from .conftest import RunMaker


def test_a_search_as_a_comment() -> None:
    report = steps(
        [
            step(10.0, 0.2, certainty="met", outcome="met", met=True),
            step(40.0, 4.0, certainty="not met", outcome="missed", met=False, error_rate=0.125),
        ],
        kind="find",
        objective="p95(latency_s) < 1 | 2",
        highest_met=10.0,
        lowest_missed=40.0,
    )
    assert steps_markdown(report) == (
        """### `all`

Objective: `p95(latency_s) < 1 \\| 2`

- `10 to 40/s at most meet the objective; 40/s misses it`

| asked | objective | requests | answered/s | errors | TTFT p95 | latency p50 | latency p95 |
| :-- | :-- | --: | --: | --: | --: | --: | --: |
| 10/s | met | 100 | 10 | 0.0% | 100 ms | 150 ms | 200 ms |
| 40/s | missed | 100 | 40 | 12.5% | 100 ms | 150 ms | 4.00 s |
"""
    )


def test_answers_cut_at_max_tokens_have_a_column_where_there_are_any() -> None:
    report = steps([step(5.0, 0.2, answers=40, cut_at_max_tokens=3), step(9.0, 0.4, answers=60)])
    text = steps_markdown(report)
    assert "- `3 of 100 answers were cut at max_tokens`" in text
    assert "| errors | cut | TTFT p95 |" in text
    assert "| 5/s |  | 100 | 5 | 0.0% | 3 | 100 ms |" in text


def test_a_long_reason_is_there_to_its_end() -> None:
    reason = f"client-limited, since {'x' * 300} ends here"
    assert "ends here`" in steps_markdown(steps([step(5.0, 0.2, why=[reason])]))


def test_a_trend_as_a_comment(made: RunMaker) -> None:
    made.job(0, latency_s=2.0, finish_reason="length")
    directory = made.write()
    text = trend_markdown(trend_of([directory, directory.with_name("none.run")]))
    assert text.startswith("### 1 run\n\n|  | last | median before | change |\n")
    assert "| latency p95 | 2.00 s | - |  |" in text
    assert "| cut at max_tokens | 100.0% | - |  |" in text
    assert "| 2026-06-08 12:00 | `jobs.run` | 1 |" in text
    assert "- skipped: `none.run is not there; name the --out of a run`" in text
