"""A night from its start to its exit code, with runs made by hand in the place of `run`."""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headrace.jobs import Attempt, InputError, Result, Session, row_frame
from headrace.reports.nights import verdict_of
from headrace.runner.cli import run as run_command
from headrace.runner.errors import OutOfMoneyError
from headrace.runner.nightly import NightOrders, NightOutcome, read_eval_file, run_night

from ...reports.conftest import START, RunMaker, at

pytestmark = pytest.mark.slow

EVAL = """\
data = "q.jsonl"
runs = "runs"
require = ["error_rate <= 10%"]
beside_require = ["mean(text == expected) >= base"]
"""
QUESTIONS = 100
MORNING = datetime(2026, 6, 8, 13, tzinfo=UTC)


class Nights:
    """Nights in a folder: what `run` is to leave, and what it was called with."""

    def __init__(self, folder: Path, text: str = EVAL) -> None:
        self.folder = folder
        self.calls: list[tuple[str, list[str]]] = []
        self.said: list[str] = []
        self.write(text)

    def write(self, text: str) -> None:
        (self.folder / "eval.toml").write_text(text)

    def start(
        self, right: int = 80, *, now: datetime = MORNING, code: int = 0, **fields: Any
    ) -> NightOutcome:
        state = fields.pop("state", "finished")

        def invoke(name: str, arguments: Sequence[str]) -> int:
            self.calls.append((name, list(arguments)))
            (out,) = (each[6:] for each in arguments if each.startswith("--out="))
            if not (Path(out) / "run.json").exists():
                made(Path(out), right, state, **fields)
            return code

        orders = NightOrders(now, self.date, self.rebase)
        found = read_eval_file(self.folder / "eval.toml", run_command)
        return run_night(found, orders, invoke, self.said.append)

    date: str | None = None
    rebase = False


def made(out: Path, right: int, state: Any, **fields: Any) -> None:
    """A run of 100 questions, of which so many are answered rightly."""
    out.parent.mkdir(exist_ok=True)
    run = RunMaker(out)
    for index in range(QUESTIONS):
        text = "yes" if index < right else "no"
        run.job(index, text=text, expected='"yes"', latency_s=1.0, **fields)
    limits = run.limits
    run.manifest(Session(started_at=START, ended_at=at(60), state=state, limits=limits))
    # One part each: a hundred small ones take longer to read than all else does.
    for name, kind, rows in (
        ("results", Result, run.results),
        ("attempts", Attempt, run.attempts),
    ):
        (out / name).mkdir()
        row_frame(kind, rows).write_parquet(out / name / "part-000001.parquet")


@pytest.fixture(autouse=True)
def _no_charts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """To draw the trend takes half of a night's time; one test has the real one."""
    if "real_script" not in request.keywords:
        page = import_module("headrace.reports.html.night_page")
        monkeypatch.setattr(page, "trend_charts", lambda _trend: [])


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def verdicts(outcome: NightOutcome) -> dict[str, str]:
    assert outcome.report is not None
    return {
        each.judgement.objective + (f" beside {each.beside}" if each.beside else ""): verdict_of(
            each
        )
        for each in outcome.report.objectives
    }


def on(nights: Nights, day: int) -> datetime:
    nights.date = None
    return MORNING + timedelta(days=day)


def test_a_fall_is_red_and_is_no_night_to_be_beside(nights: Nights) -> None:
    first = nights.start(80)
    assert (first.exit_code, first.run.name) == (0, "2026-06-08.run")
    assert nights.start(80, now=on(nights, 1)).exit_code == 0
    fallen = nights.start(60, now=on(nights, 2))
    assert fallen.exit_code == 4
    assert verdicts(fallen) == {
        "error_rate <= 10%": "met",
        "mean(text == expected) >= base beside last-good": "not met",
        "mean(text == expected) >= base beside baseline": "not met",
    }
    runs = nights.folder / "runs"
    assert (runs / "latest").readlink() == Path("2026-06-10.run")
    assert (runs / "last-good").readlink() == Path("2026-06-09.run")
    again = nights.start(80, now=on(nights, 3))
    assert again.exit_code == 0
    assert again.report is not None
    assert again.report.last_good == "2026-06-09"
    assert again.report.baseline == ["2026-06-08", "2026-06-09"]


@pytest.mark.real_script
def test_a_night_leaves_files_for_people_and_for_ci(nights: Nights) -> None:
    outcome = nights.start()
    names = [path.name for path in outcome.files]
    assert names == ["night.html", "night.md", "junit.xml", "night.json"]
    assert all(path.stat().st_size for path in outcome.files)
    report = msgspec.json.decode((outcome.run / "night.json").read_bytes())
    assert (report["verdict"], report["date"], report["jobs"]) == ("good", "2026-06-08", 100)


