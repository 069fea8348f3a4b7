"""Sweeps and searches in virtual time, on a gateway whose capacity is known."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from headrace.gateway import Config
from headrace.jobs import InputError
from headrace.reports import Step, Steps
from headrace.reports.comparison import step_remarks
from headrace.runner import RunOutcome, Secret
from headrace.runner.main import main
from headrace.runner.traffic.options import LoadPlan
from headrace.runner.traffic.shapes import UsersShape
from headrace.runner.traffic.shared_budget import SPENT
from headrace.runner.traffic.steps import StepLoad, Stepper, parse_loads, parse_search
from tests.docs_page import docs_page

from .conftest import BEGAN, Traffic

# Four at a time, each for 100 ms + 3 x 30 ms: 4 / 0.19 s = 21.05 a second.
SERVICE: dict[str, Any] = {"capacity": 4, "output_tokens": 4, "ttft_s": 0.1, "itl_s": 0.03}
CAPACITY_PER_S = 4 / 0.19
ZERO = Decimal(0)
PRICES = """
currency = "CNY"
[models."deepseek-v4-flash"]
input = 1000
output = 1000
"""


def on_a_gateway(tmp_path: Path, **config: Any) -> Callable[[LoadPlan], RunOutcome]:
    """Runs a plan in virtual time on a gateway of its own, which is idle when it begins."""

    def run(planned: LoadPlan) -> RunOutcome:
        async def main() -> RunOutcome:
            async with trio.open_nursery() as nursery:
                traffic = Traffic(tmp_path, nursery)
                outcome = await traffic.planned(planned, traffic.gateway(**config))
                nursery.cancel_scope.cancel()
            return outcome

        return trio.run(main, clock=MockClock(autojump_threshold=0))

    return run


def stepper(tmp_path: Path, kind: Any, run: Any, **options: Any) -> Stepper:
    fields: Any = {"base_url": "http://gateway.test", "seed": 1, **options}
    key = Secret(Config(**SERVICE).active_keys()[0].secret)
    return Stepper(fields, key, tmp_path / "all", kind=kind, run=run, now=lambda: BEGAN)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Steps, Stepper, Path]:
    """A search from 10/s on, to within a half."""
    path = tmp_path_factory.mktemp("search")
    made = stepper(path, "find", on_a_gateway(path, **SERVICE), requests=40)
    search = parse_search("p50(latency_s) < 250ms", first="10/s", precision=0.5, highest=None)
    return made.find(search), made, path / "all"


@pytest.mark.slow
def test_the_highest_rate_is_the_capacity_of_the_service(
    searched: tuple[Steps, Stepper, Path],
) -> None:
    report, made, _ = searched
    assert report.highest_met is not None
    assert report.lowest_missed is not None
    assert report.highest_met <= CAPACITY_PER_S <= report.lowest_missed
    assert report.lowest_missed <= report.highest_met * 1.5
    assert made.exit_code == 0
    # 10 and 20 are met and 40 is missed.
    tried = list(dict.fromkeys(step.rate_per_s for step in report.steps))
    assert tried[:3] == [10.0, 20.0, 40.0]
    assert sum(step.requests for step in report.steps) < 1100
    confirmed = report.steps[-1]
    assert (confirmed.rate_per_s, confirmed.size) == (report.highest_met, 9.0)


def test_every_step_has_a_directory_and_the_report_is_over_all(
    searched: tuple[Steps, Stepper, Path],
) -> None:
    report, _, directory = searched
    kept = json.loads((directory / "steps.json").read_bytes())
    assert kept["schema_version"] == 1
    assert [step["directory"] for step in kept["steps"]] == [
        step.directory for step in report.steps
    ]
    assert all((Path(step.directory) / "run.json").exists() for step in report.steps)
    assert report.steps[0].directory.endswith("01-10.run")
    assert kept["highest_met"] == report.highest_met


@pytest.mark.slow
def test_a_rate_above_capacity_is_missed_although_a_short_step_would_meet_it(
    tmp_path: Path,
) -> None:
    """At 22/s the queue grows by 4.5 % of the time: short steps end before it shows in the p95."""
    run = on_a_gateway(tmp_path, **SERVICE)
    made = stepper(tmp_path, "find", enough(run, steps=2), requests=100)
    search = parse_search("p95(latency_s) < 1s", first="22/s", precision=1.0, highest="22/s")
    report = made.find(search)
    first, second = report.steps
    assert (first.rate_per_s, first.met, first.outcome) == (22.0, True, "unclear")
    assert first.latency_p95_s is not None
    assert first.latency_p95_s < 0.5
    assert (second.size, second.rate_per_s, second.outcome) == (3.0, 22.0, "missed")
    assert "the latency rose without an end: more is due than is answered" in second.why


def enough(run: Any, *, steps: int) -> Any:
    """A run of which so many steps are made, and then one that is stopped."""
    count = 0

    def wrapped(planned: LoadPlan) -> RunOutcome:
        nonlocal count
        count += 1
        outcome: RunOutcome = run(planned)
        return outcome._replace(reason="enough", exit_code=1) if count >= steps else outcome

    return wrapped


@pytest.mark.slow
def test_the_users_that_an_objective_carries_are_found_once_all_were_under_way(
    tmp_path: Path,
) -> None:
    """N users have an answer after N/4 x 190 ms: up to 8 of them within 400 ms, whatever pause the
    service makes of the first ones, who came all at once."""
    made = stepper(tmp_path, "find", on_a_gateway(tmp_path, **SERVICE))
    search = parse_search(
        "p95(latency_s) < 400ms", first=None, precision=0.05, highest="40", users=4
    )
    report = made.find(search)
    assert (report.highest_met, report.lowest_missed, made.exit_code) == (8.0, 9.0, 0)
    assert [step.users for step in report.steps] == [4, 4, 8, 16, 11, 9]
    warm = [json.loads((Path(each.directory) / "run.json").read_bytes()) for each in report.steps]
    assert [each["load"]["warmup_s"] for each in warm[:2]] == [0.0, pytest.approx(0.76, rel=0.1)]
    assert report.steps[1].latency_p95_s == pytest.approx(0.19)
    assert report.steps[0].requests == 105
    assert next(remark.text for remark in step_remarks(report)) == (
        "8 users meet the objective; 9 users miss it"
    )


@pytest.mark.slow
def test_a_sweep_makes_a_step_for_each_load_and_sees_the_knee(tmp_path: Path) -> None:
    run = on_a_gateway(tmp_path, **SERVICE)
    made = stepper(tmp_path, "sweep", run, duration_s=3.0)
    report = made.sweep(parse_loads("10/s, 15/s, 20/s, 30/s"))
    assert [step.rate_per_s for step in report.steps] == [10, 15, 20, 30]
    latencies = [step.latency_p50_s for step in report.steps]
    assert latencies[:3] == pytest.approx([0.19] * 3)
    assert report.knee == 20.0
    assert [step.rising for step in report.steps] == [False] * 3 + [True]
    assert [step.certainty for step in report.steps] == [None] * 4
    # Beyond its capacity the service answers no faster.
    assert report.steps[3].requests_per_s == pytest.approx(CAPACITY_PER_S, rel=0.1)


@pytest.mark.slow
def test_a_sweep_over_users(tmp_path: Path) -> None:
    run = on_a_gateway(tmp_path, **SERVICE)
    report = stepper(tmp_path, "sweep", run, duration_s=3.8).sweep(parse_loads("1, 8"))
    assert [step.users for step in report.steps] == [1, 8]
    rates = [step.requests_per_s for step in report.steps]
    assert rates == pytest.approx([1 / 0.19, CAPACITY_PER_S], rel=0.06)
    assert [Path(step.directory).name for step in report.steps] == [
        "01-1-users.run",
        "02-8-users.run",
    ]


def limited(run: Any, *, times: int) -> Any:
    """A run whose first `times` steps find the client limited."""
    count = 0

    def wrapped(planned: LoadPlan) -> RunOutcome:
        nonlocal count
        outcome: RunOutcome = run(planned)
        count += 1
        if count <= times:
            path = planned.directory / "run.json"
            manifest = msgspec.json.decode(path.read_bytes())
            manifest["load"]["machine"] |= {"stalls": 1, "longest_stall_s": 0.5}
            path.write_bytes(msgspec.json.encode(manifest))
            return outcome._replace(exit_code=6)
        return outcome

    return wrapped


@pytest.mark.slow
def test_a_step_that_the_client_may_have_decided_is_made_once_more(tmp_path: Path) -> None:
    """A stall of 500 ms, where nothing dates the bytes: without it 0.19 s might have been less."""
    real = limited(on_a_gateway(tmp_path, **SERVICE), times=1)
    steps = 0

    def run(planned: LoadPlan) -> RunOutcome:  # the search for a lower rate is not looked at here
        nonlocal steps
        steps += 1
        outcome: RunOutcome = real(planned)
        return outcome._replace(reason="enough", exit_code=1) if steps > 2 else outcome

    made = stepper(tmp_path, "find", run)
    search = parse_search("p50(latency_s) < 180ms", first="5/s", precision=1.0, highest="5/s")
    report = made.find(search)
    assert [step.outcome for step in report.steps[:2]] == ["client-limited", "missed"]
    assert [step.verdict for step in report.steps[:2]] == ["client-limited", "valid"]
    assert [step.rate_per_s for step in report.steps[:2]] == [5.0, 5.0]
    assert report.lowest_missed is not None


@pytest.mark.slow
def test_a_client_that_stays_limited_ends_the_search_with_what_was_found(tmp_path: Path) -> None:
    run = limited(on_a_gateway(tmp_path, **SERVICE), times=99)
    made = stepper(tmp_path, "find", run)
    search = parse_search("p50(latency_s) < 180ms", first="5/s", precision=1.0, highest=None)
    report = made.find(search)
    assert len(report.steps) == 2
    assert (report.highest_met, report.reason) == (None, "the client is the limit at 5/s")
    assert made.exit_code == 6
    assert any("stood still" in reason for reason in report.steps[1].why)


@pytest.mark.slow
def test_a_search_continues_where_the_client_cannot_change_the_answer(tmp_path: Path) -> None:
    """Whatever the stall did, it can only have made 0.19 s longer, and that is below 400 ms."""
    run = limited(on_a_gateway(tmp_path, **SERVICE), times=99)
    made = stepper(tmp_path, "find", run, requests=30)
    search = parse_search("p50(latency_s) < 400ms", first="5/s", precision=1.0, highest="10/s")
    report = made.find(search)
    assert {step.rate_per_s for step in report.steps} == {5.0, 10.0}
    assert {step.verdict for step in report.steps} == {"valid"}
    assert (report.steps[-1].outcome, report.steps[-1].why) == ("met", [])
    assert (report.highest_met, report.reason, made.exit_code) == (10.0, None, 0)


@pytest.mark.slow
def test_a_sweep_makes_every_step_and_says_that_one_is_not_valid(tmp_path: Path) -> None:
    run = limited(on_a_gateway(tmp_path, **SERVICE), times=1)
    made = stepper(tmp_path, "sweep", run, duration_s=1.0)
    report = made.sweep(parse_loads("5/s, 10/s"))
    assert [step.verdict for step in report.steps] == ["client-limited", "valid"]
    assert (report.reason, made.exit_code) == (None, 6)


def test_what_stops_a_run_ends_them_all(tmp_path: Path) -> None:
    inner = on_a_gateway(tmp_path, **SERVICE)

    def run(planned: LoadPlan) -> RunOutcome:
        return inner(planned)._replace(exit_code=130, reason="interrupted")

    made = stepper(tmp_path, "sweep", run, duration_s=1.0)
    report = made.sweep(parse_loads("5/s, 10/s"))
    assert (len(report.steps), report.reason, made.exit_code) == (1, "interrupted", 130)


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("10/s, 20/s", [StepLoad(rate_per_s=10.0), StepLoad(rate_per_s=20.0)]),
        ("8, 16", [StepLoad(users=8), StepLoad(users=16)]),
    ],
)
def test_loads_are_read(text: str, loads: list[StepLoad]) -> None:
    assert parse_loads(text) == loads


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "--sweep has ''"),
        ("10/s, 8", "rates and users"),
        ("8, 8", "the same load twice"),
        ("0/s", "--sweep has '0/s'"),
        ("-5", "--sweep has '-5'"),
        ("fast", "--sweep has 'fast'"),
    ],
)
def test_loads_that_make_no_sense_are_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_loads(text)


@pytest.mark.parametrize(
    ("objective", "first", "highest", "says"),
    [
        ("p95(ttft_s)", None, None, "condition"),
        ("ttft_s < 1", None, None, "column of many rows"),
        ("p95(ttft_s) < base", None, None, "judge the run of a step by headrace gate RUN --base"),
        ("p95(ttft_s) < 1", "0/s", None, "begins at a rate above 0"),
        ("p95(ttft_s) < 1", "9/s", "5/s", "begins above its highest"),
    ],
)
def test_a_search_that_makes_no_sense_is_one_line(
    objective: str, first: str | None, highest: str | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        parse_search(objective, first=first, precision=0.1, highest=highest)


def test_a_step_is_made_again_with_a_longer_warm_up_unless_it_missed_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two answers per second: a round of N users takes N/2 s, and four of them are the warm-up."""
    warm_ups: list[tuple[int | None, float]] = []

    def run(planned: LoadPlan) -> RunOutcome:
        settings = planned.settings
        assert isinstance(settings.shape, UsersShape)
        warm_ups.append((settings.shape.users, settings.warmup_s))
        return RunOutcome(
            planned.directory,
            exit_code=0,
            reason=None,
            succeeded=1,
            failed=0,
            rejected=0,
            cost=ZERO,
        )

    def read_step(directory: Path, objective: Any, *, size: float) -> Step:
        count = warm_ups[-1][0] or 0
        outcome: Any = "met" if count <= 5 else "missed"
        return Step(
            directory=str(directory), asked="", rate_per_s=None, users=count, size=size,
            verdict="valid", requests=1, error_rate=0.0, requests_per_s=2.0,
            output_tokens_per_s=None, ttft_p50_s=None, ttft_p95_s=None, latency_p50_s=1.0,
            latency_p95_s=1.0, goodput_share=None, rising=False, certainty=None, met=True,
            figures=[], outcome=outcome,
        )  # fmt: skip

    monkeypatch.setattr("headrace.reports.read_step", read_step)
    made = stepper(tmp_path, "find", run)
    search = parse_search("p95(ttft_s) < 1", first=None, precision=0.05, highest="9", users=2)
    report = made.find(search)
    assert warm_ups == [(2, 0.0), (2, 4.0), (4, 4.0), (8, 4.0), (6, 4.0), (5, 4.0), (5, 10.0)]
    assert (report.highest_met, report.lowest_missed) == (5.0, 6.0)
    assert Path(report.steps[0].directory).name == "01-2-users.run"


