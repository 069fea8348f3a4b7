"""`headrace compare --a A1 --a A2 --b B1 --b B2`: each run counts once."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headrace.jobs import InputError, Score, row_frame
from headrace.reports import Comparison, Difference
from headrace.reports.comparison import compare_sides
from headrace.reports.comparison.sentences import sentences
from headrace.runner.main import main
from tests.docs_page import docs_page
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def runs_of(name: str, levels: Sequence[float], **fields: Any) -> list[Path]:
    """Runs of 20 jobs whose times are alike but for the hour: `levels` are their medians."""
    made = []
    for number, level in enumerate(levels):
        run = RunMaker(Path(f"{name}{number}.run"))
        for index in range(20):
            time_s = level * (0.9 + index / 100)
            run.job(index, latency_s=time_s, total_s=time_s, cost=Decimal("0.01"), **fields)
        made.append(run.write())
    return made


def figure(found: Comparison, metric: str, statistic: str = "mean") -> Difference:
    (only,) = (d for d in found.differences if (d.metric, d.statistic) == (metric, statistic))
    return only


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments], prog_name="headrace")


@pytest.fixture
def here(made: RunMaker) -> RunMaker:
    """In a directory of its own."""
    return made


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_each_run_counts_once() -> None:
    a, b = runs_of("a", [1.0, 1.1, 0.9]), runs_of("b", [1.05, 1.2, 0.93])
    found = compare_sides(a, b)
    mean = figure(found, "latency")
    assert (mean.a, mean.b) == pytest.approx((0.995, 0.995 * 1.06))
    assert mean.between_a == pytest.approx(0.995 * stdev([1.0, 1.1, 0.9]))
    within = [stdev([level * (0.9 + n / 100) for n in range(20)]) for level in (1.0, 1.1, 0.9)]
    assert mean.within_a == pytest.approx((fmean(s * s for s in within) / 20) ** 0.5)
    assert (mean.finding, found.noise_between_runs) == ("none found", "known")
    assert found.total_cost_a == Decimal("0.6")
    assert found.runs_a == ["a0.run", "a1.run", "a2.run"]
    assert "3 runs as A and 3 as B, of 60 and 60 jobs" in compare(*flags(a, b)).stdout


def flags(a: Sequence[Path], b: Sequence[Path]) -> list[str]:
    sides = (("--a", each) for each in a), (("--b", each) for each in b)
    return [word for side in sides for flag, each in side for word in (flag, str(each))]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_difference_beyond_the_noise_between_runs_is_clear() -> None:
    a, b = runs_of("a", [1.0, 1.02, 0.98, 1.01]), runs_of("b", [1.9, 2.0, 2.1, 2.05])
    found = compare_sides(a, b)
    assert figure(found, "latency").finding == "higher"
    assert figure(found, "latency", "p95").finding == "higher"
    assert figure(found, "attempts").finding == "the same"
    text = " ".join(sentences(found))
    assert "Latency: higher in B, so worse: mean by 1.00 s" in text
    assert "Latency p95 varies between runs by " in text
    assert "Noise between runs is not known" not in text


@pytest.mark.usefixtures("here")
def test_one_run_a_side_finds_nothing_above_perhaps() -> None:
    """Of 20 jobs in pairs each took a half longer: clear within, but it may be the hour."""
    a, b = runs_of("a", [1.0]), runs_of("b", [1.5], output_tokens=7)
    found = compare_sides(a, b)
    latency = figure(found, "latency")
    assert latency.p is not None
    assert latency.p < 0.001
    assert (latency.finding, latency.clear_within_runs) == ("perhaps higher", True)
    assert found.noise_between_runs == "not known"
    said = list(sentences(found))
    assert any(each.startswith("Latency: perhaps higher in B, so worse: mean by") for each in said)
    assert any(each.startswith("Noise between runs is not known: with one run") for each in said)


@pytest.mark.usefixtures("here")
def test_what_the_hour_does_not_change_is_clear_from_one_run() -> None:
    """Tokens, costs and scores are of the answers."""
    a, b = runs_of("a", [1.0], output_tokens=5), runs_of("b", [1.0], output_tokens=7)
    assert figure(compare_sides(a, b), "output tokens").finding == "higher"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_single_run_beside_several_is_perhaps_at_most() -> None:
    a, b = runs_of("a", [1.0, 1.01, 0.99, 1.0, 1.005]), runs_of("b", [3.0])
    found = compare_sides(a, b)
    latency = figure(found, "latency")
    assert (latency.finding, latency.between_b) == ("perhaps higher", None)
    assert "is taken to vary as the others do" in compare(*flags(a, b)).stdout


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_load_runs_are_compared_by_their_rates_too() -> None:
    sides: list[list[Path]] = []
    for name, counts in (("a", (80, 88)), ("b", (140, 154))):
        side = []
        for number, count in enumerate(counts):
            made = LoadMaker(RunMaker(Path(f"{name}{number}.run")))
            made.made.load = facts(objectives=["ttft_s < 0.3"])
            made.fill(count)
            side.append(made.made.write())
        sides.append(side)
    found = compare_sides(*sides)
    rate = figure(found, "requests per second")
    assert rate.b > 1.3 * rate.a
    assert (rate.count_a, rate.within_a) == (0, None)
    assert figure(found, "goodput per second").b > 0
    found_of = [each.statistic for each in found.differences if each.metric == "latency"]
    assert found_of == ["mean", "p50", "p90", "p95"]  # of 70 answers none lies beyond a p99


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_rates_that_are_alike_by_luck_are_not_exact() -> None:
    """Of 10 s and 50 requests, 49 twice beside 48 twice was clear, with an interval of no width."""
    sides: list[list[Path]] = []
    for name, count in (("a", 49), ("b", 48)):
        side = []
        for number in (1, 2):
            made = LoadMaker(RunMaker(Path(f"{name}{number}.run")))
            made.made.load = facts()
            for n in range(count):
                made.request(2.01 + n / 5, latency_s=0.1, output_tokens=4)
            side.append(made.made.write())
        sides.append(side)
    found = compare_sides(*sides)
    rate, tokens = figure(found, "requests per second"), figure(found, "output tokens per second")
    assert (rate.a, rate.b, rate.finding) == (4.9, 4.8, "none found")
    assert (rate.low, rate.high) == pytest.approx((-0.1 - 0.43027, -0.1 + 0.43027), abs=1e-5)
    assert (tokens.a, tokens.b, tokens.finding) == pytest.approx((19.6, 19.2, "none found"))
    gated = ["gate", "all", "--require", "requests_per_s > 4.85 and output_tokens_per_s > 19.5"]
    Path("all").mkdir()
    for number, run in enumerate(sides[0], 1):
        run.rename(f"all/0{number}.run")
    runs = '{"runs": [{"directory": "01.run", "side": "a"}, {"directory": "02.run", "side": "a"}]}'
    Path("all/repeats.json").write_text(runs)
    done = CliRunner().invoke(main, [*gated, "--unclear", "missed"], prog_name="headrace")
    assert (done.exit_code, "unclear" in done.output) == (4, True)


@pytest.mark.usefixtures("here")
def test_scores_are_compared_run_by_run() -> None:
    a = runs_of("a", [1.0, 1.0], text="yes", expected='"yes"')
    b = runs_of("b", [1.0, 1.0], text="no", expected='"yes"')
    right = figure(compare_sides(a, b), "as expected", "share")
    assert (right.a, right.b, right.count_a) == (1.0, 0.0, 40)


@pytest.mark.usefixtures("here")
def test_a_score_that_is_grades_in_one_run_is_grades_in_all(tmp_path: Path) -> None:
    """A judge who says 0 or 1 all night is a judge all the same: his means are not shares."""
    a, b = runs_of("a", [1.0, 1.0]), runs_of("b", [1.0, 1.0])
    for number, run in enumerate([*a, *b]):
        for name in ("judge", "exact"):
            folder = run / "scores" / name
            folder.mkdir(parents=True)
            odd = 0.5 if (number, name) == (3, "judge") else 1.0
            rows = [
                Score(index=n, custom_id=f"job-{n}", score=odd if n else 0.0) for n in range(20)
            ]
            row_frame(Score, rows).write_parquet(folder / "part.parquet")
    found = compare_sides(a, b)
    assert figure(found, "exact", "share").unit == "share"
    judge = figure(found, "judge")
    assert (judge.unit, judge.a) == ("", 0.95)
    assert judge.b == pytest.approx((0.95 + 0.475) / 2)


def test_every_key_is_documented() -> None:
    a, b = runs_of("a", [1.0, 1.1]), runs_of("b", [1.5, 1.4])
    done = compare(*flags(a, b), "--json")
    data = json.loads(done.stdout)
    page = docs_page("reference/json.md", "compare")
    named = set(re.findall(r"`([^`]+)`", page))
    keys = set(data) - {"pairing", "differences"}
    keys |= {f"differences[].{key}" for key in data["differences"][0]}
    assert keys - named == set()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name two runs, or give --a RUN and --b RUN"),
        (["a0.run"], "name two runs, not 1"),
        (["a0.run", "b0.run", "b1.run"], "name two runs, not 3; of several a side"),
        (["a0.run", "b0.run", "--a", "b1.run"], "give A and B, or --a and --b"),
        (["--a", "a0.run"], "name two runs, or give --a RUN"),
        (["--a", "a0.run", "--a", "a0.run", "--b", "b0.run"], "a0.run is given twice"),
        (["--a", "a0.run", "--a", "b1.run", "--b", "b0.run", "--by", "x"], "--by is of one run"),
    ],
)
@pytest.mark.usefixtures("here")
def test_sides_that_make_no_sense_are_one_line(arguments: list[str], says: str) -> None:
    runs_of("a", [1.0])
    runs_of("b", [1.0, 1.0])
    done = compare(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr


@pytest.mark.usefixtures("here")
def test_a_side_without_a_run_is_refused() -> None:
    with pytest.raises(InputError, match="two sides"):
        compare_sides([], [Path("b.run")])


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_page_has_how_far_runs_differ_below_each_figure() -> None:
    a, b = runs_of("a", [1.0, 1.1]), runs_of("b", [1.5, 1.4])
    assert compare(*flags(a, b), "--html", "out.html").exit_code == 0
    page = Path("out.html").read_text("utf-8")
    size = 0.995 * stdev([1.0, 1.1]) * 1000
    assert f'1.04 s<br><small class="soft">± {size:.1f} ms</small>' in page
    assert "each run counts once: Welch" in page
    assert "not known" not in page
    one = compare("a0.run", "b0.run", "--md").stdout
    assert one.startswith("A: `a0.run`, B: `b0.run`\n")
    assert "Noise between runs is not known" in one
