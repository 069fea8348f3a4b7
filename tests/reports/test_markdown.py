"""The report for a comment on a pull request: its look, and text that others wrote."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports import summarise
from headrace.reports.markdown import code, markdown

from .conftest import RunMaker
from .load_maker import LoadMaker, facts


def test_the_whole_comment(made: RunMaker) -> None:
    usage = {"input_tokens": 1200, "output_tokens": 80, "cost": Decimal("0.00136")}
    made.attempt(0, error_kind="http", http_status=429, error_code="RATE_LIMIT", request_id="r|1")
    made.attempt(0, 2, latency_s=0.5, **usage)
    made.result(0, attempts=2, latency_s=0.5, **usage)
    made.attempt(1, error_kind="stream", http_status=200)
    made.job(2, model="painter", url="/v1/images/generations", cost=Decimal("0.25"), latency_s=1.5)
    made.reading(0, "10.0000", "0")
    made.reading(60, "9.7486", "0.25136")
    assert markdown(summarise(made.write())) == (
        """### `jobs.run`

All 2 jobs succeeded, in 60.0 s. It cost 0.25136 CNY, and the account agrees.

| model | endpoint | jobs | input | output | cost, CNY |
| :-- | :-- | --: | --: | --: | --: |
| `painter` | `images` | 1 | 0 | 0 | 0.25 |
| `small` | `chat` | 1 | 1,200 | 80 | 0.00136 |
| **all** |  | 2 | 1,200 | 80 | **0.25136** |

Balance check: **agrees**

|  | n | p50 | p90 | p95 | p99 | max |
| :-- | --: | --: | --: | --: | --: | --: |
| latency | 2 | 1.00 s | 1.40 s | 1.45 s | 1.49 s | 1.50 s |
| total | 2 | 500 ms | 500 ms | 500 ms | 500 ms | 500 ms |

<details><summary>Errors</summary>

| failed attempts | n | for example |
| :-- | --: | --: |
| `429 RATE_LIMIT` | 1 | `r\\|1` |
| stream | 1 |  |

</details>
"""
    )


def test_an_empty_run_has_a_comment(made: RunMaker) -> None:
    made.prices = None
    assert markdown(summarise(made.write())) == (
        "### `jobs.run`\n\nNo job has a result, in 60.0 s. What it cost is not known: no prices "
        "were given.\n\nBalance check: **cannot be checked**\n- `the service shows no balance (it "
        "was never read)`\n"
    )


def test_what_has_no_cost_and_what_the_service_reports(made: RunMaker) -> None:
    made.job(0, input_tokens=9, cost_note="the price file has no `x`")
    made.job(1, input_tokens=9, stream=True, reported_cost=Decimal("0.0250"))
    text = markdown(summarise(made.write()))
    assert "| model | endpoint | jobs | input | output | cost, CNY | reported |" in text
    assert "| `small` | `chat` | 2 | 18 | 0 | - | 0.025 |" in text
    assert "\n- reported of 1 of 2 answers\n" in text
    assert "\n- 1 answer without a cost: `` the price file has no `x` ``\n" in text
    assert "\n- computed from the usage: unknown\n- reported by the service: 0.025\n" in text
    assert "- `of the streams that were asked for, 1 of 1 came unstreamed: no TTFT`" in text


def test_a_load_run_says_what_was_asked_and_had(made: RunMaker) -> None:
    """Its due and its goodput were in no comment."""
    made.load = facts(objectives=["latency_s < 0.15"])
    loaded = LoadMaker(made)
    for n in range(40):
        loaded.request(2.0 + n / 4, wait_s=0.0, latency_s=0.1 if n % 2 else 0.2)
    text = markdown(summarise(made.write()))
    assert "`50/s poisson, measured for 10.0 s after 2.00 s of warm-up; 512 tokens;" in text
    assert "| due per second | answered per second | goodput per second |" in text
    assert "| 4 | 4 | 2 |" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone <b>", "`@everyone <b>`"),
        ("a|b", "`a\\|b`"),
        ("``x`", "``` ``x` ```"),
        ("two\nlines", "`two\N{REPLACEMENT CHARACTER}lines`"),
        ("  ", ""),
        ("x" * 200, f"`{'x' * 160}…`"),
    ],
)
def test_a_text_of_others_is_a_code_span(text: str, shown: str) -> None:
    assert code(text) == shown


@given(st.text())
def test_no_text_leaves_its_code_span(text: str) -> None:
    """The fence is longer than any run of backticks inside, and there is but one line."""
    shown = code(text)
    assert "\n" not in shown
    if shown:
        fence = len(shown) - len(shown.lstrip("`"))
        inside = shown[fence:-fence]
        assert "`" * fence not in inside
        assert not inside.startswith("`")
        assert not inside.endswith("`")
        assert "|" not in inside.replace("\\|", "")


def test_the_commonest_reasons_of_rejected_lines_are_in_the_comment(made: RunMaker) -> None:
    directory = made.write()
    lines = [f'{{"line": {n}, "reason": "no `body` | at {n}", "text": ""}}\n' for n in (2, 5)]
    (directory / "rejects.jsonl").write_text("".join(lines))
    assert "\n- rejected: ``2 lines, such as line 2: no `body` \\| at 2``\n" in markdown(
        summarise(directory)
    )