def test_a_night_that_is_started_twice_says_the_same(nights: Nights) -> None:
    one = nights.start()
    nights.start(now=on(nights, 1))
    files = {path: path.read_bytes() for path in one.files if path.suffix in (".md", ".xml")}
    again = nights.start(now=on(nights, 0))
    assert again.exit_code == 0
    assert {path: path.read_bytes() for path in files} == files
    assert len(files) == 2


@pytest.mark.parametrize(
    ("code", "state"),
    [(2, "stopped"), (3, "stopped"), (5, "stopped"), (1, "stopped"), (130, "interrupted")],
)
def test_a_run_that_stopped_is_not_judged_and_its_code_is_the_nights(
    nights: Nights, code: int, state: str
) -> None:
    outcome = nights.start(code=code, state=state)
    assert (outcome.exit_code, outcome.report) == (code, None)
    assert not (nights.folder / "runs/last-good").exists()
    # The next morning, within 20 hours, it is that night that is resumed.
    nights.start(code=code, now=MORNING + timedelta(hours=12))
    assert [name for name in nights.calls[1][1] if "2026-06-08.run" in name] != []
    assert nights.said == ["Resuming the night of 2026-06-08, which was cut short."]


def test_a_night_that_was_cut_short_says_so(nights: Nights) -> None:
    outcome = nights.start(code=3, state="stopped")
    assert [each.name for each in outcome.files] == ["night.md", "night.json"]
    said = (outcome.run / "night.md").read_text("utf-8")
    assert said.startswith("### 2026-06-08: cut short, not judged\n\nExit code 3: ")
    assert "100 jobs succeeded" in said
    report = msgspec.json.decode((outcome.run / "night.json").read_bytes())
    assert (report["verdict"], report["exit_code"], report["jobs"]) == ("cut short", 3, 100)
    assert (nights.folder / "runs/latest").readlink() == Path("2026-06-08.run")


def test_a_start_that_is_refused_leaves_an_earlier_verdict_as_it_is(nights: Nights) -> None:
    one = nights.start()
    files = {path: path.read_bytes() for path in one.files}
    assert nights.start(code=5) == NightOutcome(5, one.run)

    def refuse(_name: str, _arguments: Sequence[str]) -> int:
        raise InputError("q.jsonl has changed since its jobs ran")

    found = read_eval_file(nights.folder / "eval.toml", run_command)
    with pytest.raises(InputError, match="has changed"):
        run_night(found, NightOrders(MORNING), refuse, nights.said.append)
    assert {path: path.read_bytes() for path in one.files} == files
    assert (nights.folder / "runs/last-good").readlink() == Path("2026-06-08.run")


def test_a_base_in_require_is_told_where_it_belongs(nights: Nights) -> None:
    nights.write('data = "q.jsonl"\nrequire = ["cost <= base"]\n')
    with pytest.raises(InputError, match="write the condition in beside_require, not in require"):
        nights.start()
    assert nights.calls == []


def test_a_later_session_that_stops_takes_the_verdict_back(nights: Nights) -> None:
    one = nights.start()
    limits = RunMaker(one.run).limits

    def stop(_name: str, _arguments: Sequence[str]) -> int:
        session = Session(started_at=START, ended_at=at(60), state="stopped", limits=limits)
        RunMaker(one.run).manifest(session)
        return 3

    found = read_eval_file(nights.folder / "eval.toml", run_command)
    outcome = run_night(found, NightOrders(MORNING), stop, nights.said.append)
    assert [each.name for each in outcome.files] == ["night.md", "night.json"]
    assert not (one.run / "junit.xml").exists()


