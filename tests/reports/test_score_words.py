"""Scores wherever they are shown: reports of every form, comparisons, trends, joined tables."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from headrace.jobs import Dataset, Recipe, Score, made_jobs, open_table, place_jobs, row_frame
from headrace.reports import compare_runs, summarise
from headrace.reports.comparison import trend_of
from headrace.reports.html import html_report
from headrace.reports.html.trend_page import trend_page
from headrace.reports.join import join_run
from headrace.reports.markdown import markdown
from headrace.reports.run import open_run
from headrace.reports.score_words import unscored_words
from headrace.reports.scores import scorer_of
from headrace.reports.scoring import Named, score_run
from headrace.runner.main import main

from .conftest import RunMaker

HOSTILE = "<script>alert(1)</script>"


def scored(directory: Path, *specs: str) -> None:
    found = [scorer_of(spec) for spec in specs]
    score_run(directory, [Named(each.name, each) for each in found])


def answered(directory: Path, texts: Sequence[str | None], samples: int = 1) -> RunMaker:
    """A run whose answers should all be A; None is a job that failed."""
    made = RunMaker(directory)
    made.recipe = Recipe(model="m", samples=samples)
    for index, text in enumerate(texts):
        if text is None:
            made.result(index, status="failed")
        else:
            made.job(index, text=text, expected='"A"')
    made.write()
    return made


# By the t distribution of 10 degrees of freedom and the spread of 11 questions' sums.
INTERVAL = "24.8% to 78.6%"


@pytest.fixture
def sampled(made: RunMaker) -> RunMaker:
    run = answered(made.directory, [*"AAAB", *"AABB", *"ABBB", *"AAAA", *"BBBB", "A", None], 2)
    scored(run.directory, "exact", "regex:^[A]$")
    return run


def test_a_comment_has_the_scores(sampled: RunMaker) -> None:
    lines = markdown(summarise(sampled.directory)).splitlines()
    header = "| score | scorer | mean | 95 % interval | scored | jobs |"
    begin = lines.index(header)
    assert lines[begin + 2] == f"| `exact` |  | 52.4% | {INTERVAL} | 21 | 22 |"
    assert lines[begin + 3].startswith("| `regex` | `regex:^[A]$` | 52.4% |")
    assert lines[begin + 5 : begin + 7] == [
        "- `exact`: `11 questions, 2 samples each, pass@1 54.5%, pass@2 60.0%, pass^1 54.5%, "
        "pass^2 40.0%, majority 54.5%, agreement 90.9%`",
        "- `exact`: `1 job without a score: failed`",
    ]


def test_a_terminal_has_them(sampled: RunMaker) -> None:
    shown = CliRunner().invoke(main, ["report", str(sampled.directory)], prog_name="headrace")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["exact", "52.4%", *INTERVAL.split(), "21", "22"] in lines
    assert "exact: 11 questions, 2 samples each, pass@1 54.5%" in shown.stdout


@pytest.mark.slow
def test_a_page_has_them_as_text(sampled: RunMaker) -> None:
    scored(sampled.directory, f"regex:{HOSTILE}")
    page = html_report(sampled.directory)
    assert '<section id="scores"' in page
    assert f"<td>{INTERVAL}</td>" in page.replace(' class="n"', "")
    assert HOSTILE not in page
    assert "regex:&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_json_has_pass_at_by_k(sampled: RunMaker) -> None:
    arguments = ["report", str(sampled.directory), "--json"]
    shown = CliRunner().invoke(main, arguments, prog_name="headrace")
    exact, _ = json.loads(shown.stdout)["scores"]
    assert exact["pass_at"]["2"] == pytest.approx(0.6)
    assert (exact["samples"], exact["questions"], exact["scored_share"]) == (2, 11, 21 / 22)


@pytest.mark.slow
def test_a_run_without_scores_says_nothing_of_them(made: RunMaker) -> None:
    made.job(0, text="A")
    made.write()
    assert "score" not in markdown(summarise(made.directory))
    assert 'id="scores"' not in html_report(made.directory)
    assert summarise(made.directory).scores == []


def test_reasons_beyond_the_commonest_are_one(made: RunMaker) -> None:
    for index in range(8):
        made.job(index, text="A", expected=json.dumps({"n": "x" * index}), custom_id=f"{index}")
        made.attempt(index + 8)
    made.write()
    scored(made.directory, "number")
    made.job(99, text="A", expected="1")
    made.seal()
    (figures,) = summarise(made.directory).scores
    assert unscored_words(figures) == [
        "8 jobs without a score: what is expected is an object, not a number",
        "1 answer came after it was scored; run headrace score again",
    ]


@pytest.mark.slow
def test_a_comparison_is_clustered_by_question(made: RunMaker) -> None:
    a = answered(made.directory, ["A", "A"] * 12 + ["B", "B"] * 12, 2)
    b = answered(Path("b.run"), ["A", "A"] * 20 + ["B", "B"] * 4, 2)
    for each in (a, b):
        scored(each.directory, "exact")
    compared = compare_runs(open_run(a.directory), open_run(b.directory))
    (found,) = [each for each in compared.differences if each.metric == "exact"]
    assert (found.statistic, found.a) == ("share", 0.5)
    assert found.b == pytest.approx(20 / 24)
    # As wide as of 24 questions asked once, which 48 answers on their own would not be.
    once_a = answered(Path("c.run"), ["A"] * 12 + ["B"] * 12)
    once_b = answered(Path("d.run"), ["A"] * 20 + ["B"] * 4)
    for each in (once_a, once_b):
        scored(each.directory, "exact")
    once = compare_runs(open_run(once_a.directory), open_run(once_b.directory))
    (alone,) = [each for each in once.differences if each.metric == "exact"]
    assert None not in (found.low, alone.low)
    width = float(found.high or 0) - float(found.low or 0)
    assert width == pytest.approx(float(alone.high or 0) - float(alone.low or 0), rel=0.1)


def test_a_score_that_one_run_lacks_is_not_compared(made: RunMaker) -> None:
    a, b = answered(made.directory, ["A"]), answered(Path("b.run"), ["A"])
    scored(a.directory, "exact")
    compared = compare_runs(open_run(a.directory), open_run(b.directory))
    assert "exact" not in [each.metric for each in compared.differences]
    assert compared.pairing.pairs == 1


@pytest.mark.slow
def test_a_trend_has_the_scores_of_each_run(made: RunMaker) -> None:
    a, b = answered(made.directory, ["A", "B"]), answered(Path("b.run"), ["A"])
    scored(a.directory, "exact")
    trend = trend_of([a.directory, b.directory])
    (history,) = [each for each in trend.histories if each.figure == "exact"]
    assert sorted(map(str, history.values)) == ["0.5", "None"]
    for form in ([], ["--md"], ["--html"]):
        arguments = ["report", "--trend", str(a.directory), str(b.directory), *form]
        shown = CliRunner().invoke(main, arguments, prog_name="headrace")
        assert shown.exit_code == 0
    assert "exact" in Path("trend.html").read_text()


def grades(directory: Path, name: str, values: Sequence[float]) -> None:
    folder = directory / "scores" / name
    folder.mkdir(parents=True)
    rows = [Score(index=n, custom_id=f"job-{n}", score=each) for n, each in enumerate(values)]
    row_frame(Score, rows).write_parquet(folder / "part.parquet")


def shown(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(each) for each in arguments], prog_name="headrace")
    assert done.exit_code in (0, 4), done.output
    return " ".join(done.stdout.split())


@pytest.mark.slow
def test_shares_are_percentages_and_other_scores_numbers_in_every_report(made: RunMaker) -> None:
    """14 of 20, then 12; of grades on a scale of 5 the mean is a number everywhere."""
    a, b = (
        answered(made.directory, [*"A" * 14, *"B" * 6]),
        answered(Path("b.run"), [*"A" * 12, *"B" * 8]),
    )
    for run, grade in ((a, 4.0), (b, 3.5)):
        scored(run.directory, "exact")
        grades(run.directory, "quality", [grade, 1.25] * 10)
        grades(run.directory, "tone", [0.25, 1.0] * 10)
    assert "exact 70.0%" in shown("report", a.directory)
    assert "quality 2.625" in shown("report", a.directory)
    assert "tone 0.625" in shown("report", a.directory)
    assert "| `exact` | | 70.0% |" in shown("report", a.directory, "--md")
    assert ">70.0%<" in html_report(a.directory)
    trend = shown("report", "--trend", a.directory, "b.run")
    assert "70.0% 60.0% +10.0 pp" in trend
    assert "2.625 2.375 +10.5%" in trend
    md = shown("report", "--trend", a.directory, "b.run", "--md")
    assert "| exact | 70.0% | 60.0% | +10.0 pp |" in md
    page = trend_page(trend_of([a.directory, Path("b.run")]))
    assert '<td class="n">+10.0 pp</td>' in page
    compared = shown("compare", a.directory, "b.run")
    assert "exact 70.00% 60.00% -10.00 pp" in compared
    assert "quality mean 2.625 2.375 -0.25 " in compared
    assert "tone mean 0.625 0.625 0 " in compared
    gate = ("gate", "b.run", "--base", a.directory, "--require")
    assert "60 %, base 70 % (mean(exact) - base: " in shown(*gate, "mean(exact) >= base")
    assert " pp)" in shown(*gate, "mean(exact) >= base")
    assert "0.625 (0." in shown(*gate, "mean(tone) >= 0.5")
    assert "2.375 (" in shown(*gate, "mean(quality) >= 1")


def test_a_joined_table_has_them_as_columns(made: RunMaker) -> None:
    Path("t.csv").write_text("q\na\nb\nc\n")
    table = open_table("t.csv")
    made.recipe = Recipe(model="small", user="{{ q }}", id="q")
    made.dataset = Dataset(path="t.csv", digest=table.digest())
    made.directory.mkdir(exist_ok=True)
    jobs = made_jobs(table, made.recipe, made.dataset.selection)
    left_out = made.directory / "left-out.jsonl"
    place_jobs(made.directory / "jobs.made.jsonl", left_out, jobs)
    made.job(0, custom_id="a", text="A", expected='"A"')
    made.job(1, custom_id="b", text="B", expected='"A"')
    made.write()
    scored(made.directory, "exact")
    join_run(made.directory, Path("o.parquet"))
    joined = pl.read_parquet("o.parquet")
    assert joined["exact"].to_list() == [1.0, 0.0, None]
    assert joined.schema["exact"] == pl.Float64
