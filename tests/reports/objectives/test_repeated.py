"""Objectives over repeats: each run is one observation of a figure."""

import json
from pathlib import Path
from statistics import fmean, stdev

import msgspec
import pytest
from click.testing import CliRunner, Result

from headrace.jobs import parse_condition
from headrace.reports.objectives import JudgedSide, judge_side
from headrace.reports.objectives.repeated import runs_estimate
from headrace.reports.uncertainty import Side
from headrace.runner.main import main
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts

LATENCIES = {"a": (1.4, 1.5, 1.6), "b": (2.0, 2.1, 2.2)}


def repeats(side_b: bool = False) -> Path:
    """A directory of repeats: three runs of each service, all of whose answers took one time."""
    directory = Path("all")
    directory.mkdir(exist_ok=True)
    runs = []
    for side in "ab" if side_b else "a":
        for number, latency_s in enumerate(LATENCIES[side], 1):
            name = f"{number:02}-{side}.run"
            load = LoadMaker(RunMaker(directory / name))
            load.made.load = facts()
            for n in range(12):
                load.request(2.5 + n * 0.7, latency_s=latency_s)
            load.made.write()
            runs.append({"directory": f"elsewhere/{name}", "side": side})
    (directory / "repeats.json").write_bytes(msgspec.json.encode({"runs": runs}))
    return directory


def gate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["gate", *arguments], prog_name="headrace")


@pytest.fixture
def here(made: RunMaker) -> RunMaker:
    """In a directory of its own."""
    return made


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_interval_is_that_of_the_mean_over_runs() -> None:
    """Within each run nothing varies: its own interval would have been a point."""
    done = gate(str(repeats()), "--require", "mean(latency_s) < 1.7", "--json")
    (judged,) = json.loads(done.stdout)["objectives"]
    (interval,) = judged["intervals"]
    reach = 4.3027 * stdev(LATENCIES["a"]) / 3**0.5
    ends = (1.5 - reach, 1.5 + reach)
    assert (interval["low"], interval["high"]) == pytest.approx(ends, abs=1e-4)
    assert (judged["outcome"], judged["met"], done.exit_code) == ("unclear", True, 0)
    assert judged["settled_by"] == "runs"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_beside_other_runs_it_is_the_difference_of_both_means() -> None:
    directory = repeats(side_b=True)
    sides = [
        JudgedSide(side, [directory / f"{n:02}-{side}.run" for n in (1, 2, 3)]) for side in "ab"
    ]
    report = judge_side(sides[0], [parse_condition("mean(latency_s) < base")], base=sides[1])
    (judged,) = report.objectives
    (interval,) = judged.intervals
    assert interval.value == pytest.approx(fmean(LATENCIES["a"]) - fmean(LATENCIES["b"]))
    assert judged.outcome == "met"
    assert (report.run, report.base) == ("a", "b")


@pytest.mark.usefixtures("here")
def test_text_and_arithmetic_over_runs() -> None:
    said = ["state == 'finished'", "2 * requests_per_s > 0.5 and failed == 0", "cost < 5"]
    flags = [word for each in said for word in ("--require", each)]
    done = gate(str(repeats()), *flags, "--json")
    results = [each["met"] for each in json.loads(done.stdout)["objectives"]]
    assert results[:2] == [True, True]


@pytest.mark.usefixtures("here")
def test_repeats_of_two_services_need_a_word() -> None:
    done = gate(str(repeats(side_b=True)), "--require", "failed == 0")
    assert done.exit_code == 2
    assert "all has repeats of two services; name its runs, such as all/01-a.run" in done.stderr


@pytest.mark.usefixtures("here")
def test_a_damaged_listing_is_one_line() -> None:
    directory = repeats()
    (directory / "repeats.json").write_text("{")
    done = gate(str(directory), "--require", "failed == 0")
    assert done.exit_code == 2
    assert "all/repeats.json is damaged" in done.stderr


def test_more_runs_of_the_same_kind_make_the_interval_narrower() -> None:
    estimate = runs_estimate(Side([1.0, 2.0, 3.0]))
    wide, narrow = estimate.ends(0.95, 1.0), estimate.ends(0.95, 4.0)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert estimate.value == 2.0


def test_a_share_over_runs_lies_between_nothing_and_all() -> None:
    assert runs_estimate(Side([0.0, 0.4]), share=True).ends(0.95, 1.0) == (0.0, 1.0)
    assert runs_estimate(Side([0.0, 0.4])).ends(0.95, 1.0).high > 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_error_rate_over_runs_is_such_a_share() -> None:
    directory = repeats()
    for number in (1, 2, 3):
        load = LoadMaker(RunMaker(directory / f"{number:02}-a.run"))
        load.made.load = facts()
        for n in range(12):
            load.request(2.5 + n * 0.7, error_kind="http" if n < 4 * number - 1 else None)
        load.made.write()
    done = gate(str(directory), "--require", "error_rate < 99%", "--json")
    ((interval,),) = (each["intervals"] for each in json.loads(done.stdout)["objectives"])
    assert (interval["low"], interval["value"] > 0.2) == (0.0, True)