@pytest.mark.parametrize(
    ("highest", "says"),
    [("9/s", "is not a number of users"), ("3", "begins above its highest number of users")],
)
def test_a_highest_number_of_users_that_makes_no_sense_is_one_line(highest: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_search("p95(ttft_s) < 1", first=None, precision=0.1, highest=highest, users=4)


def test_a_search_is_over_users_or_over_rates() -> None:
    words = ["load", "--find", "error_rate < 1%", "--base-url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(
        main, [*words, "--users", "4", "--rate", "2/s"], env={"HEADRACE_API_KEY": "sk-x"}
    )
    assert done.exit_code == 2
    assert "a search begins at --rate or at --users; leave out one of them" in done.stderr


@pytest.mark.parametrize("flag", [("--sweep", "1/s, 2/s"), ("--find", "error_rate < 1%")])
def test_jobs_that_can_be_read_only_once_are_refused(flag: tuple[str, str]) -> None:
    """The second step found standard input empty."""
    words = ["load", *flag, "--jobs", "-", "--base-url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(main, words, env={"HEADRACE_API_KEY": "sk-x"})
    assert done.exit_code == 2
    assert f"{flag[0]} reads --jobs for each step" in done.stderr


def test_a_directory_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    with pytest.raises(InputError, match="name a directory that doesn't"):
        stepper(tmp_path, "sweep", lambda _: None)


def test_every_key_of_the_report_is_documented(searched: tuple[Steps, Stepper, Path]) -> None:
    page = docs_page("reference/json.md", "steps.json")
    documented = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
    _, _, directory = searched
    kept = json.loads((directory / "steps.json").read_bytes())
    found = {f"steps[].{name}" for name in kept["steps"][0]} | set(kept)
    assert {key.removesuffix("[]") for key in documented} == found - {"steps"}


@pytest.mark.slow
def test_max_cost_is_of_all_steps_together(tmp_path: Path) -> None:
    """Each step had the whole of it, so a sweep of N loads could spend N times as much."""
    (tmp_path / "prices.toml").write_text(PRICES)
    plans: list[LoadPlan] = []
    inner = on_a_gateway(tmp_path, **SERVICE)

    def run(planned: LoadPlan) -> RunOutcome:
        plans.append(planned)
        return inner(planned)._replace(kept=Decimal("0.25"))

    asked: Any = {"prices": str(tmp_path / "prices.toml"), "yes": True, "requests": 8}
    loads = parse_loads("4/s, 5/s, 8/s")
    whole = stepper(tmp_path, "sweep", run, **asked, max_cost=Decimal(1000)).sweep(loads)
    first, second, third = (plan.settings.max_cost for plan in plans)
    assert (first, len(whole.steps)) == (Decimal(1000), 3)
    assert [plan.settings.seed for plan in plans] == [1, 2, 3]  # a cache may know a step's prompts
    assert second is not None
    assert third is not None
    cost = 1000 - second
    assert 0.25 < cost < 100
    assert second > third > 1000 - 3 * cost

    def keeps_all(planned: LoadPlan) -> RunOutcome:
        return inner(planned)._replace(kept=Decimal(1000))

    made = stepper(tmp_path / "2", "sweep", keeps_all, **asked, max_cost=Decimal(1000))
    report = made.sweep(loads)
    assert (len(report.steps), made.exit_code, report.reason) == (1, 3, SPENT)


@pytest.mark.slow
def test_a_step_that_money_stops_says_what_those_before_it_took(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(PRICES)
    run = on_a_gateway(tmp_path, **SERVICE)
    asked: Any = {"prices": str(tmp_path / "prices.toml"), "yes": True, "requests": 8}
    made = stepper(tmp_path, "sweep", run, **asked, max_cost=Decimal(12))
    report = made.sweep(parse_loads("4/s, 5/s, 8/s"))
    assert (len(report.steps), made.exit_code) == (2, 3)
    assert report.reason is not None
    assert "(--max-cost 12 is that of all runs together, and those before this" in report.reason
    assert "; raise --max-cost (" in report.reason  # a load run can't be resumed
    assert "resume" not in report.reason