def test_what_ends_a_night_that_has_begun_is_its_outcome(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise InputError("a table can't be read")

    monkeypatch.setattr("headrace.reports.nights.report.compare_runs", refuse)
    monkeypatch.setattr("headrace.reports.nights.report.judge_night", refuse)
    outcome = nights.start()
    assert (outcome.exit_code, outcome.report) == (2, None)
    assert nights.said == ["Error: a table can't be read"]
    assert "a table can't be read" in (outcome.run / "night.md").read_text("utf-8")


class Killed(BaseException):
    """As SIGKILL: nobody tidies up."""


@pytest.mark.parametrize("after", [False, True])
def test_a_night_that_dies_at_any_step_is_one_night(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Each file and link takes its place by a rename: it dies at each of them in turn."""
    monkeypatch.setattr("headrace.reports.night_files.write_night_page", lambda *_: None)
    replace, deaths = os.replace, 0
    runs = nights.folder / "runs"

    def dying(count: int) -> Callable[..., None]:
        calls = iter(range(count))

        def call(*names: Any, **options: Any) -> None:
            left = next(calls, None)
            if left is not None or after:
                replace(*names, **options)
            if left is None:
                raise Killed

        return call

    for count in range(20):
        shutil.rmtree(runs, ignore_errors=True)
        monkeypatch.setattr(os, "replace", dying(count))
        try:
            nights.start()
            break
        except Killed:
            deaths += 1
        finally:
            monkeypatch.setattr(os, "replace", replace)
        assert nights.start().exit_code == 0
        left = sorted(each.name for each in runs.iterdir())
        assert left == ["2026-06-08.run", "last-good", "latest", "nightly.json"]
        memory = msgspec.json.decode((runs / "nightly.json").read_bytes())
        assert [each["date"] for each in memory["nights"]] == ["2026-06-08"]
        for name in ("latest", "last-good"):
            assert (runs / name).readlink() == Path("2026-06-08.run")
    assert deaths == 7  # latest, nightly.json twice, last-good, and three files


def test_failed_jobs_are_for_the_conditions_to_judge(nights: Nights) -> None:
    assert nights.start(code=1).exit_code == 0
    worse = nights.start(code=1, now=on(nights, 1), status="failed")
    assert worse.exit_code == 4
    assert verdicts(worse)["error_rate <= 10%"] == "not met"


def test_another_eval_file_begins_another_baseline(nights: Nights) -> None:
    nights.start(80)
    nights.start(80, now=on(nights, 1))
    nights.write(EVAL + "# another\n")
    changed = nights.start(60, now=on(nights, 2))
    assert changed.report is not None
    assert changed.report.baseline == []
    assert "a new baseline begins with this night: the eval file changed" in changed.report.notes
    assert changed.exit_code == 4  # still beside the last good night
    nights.rebase = True
    nights.date = "2026-06-11"
    assert nights.start(80).report is not None
    nights.rebase, nights.date = False, "2026-06-12"
    report = nights.start(80).report
    assert report is not None
    assert report.baseline == ["2026-06-11"]


def test_the_budget_is_that_of_the_day(nights: Nights) -> None:
    nights.write(EVAL + "[run]\nmax-cost = 1.5\n")
    nights.start(cost=Decimal("0.01"))
    assert "--max-cost=1.5" in nights.calls[0][1]
    # Started again, the night may come to what it has spent and what is left of the day.
    nights.start(cost=Decimal("0.01"))
    assert "--max-cost=1.50" in [f"{each:.15}" for each in nights.calls[1][1]]


def test_other_nights_count_with_what_they_sent_on_the_day(nights: Nights) -> None:
    nights.write(EVAL + "[run]\nmax-cost = 1.5\n")
    nights.date = "2026-06-07"
    nights.start(cost=Decimal("0.01"))  # sent on the 8th
    nights.date = "2026-06-08"
    nights.start(cost=Decimal("0.01"))
    assert "--max-cost=0.5" in [each[:14] for each in nights.calls[1][1]]
    nights.write(EVAL + "[run]\nmax-cost = 0.5\n")
    nights.start(cost=Decimal("0.01"), now=on(nights, 1))
    assert "--max-cost=0.5" in nights.calls[2][1]
    # What is sent today counts, whatever date a night is given.
    nights.date = "2026-06-10"
    with pytest.raises(OutOfMoneyError, match="the budget of 2026-06-10 is spent"):
        nights.start()


def test_a_day_whose_budget_is_spent_sends_nothing(nights: Nights) -> None:
    nights.write(EVAL + "[run]\nmax-cost = 0.5\n")
    nights.date = "2026-06-07"
    nights.start(cost=Decimal("0.01"))  # 1 in all, sent on the 8th
    nights.date = "2026-06-08"
    with pytest.raises(OutOfMoneyError, match="the budget of 2026-06-08 is spent") as error:
        nights.start()
    assert error.value.exit_code == 3
    assert len(nights.calls) == 1


def test_a_condition_without_meaning_is_told_before_anything_is_sent(nights: Nights) -> None:
    nights.write(EVAL.replace("error_rate", "eror_rate"))
    with pytest.raises(InputError, match="error_rate"):
        nights.start()
    assert nights.calls == []


def test_a_run_may_be_what_a_night_is_beside(nights: Nights) -> None:
    made(nights.folder / "fixed.run", 95, "finished")
    nights.write(f'beside = ["fixed.run"]\n{EVAL}')
    outcome = nights.start(60)
    assert outcome.exit_code == 4
    assert verdicts(outcome)["mean(text == expected) >= base beside fixed.run"] == "not met"
    nights.write(f'beside = ["none.run"]\n{EVAL}')
    calls = len(nights.calls)
    with pytest.raises(InputError, match="is not there; name the directory of a run"):
        nights.start(60)
    nights.write(f'beside = ["lastgood"]\n{EVAL}')
    with pytest.raises(InputError, match="lastgood is not there; did you mean 'last-good'"):
        nights.start(60)
    assert len(nights.calls) == calls  # told before anything is sent
