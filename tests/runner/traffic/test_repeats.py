"""A load test several times, and on two services in turn: in virtual time, on gateways."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.gateway import Config
from headrace.jobs import ExpressionError, InputError
from headrace.reports import Repeats, write_summary
from headrace.runner import RunOutcome, Secret
from headrace.runner.traffic.options import LoadPlan
from headrace.runner.traffic.repeats import Against, Repeater, turns
from headrace.runner.traffic.start import JudgedLoad
from tests.docs_page import docs_page

from .conftest import BEGAN, Traffic

A, B = "http://a.test", "http://b.test"
FAST: dict[str, Any] = {"output_tokens": 4, "ttft_s": 0.1, "itl_s": 0.01}
SLOW: dict[str, Any] = {"output_tokens": 4, "ttft_s": 0.2, "itl_s": 0.01}
PRICES = """
currency = "CNY"
[models."deepseek-v4-flash"]
input = 1000
output = 1000
"""


class Services:
    """Runs plans in virtual time, each on the gateway of its base URL, and remembers them."""

    def __init__(self, tmp_path: Path, **of_url: dict[str, Any]) -> None:
        self._path, self._of_url = tmp_path, of_url
        self.plans: list[LoadPlan] = []
        self.change: Callable[[RunOutcome], RunOutcome] = lambda outcome: outcome

    def run(self, planned: LoadPlan) -> JudgedLoad:
        self.plans.append(planned)
        letter = planned.settings.base_url.removeprefix("http://")[0]

        async def main() -> RunOutcome:
            async with trio.open_nursery() as nursery:
                traffic = Traffic(self._path, nursery)
                outcome = await traffic.planned(planned, traffic.gateway(**self._of_url[letter]))
                nursery.cancel_scope.cancel()
            return outcome

        outcome = self.change(trio.run(main, clock=MockClock(autojump_threshold=0)))
        return JudgedLoad(outcome, write_summary(planned.directory), None)


KEY = Config(**FAST).active_keys()[0].secret


def repeater(
    services: Services, out: Path, *, repeats: int = 2, two: bool = False, **options: Any
) -> Repeater:
    fields: Any = {"base_url": A, "rate": "10/s", "requests": 8, "seed": 5, **options}
    return Repeater(
        fields,
        Secret(KEY),
        out / "all",
        repeats=repeats,
        against=Against(B, Secret(KEY)) if two else None,
        run=services.run,
        now=lambda: BEGAN,
    )


def test_services_take_turns_so_that_neither_is_always_first() -> None:
    assert "".join(turn.side for turn in turns(4, two=True)) == "abbaabba"
    assert [turn.name for turn in turns(2, two=True)] == [
        *("01-a.run", "02-b.run", "03-b.run", "04-a.run")
    ]
    assert [turn.name for turn in turns(3, two=False)] == ["01.run", "02.run", "03.run"]


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repeats, Repeater, Services, Path]:
    """Two services in turn; what is required of A is beside B."""
    path = tmp_path_factory.mktemp("turns")
    services = Services(path, a=FAST, b=SLOW)
    made = repeater(services, path, two=True, require=["p50(ttft_s) < 0.9 * base"])
    return made.repeat(), made, services, path / "all"


Turned = tuple[Repeats, Repeater, Services, Path]


@pytest.mark.slow
def test_each_run_goes_to_its_service_with_prompts_of_its_own(turned: Turned) -> None:
    _, _, services, directory = turned
    plans = services.plans
    assert [each.settings.base_url for each in plans] == [A, B, B, A]
    assert [each.settings.seed for each in plans] == [5, 6, 7, 8]
    assert [each.directory.name for each in plans] == [
        *("01-a.run", "02-b.run", "03-b.run", "04-a.run")
    ]
    assert all((directory / each.directory.name / "run.json").exists() for each in plans)


def test_the_report_has_both_services_and_how_they_differ(turned: Turned) -> None:
    report, made, _, _ = turned
    assert [run.side for run in report.runs] == ["a", "b", "b", "a"]
    ttft = {e.side: e for e in report.figures if (e.metric, e.statistic) == ("TTFT", "p50")}
    assert (ttft["a"].mean, ttft["b"].mean) == pytest.approx((0.1, 0.2), abs=1e-3)
    assert len(ttft["a"].values) == 2
    assert ttft["a"].between == pytest.approx(0, abs=1e-3)
    assert report.comparison is not None
    assert report.comparison.noise_between_runs == "known"
    assert [(each.result, each.met) for each in report.judged] == [("met", True)]
    assert (report.reason, made.exit_code) == (None, 0)


def test_every_key_of_the_report_is_documented(turned: Turned) -> None:
    *_, directory = turned
    page = docs_page("reference/json.md", "repeats.json")
    kept = json.loads((directory / "repeats.json").read_bytes())
    named = set(re.findall(r"`([^`]+)`", page))
    of_a_step = set(
        re.findall(r"`steps\[\]\.([^`\[]+)[`\[]", docs_page("reference/json.md", "steps.json"))
    )
    keys = set(kept) - {"figures", "judged", "runs"}
    keys |= {f"figures[].{key}" for key in kept["figures"][0]}
    keys |= {f"judged[].{key}" for key in kept["judged"][0]}
    keys |= {f"runs[].{key}" for key in set(kept["runs"][0]) - of_a_step}
    assert keys - named == set()


@pytest.mark.slow
def test_a_service_that_misses_what_is_required_is_exit_code_4(tmp_path: Path) -> None:
    services = Services(tmp_path, a=SLOW)
    made = repeater(services, tmp_path, require=["p50(ttft_s) < 150ms"])
    report = made.repeat()
    assert [(each.result, each.met) for each in report.judged] == [("not met", False)]
    assert made.exit_code == 4
    assert report.comparison is None


@pytest.mark.slow
@pytest.mark.parametrize(("require", "code"), [((), 1), (("error_rate < 100%",), 0)])
def test_failures_that_nothing_judges_are_exit_code_1(
    tmp_path: Path, require: tuple[str, ...], code: int
) -> None:
    services = Services(tmp_path, a=FAST)
    services.change = lambda outcome: outcome._replace(failed=1)
    made = repeater(services, tmp_path, repeats=1, require=require)
    assert made.repeat().repeats == 1
    assert made.exit_code == code


@pytest.mark.slow
def test_what_stops_a_run_ends_them_all(tmp_path: Path) -> None:
    services = Services(tmp_path, a=FAST)
    services.change = lambda outcome: outcome._replace(exit_code=130, reason="interrupted")
    made = repeater(services, tmp_path, repeats=3)
    report = made.repeat()
    assert (len(report.runs), report.reason, made.exit_code) == (1, "interrupted", 130)


@pytest.mark.slow
def test_a_run_that_is_not_valid_is_exit_code_6(tmp_path: Path) -> None:
    services = Services(tmp_path, a=FAST)
    inner = services.run

    def run(planned: LoadPlan) -> JudgedLoad:
        made = inner(planned)
        path = planned.directory / "run.json"
        manifest = json.loads(path.read_bytes())
        manifest["load"]["machine"] |= {"stalls": 1, "longest_stall_s": 0.5}
        path.write_text(json.dumps(manifest))
        return made

    services.run = run  # type: ignore[method-assign]
    made = repeater(services, tmp_path, repeats=1)
    assert [each.verdict for each in made.repeat().runs] == ["client-limited"]
    assert made.exit_code == 6


@pytest.mark.slow
def test_max_cost_is_of_all_runs_together(tmp_path: Path) -> None:
    """A limit of each alone would let N runs spend N times as much."""
    (tmp_path / "prices.toml").write_text(PRICES)
    services = Services(tmp_path, a=FAST)
    asked: Any = {"prices": str(tmp_path / "prices.toml"), "max_cost": Decimal(1000)}
    made = repeater(services, tmp_path, repeats=2, yes=True, **asked)
    report = made.repeat()
    left = [plan.settings.max_cost for plan in services.plans[-2:]]
    (cost,) = (
        Decimal(str(each.values[0])) * len(range(8)) / 1000
        for each in report.figures
        if each.metric == "cost of 1,000"
    )
    assert left[0] == 1000
    assert left[1] == pytest.approx(1000 - cost)
    spent = repeater(services, tmp_path / "2", yes=True, repeats=9, **asked | {"max_cost": cost})
    report = spent.repeat()
    assert (len(report.runs), spent.exit_code) == (1, 3)
    assert report.reason is not None
    assert "max-cost" in report.reason


def test_without_a_second_service_there_is_no_base(tmp_path: Path) -> None:
    services = Services(tmp_path, a=FAST)
    with pytest.raises(ExpressionError, match="no run stands beside this one"):
        repeater(services, tmp_path, require=["p50(ttft_s) < base"])


def test_a_directory_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    with pytest.raises(InputError, match="name a directory that doesn't"):
        repeater(Services(tmp_path), tmp_path)
