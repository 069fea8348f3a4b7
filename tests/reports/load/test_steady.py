"""Whether the warm-up was long enough: MSER-5 by hand, by simulation, and in a run's report."""

import math
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from headrace.reports.load import load_figures
from headrace.reports.load.attempt_rows import read_rows
from headrace.reports.load.steady import BATCH, beginning_of, steady_state, truncation
from headrace.reports.run import open_run
from headrace.runner.main import main
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def by_hand(values: list[float]) -> int:
    """MSER-5 as it is written down: of each truncation, the squared standard error of the rest."""
    means = [math.fsum(values[n : n + 5]) / 5 for n in range(0, len(values) - 4, 5)]
    found = []
    for left_out in range(len(means) // 2 + 1):
        rest = means[left_out:]
        mean = math.fsum(rest) / len(rest)
        found.append(math.fsum((each - mean) ** 2 for each in rest) / len(rest) ** 2)
    return found.index(min(found))


@pytest.mark.parametrize("seed", range(5))
def test_the_truncation_is_that_of_mser_5(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.exponential(1.0, 203) * (1 + 3 * np.exp(-np.arange(203) / (5 + 10 * seed)))
    assert truncation(values) == by_hand(values.tolist())


def test_a_step_is_left_out_whole() -> None:
    values = np.concatenate((np.full(40, 3.0), np.full(160, 1.0)))
    assert truncation(values) == 40 / BATCH
    values += np.random.default_rng(1).normal(0, 0.01, 200)
    found = beginning_of(values)
    assert found is not None
    assert found.by == pytest.approx(2.0, rel=0.02)
    assert 40 <= found.values <= 60
    assert beginning_of(values[40:]) is None


def test_what_is_alike_within_a_tenth_is_steady() -> None:
    values = np.concatenate((np.full(40, 1.05), np.full(160, 1.0)))
    assert beginning_of(values + np.random.default_rng(1).normal(0, 0.001, 200)) is None


def queue(rng: np.random.Generator, count: int, load: float) -> np.ndarray:
    """Times in a queue with one server (M/M/1) that has run for long."""
    waits, wait = [], 0.0
    for gap, service in rng.exponential([1 / load, 1.0], (count + 300, 2)):
        wait = max(0.0, wait - gap)
        waits.append(wait + service)
        wait += service
    return np.array(waits[300:])


@pytest.mark.slow
def test_a_steady_run_is_seldom_told_otherwise_and_a_slow_beginning_often() -> None:
    rng = np.random.default_rng(3)
    steady = [beginning_of(rng.lognormal(0, 0.5, 1000)) for _ in range(100)]
    queued = [beginning_of(queue(rng, 1000, 0.7)) for _ in range(60)]
    slow = 1 + 1.5 * np.exp(-np.arange(1000) / 50)
    begun = [beginning_of(rng.lognormal(0, 0.5, 1000) * slow) for _ in range(60)]
    assert steady.count(None) >= 99
    assert queued.count(None) >= 0.92 * 60
    assert begun.count(None) <= 0.05 * 60
    assert 60 <= np.median([each.values for each in begun if each]) <= 150


def made_of(made: RunMaker, times: list[float], **of_facts: Any) -> LoadMaker:
    load = LoadMaker(made)
    made.load = facts(**of_facts)
    for n, time_s in enumerate(times):
        load.request(2.0 + n * 0.05, latency_s=time_s, ttft_s=0.1 + 0.001 * (n % 7), wait_s=0.0)
    made.write()
    return load


SLOW_FIRST = [0.3 + 0.001 * (n % 5) + (0.3 if n < 40 else 0.0) for n in range(180)]


@pytest.mark.slow
def test_a_short_warm_up_is_told_with_the_one_that_would_do(made: RunMaker) -> None:
    """40 requests of 20 a second are unlike: 2 s more than the 2 s that there were."""
    made_of(made, SLOW_FIRST)
    run = open_run(made.directory)
    assert run.manifest.load is not None
    figures = load_figures(run, run.manifest.load)
    found = figures.steady_state
    assert (found.steady, found.metric, found.warmup_s) == (False, "latency_s", 4.0)
    assert found.from_s == pytest.approx(2.0)
    assert (figures.verdict.verdict, figures.verdict.notes) == ("valid", [found.note])
    said = (
        "the warm-up was too short: the first 2.00 s are unlike the rest (latency 99% longer); "
        "--warmup 4s leaves them out"
    )
    assert found.note == said
    for flags in ([], ["--md"]):
        shown = CliRunner().invoke(main, ["report", str(made.directory), *flags]).output
        assert said in " ".join(shown.split())


def test_a_run_that_never_was_steady_has_no_warm_up_that_would_do(made: RunMaker) -> None:
    made_of(made, [0.3 * 1.01**n for n in range(120)])
    found = steady_state(read_rows(open_run(made.directory), facts()))
    assert (found.steady, found.warmup_s) == (False, None)
    assert found.note.startswith("no steady state: the first half is unlike the rest (latency ")


@pytest.mark.parametrize(
    ("count", "shape", "steady"), [(99, "rate", None), (110, "stages", None), (110, "rate", True)]
)
def test_few_answers_and_loads_that_change_tell_nothing(
    made: RunMaker, count: int, shape: Any, steady: bool | None
) -> None:
    made_of(made, [0.3 + 0.001 * (n % 11) for n in range(count)], shape=shape)
    rows = read_rows(open_run(made.directory), facts(shape=shape))
    assert steady_state(rows).steady is steady
