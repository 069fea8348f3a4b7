"""`headrace compare`: pairing, differences, scores, and what is made of them."""

import base64
import hashlib
import html
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headrace.reports import Comparison, Difference, compare_runs
from headrace.reports.comparison.sentences import cells, sentences
from headrace.reports.html import comparison_page
from headrace.reports.html.interval_bar import MARGIN, WIDE, interval_bar, reach_of
from headrace.reports.html.page_shell import TEMPLATES
from headrace.reports.run import open_run
from headrace.reports.scores.as_expected import expected_answers
from headrace.runner.main import main
from tests.docs_page import docs_page
from tests.reports.conftest import PRICES, RunMaker
from tests.reports.load_maker import facts

HOSTILE = "</td><script>alert(1)</script>\x1b[2J"


def report(*arguments: str) -> str:
    return CliRunner().invoke(main, ["report", *arguments]).stdout


def maker(name: str) -> RunMaker:
    return RunMaker(Path(name))


@pytest.fixture
def runs(made: RunMaker) -> tuple[RunMaker, RunMaker]:
    """Two runs to be, in the current directory."""
    return maker("a.run"), maker("b.run")


def compared(a: RunMaker, b: RunMaker) -> Comparison:
    return compare_runs(open_run(a.write()), open_run(b.write()))


def figure(comparison: Comparison, metric: str, statistic: str = "mean") -> Difference:
    (found,) = (
        each
        for each in comparison.differences
        if (each.metric, each.statistic) == (metric, statistic)
    )
    return found


def jobs(run: RunMaker, count: int, latency_s: float, seed: int, **fields: Any) -> None:
    """Jobs whose times vary by the seed, around a mean."""
    rng = Random(seed)
    for index in range(count):
        time_s = latency_s * rng.uniform(0.5, 1.5)
        run.job(index, latency_s=time_s, total_s=time_s, attempts=1, **fields)


def test_the_same_jobs_are_compared_in_pairs(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 40, 1.0, 1)
    jobs(b, 40, 1.02, 1)
    found = compared(a, b)
    assert (found.pairing.pairs, found.pairing.unpaired_because) == (40, None)
    latency = figure(found, "latency")
    assert latency.difference == pytest.approx(0.02 * latency.a)
    # The noise is the same on both sides, so a difference of 2 % is seen among 40 jobs; it may
    # be the hour's.
    assert (latency.finding, latency.clear_within_runs) == ("perhaps higher", True)
    assert figure(found, "latency", "p50").clear_within_runs


def test_other_jobs_are_compared_as_two_samples(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 40, 1.0, 1)
    jobs(b, 40, 1.02, 1, body_digest="1" * 32)
    found = compared(a, b)
    assert found.pairing.changed == 40
    assert found.pairing.unpaired_because == "less than half of the jobs are the same in both"
    assert figure(found, "latency").finding == "none found"


@pytest.mark.slow
def test_what_has_no_pair_is_left_out_and_counted(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for run, ids in ((a, range(10)), (b, range(3, 12))):
        for index in ids:
            digest = "b" * 32 if run is b and index == 9 else "0" * 32
            run.job(index, latency_s=float(index), body_digest=digest)
    pairing = compared(a, b).pairing
    assert (pairing.jobs_a, pairing.jobs_b, pairing.pairs) == (10, 9, 6)
    assert (pairing.changed, pairing.only_a, pairing.only_b) == (1, 3, 2)
    latency = figure(compared_again(), "latency")
    assert (latency.a, latency.b, latency.count_a) == (5.5, 5.5, 6)  # lines 3 to 8


def compared_again() -> Comparison:
    return compare_runs(open_run(Path("a.run")), open_run(Path("b.run")))


def test_jobs_that_come_again_and_again_are_two_samples(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for run in runs:
        for index in range(4):
            run.job(index, custom_id=f"job-{index % 2}")
    assert compared(a, b).pairing.unpaired_because == "a custom_id stands for several jobs"


def test_a_job_costs_what_all_its_attempts_cost(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for run, last in ((a, "0.1"), (b, "0.2")):
        run.attempt(0, error_kind="stream", cost=Decimal("0.05"))
        run.attempt(0, 2, cost=Decimal(last))
        run.result(0, attempts=2, cost=Decimal(last))
        run.job(1, cost=Decimal(last))
    found = compared(a, b)
    assert (found.total_cost_a, found.total_cost_b) == (Decimal("0.25"), Decimal("0.45"))
    cost = figure(found, "cost of 1,000")
    assert (cost.a, cost.b, cost.unit) == (125.0, 225.0, "CNY")
    assert figure(found, "attempts").a == 1.5
    assert (cost.finding, cost.low, cost.p) == ("too few", None, None)


def test_runs_in_two_currencies_have_no_cost_in_common(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 2, 1.0, 1, cost=Decimal(1))
    jobs(b, 2, 1.0, 1, cost=Decimal(1))
    b.prices = type(PRICES)(currency="USD", models=PRICES.models)
    found = compared(a, b)
    assert (found.currency, found.total_cost_a, found.total_cost_b) == (None, None, None)
    assert [each for each in found.differences if each.metric == "cost of 1,000"] == []


def test_failures_are_shares_over_pairs(runs: tuple[RunMaker, RunMaker]) -> None:
    """Newcombe's example: 36 pairs failed in both, 2 in A alone, 12 in B alone, none in neither."""
    a, b = runs
    for index in range(50):
        a.job(index, status="failed" if index < 38 else "succeeded")
        b.job(index, status="failed" if index < 36 or index >= 38 else "succeeded")
    failed = figure(compared(a, b), "failed", "share")
    assert (failed.a, failed.b) == (0.76, 0.96)
    assert failed.low is not None
    assert failed.high is not None
    assert (round(failed.low, 4), round(failed.high, 4)) == (0.0569, 0.3404)


def test_times_are_those_of_jobs_that_succeeded_in_both(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    a.job(0, latency_s=1.0)
    a.job(1, latency_s=9.0, status="failed")
    a.job(2, latency_s=2.0)
    b.job(0, latency_s=3.0)
    b.job(1, latency_s=4.0)
    b.job(2, latency_s=None)
    latency = figure(compared(a, b), "latency")
    assert (latency.a, latency.b, latency.count_a, latency.count_b) == (1.0, 3.0, 1, 1)


def test_answers_are_scored_against_what_was_expected(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    expected = ['"Paris"', '"Paris"', "42", '["yes", "Yes"]', '{"odd": 1}', None]
    texts_a = [" Paris\n", "paris", "42", "Yes", "anything", "anything"]
    for index, (wanted, text) in enumerate(zip(expected, texts_a, strict=True)):
        a.job(index, expected=wanted, text=text)
        b.job(index, expected=wanted, text=None, status="failed")
    score = figure(compared(a, b), "as expected", "share")
    assert (score.a, score.b, score.count_a, score.count_b) == (0.75, 0.0, 4, 4)


def test_a_job_that_failed_matches_nothing(runs: tuple[RunMaker, RunMaker]) -> None:
    """A cut stream can leave the right text behind."""
    a, b = runs
    a.job(0, expected='"x"', text="x")
    b.job(0, expected='"x"', text="x", status="failed")
    score = figure(compared(a, b), "as expected", "share")
    assert (score.a, score.b) == (1.0, 0.0)


def test_expected_answers_are_texts() -> None:
    assert expected_answers('" a b\\n"') == {"a b"}
    assert expected_answers("1.50") == {"1.5"}
    assert expected_answers("true") == {"true"}
    assert expected_answers('["a", 2]') == {"a", "2"}
    assert expected_answers("null") == frozenset()
    assert expected_answers('[["a"]]') == frozenset()


def test_many_comparisons_make_one_by_chance_a_perhaps(runs: tuple[RunMaker, RunMaker]) -> None:
    """A mean whose own interval just leaves out zero; with the others counted it may be chance."""
    a, b = runs
    for index in range(100):
        a.job(index, latency_s=1.0, input_tokens=10)
        step = 0.1 if index % 2 else -0.1  # a standard error of 0.01
        b.job(index, latency_s=1.0 + 0.0225 + step, input_tokens=10)
    latency = figure(compared(a, b), "latency")
    assert latency.low is not None
    assert latency.low > 0
    assert latency.p is not None
    assert latency.p > 0.05
    assert (latency.finding, latency.clear_within_runs) == ("perhaps higher", False)


def test_percentiles_need_enough_values_beyond(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 100, 1.0, 1)
    jobs(b, 100, 1.0, 2)
    found = compared(a, b)
    judged = {
        each.statistic: each.finding != "too few"
        for each in found.differences
        if each.metric == "latency"
    }
    assert judged == {"mean": True, "p50": True, "p90": True, "p95": False, "p99": False}


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments], prog_name="headrace")


@pytest.fixture
def slower(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 40, 1.0, 1, cost=Decimal("0.01"), expected='"x"', text="x")
    jobs(b, 40, 1.5, 1, cost=Decimal("0.01"), expected='"x"', text="x")
    a.write()
    b.write()


@pytest.mark.usefixtures("slower")
def test_the_terminal_says_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = compare("a.run", "b.run")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[:3] == ["A  a.run", "B  b.run", "   40 jobs that both did, in pairs."]
    assert max(map(len, lines)) <= 80
    assert "   In all A cost 0.4 CNY and B 0.4 CNY." in lines
    text = " ".join(done.stdout.split())
    rng = Random(1)
    half = sum(rng.uniform(0.5, 1.5) for _ in range(40)) / 40 / 2
    by = f"{half * 1000:.0f} ms (50.0%)"
    assert f"Latency: perhaps higher in B, so worse: mean by {by}, p50 by " in text
    assert text.endswith("Nothing else differs by more than chance explains.")


@pytest.mark.usefixtures("slower")
def test_the_same_runs_give_the_same_figures() -> None:
    assert compare("a.run", "b.run", "--json").stdout == compare("a.run", "b.run", "--json").stdout


def test_what_has_more_than_doubled_is_said_in_times(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for run, latency_s in ((a, 1.0), (b, 3.0)):
        for index in range(40):
            run.job(index, latency_s=latency_s + index / 100)
    sentence = next(each for each in sentences(compared(a, b)) if each.startswith("Latency"))
    assert "mean by 2.00 s (2.7 times A's)" in sentence  # 3.195 over 1.195


def test_no_difference_is_said_too(runs: tuple[RunMaker, RunMaker]) -> None:
    for run in runs:
        jobs(run, 40, 1.0, 1)
        run.write()
    text = compare("a.run", "b.run").stdout
    assert "No difference was found that chance does not explain." in text


def test_empty_runs_are_too_few(runs: tuple[RunMaker, RunMaker]) -> None:
    for run in runs:
        run.write()
    done = compare("a.run", "b.run")
    assert done.exit_code == 0
    assert "There are too few jobs to tell a difference from chance." in done.stdout
    assert "95 % interval" not in compare("a.run", "b.run").stdout  # no table without a row


@pytest.mark.usefixtures("slower")
def test_the_data_is_documented() -> None:
    page = docs_page("reference/json.md", "compare")
    data = json.loads(compare("a.run", "b.run", "--json").stdout)
    assert data["schema_version"] == 1
    keys = set(data) - {"pairing", "differences"}
    keys |= {f"pairing.{key}" for key in data["pairing"]}
    keys |= {f"differences[].{key}" for key in data["differences"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


class Page(HTMLParser):
    """What a page holds: its tags and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def digest_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.usefixtures("slower")
def test_the_page_escapes_what_others_wrote() -> None:
    Path("a.run").rename(Path("<img src=x>.run"))
    done = compare("<img src=x>.run", "b.run", "--html", "out.html")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "written to out.html\n")
    text = Path("out.html").read_text("utf-8")
    page = Page(text)
    assert {"img", "link"} & set(page.tags) == set()
    assert page.tags.count("script") == 1
    assert "<img src=x>.run" in "".join(page.texts)
    style = text.partition("<style>")[2].partition("</style>")[0]
    script = text.partition("<script>")[2].partition("</script>")[0]
    assert script == (TEMPLATES / "scroll.js").read_text()
    digest, allowed = map(digest_of, (style, script))
    assert style == (TEMPLATES / "page.css").read_text()  # that of a report
    assert html.unescape(text.partition('Policy" content="')[2].partition('"')[0]) == (
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "Latency: perhaps higher in B, so worse: mean by" in text


@pytest.mark.usefixtures("slower")
def test_a_page_that_is_there_is_not_overwritten() -> None:
    Path("out.html").write_text("mine")
    done = compare("a.run", "b.run", "--html", "out.html")
    assert done.exit_code == 2
    assert done.stderr == ("Error: out.html is there already; name another file, or give --force\n")
    assert Path("out.html").read_text() == "mine"
    assert compare("a.run", "b.run", "--html", "out.html", "--force").exit_code == 0


def test_questions_that_flipped_are_told_with_both_answers(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    a, b = runs
    for index in range(40):
        asked: dict[str, Any] = {"expected": '"yes"', "latency_s": 1.0}
        a.job(index, text="no" if index == 3 else "yes", **asked)
        b.job(index, text=f"<b>no {index}" if index in (5, 6) else "yes", **asked)
    found = compared(a, b)
    flips = found.flips
    assert flips is not None
    assert (flips.right_to_wrong, flips.wrong_to_right) == (2, 1)
    assert [(each.custom_id, each.change, each.a, each.b) for each in flips.shown] == [
        ("job-5", "right to wrong", "yes", "<b>no 5"),
        ("job-6", "right to wrong", "yes", "<b>no 6"),
        ("job-3", "wrong to right", "no", "yes"),
    ]
    assert "2 answers changed from right to wrong, and 1 from wrong to right." in sentences(found)
    page = comparison_page(found).decode()
    assert "&lt;b&gt;no 5" in page
    assert "<b>no" not in page
    assert page.count('<article class="flip"') == 3


def test_a_flip_to_a_failure_has_no_answer(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for index in range(4):
        a.job(index, text="yes", expected='"yes"', latency_s=1.0)
        b.result(index, status="failed" if index == 2 else "succeeded", expected='"yes"', text=None)
    flips = compared(a, b).flips
    assert flips is not None
    assert flips.right_to_wrong == 4
    assert {each.b for each in flips.shown} == {None}


def test_without_pairs_or_expected_answers_there_are_no_flips(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    a, b = runs
    jobs(a, 30, 1.0, 1)
    jobs(b, 30, 1.0, 2)
    assert compared(a, b).flips is None


def test_a_difference_of_shares_is_in_percentage_points(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    for index in range(100):
        a.job(index, latency_s=1.0, finish_reason="stop")
        b.job(index, latency_s=1.0, finish_reason="length" if index < 30 else "stop")
    found = figure(compared(a, b), "cut short", "share")
    assert cells(found)[1:4] == ["0.00%", "30.00%", "+30.00 pp"]
    assert cells(found)[4].endswith(" pp")
    assert cells(found)[4].count("pp") == 1


def test_what_max_tokens_cut_nowhere_is_not_compared(runs: tuple[RunMaker, RunMaker]) -> None:
    a, b = runs
    jobs(a, 30, 1.0, 1, finish_reason="stop")
    jobs(b, 30, 1.0, 2)
    assert "cut short" not in {each.metric for each in compared(a, b).differences}


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["80", "120"])
def test_minutes_fit_a_terminal(
    runs: tuple[RunMaker, RunMaker], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    a, b = runs
    jobs(a, 400, 200.0, 1, ttft_s=150.0, finish_reason="length")
    jobs(b, 400, 900.0, 2, ttft_s=150.0)
    a.write()
    b.write()
    monkeypatch.setenv("COLUMNS", columns)
    for shown in (compare("a.run", "b.run").stdout, report("a.run"), report("a.run", "--trend")):
        lines = shown.splitlines()
        assert max(map(len, lines)) <= int(columns)
        assert [line for line in lines if "…" in line] == []
    assert "11m" in compare("a.run", "b.run").stdout


def test_each_interval_is_drawn_to_the_scale_of_its_metric(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    a, b = runs
    jobs(a, 400, 1.0, 1)
    jobs(b, 400, 2.0, 2)
    found = compared(a, b)
    page = comparison_page(found).decode()
    drawn = [each for each in found.differences if each.low is not None and (each.low or each.high)]
    assert page.count('<svg class="interval') == len(drawn) > 4
    mean = figure(found, "latency")
    assert mean.low is not None
    assert mean.high is not None
    reach = reach_of([each for each in found.differences if each.metric == "latency"])
    bar = str(interval_bar(mean, reach, 'a "name"'))
    at = [float(x) for x in re.findall(r'class="bar" x1="([\d.]+)" x2="([\d.]+)"', bar)[0]]
    assert at == pytest.approx(
        [WIDE / 2 + end / reach * (WIDE / 2 - MARGIN) for end in (mean.low, mean.high)], abs=0.06
    )
    assert "a &#34;name&#34;" in bar
    assert interval_bar(mean, 0.0, "") == ""


def test_load_runs_are_compared_over_what_they_measured(runs: tuple[RunMaker, RunMaker]) -> None:
    """They could not be: the column of expected answers was left out of their results."""
    for run, latency_s in zip(runs, (1.0, 2.0), strict=True):
        run.load = facts()
        for index, phase in enumerate(["warmup", *["measure"] * 30, "drain"]):
            time_s = latency_s if phase == "measure" else 50.0
            run.job(index, custom_id="again", phase=phase, latency_s=time_s)
    found = compared(*runs)
    latency = figure(found, "latency")
    assert (latency.a, latency.b, latency.count_a, latency.count_b) == (1.0, 2.0, 30, 30)
    assert found.pairing.unpaired_because == "a custom_id stands for several jobs"


def test_a_damaged_part_is_a_line(runs: tuple[RunMaker, RunMaker]) -> None:
    for run in runs:
        jobs(run, 3, 1.0, 1)
        run.write()
    part = runs[1].directory / "results" / "000000.parquet"
    data = bytearray(part.read_bytes())
    data[4:60] = bytes(56)  # the footer is whole, the pages are not
    part.write_bytes(data)
    done = compare("a.run", "b.run")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: a table in b.run can't be read: ")
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_run_is_a_line(made: RunMaker) -> None:
    made.write()
    done = compare("jobs.run", "none.run")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "Error: none.run is not there; name the --out of a run\n"
