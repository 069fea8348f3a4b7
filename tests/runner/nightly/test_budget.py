"""What a night may spend: of its day, with its judge."""

import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.reports.scores import VOTES_RUN
from headrace.runner.cli import run as run_command
from headrace.runner.errors import OutOfMoneyError
from headrace.runner.nightly import EvalFile, NightOrders, RunsDirectory, read_eval_file, run_night
from headrace.runner.nightly.budget import DailyBudget, check_judge_priced

from ...reports.conftest import START, RunMaker

DAY = "2026-06-08"
PRICES = 'currency = "{}"\n[models."m"]\ninput = 1\noutput = 2\n'


def spending(directory: Path, cost: str, **fields: Any) -> RunMaker:
    """A run of one job that cost so much, on the day."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    run = RunMaker(directory)
    run.job(0, cost=Decimal(cost), text="1", **fields)
    run.write()
    return run


def votes(night: Path, cost: str) -> None:
    spending(night / "scores" / "judge" / VOTES_RUN, cost)


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    with RunsDirectory.open(tmp_path / "runs") as found:
        yield found


def test_the_run_gets_what_its_day_has_left_and_the_judge_what_is_left_then(
    runs: RunsDirectory,
) -> None:
    day = DailyBudget(Decimal(10), runs, DAY, START)
    assert day.for_run() == day.for_judge() == 10
    spending(runs.night("2026-06-07"), "3")  # which was sent on the 8th
    votes(runs.night("2026-06-07"), "2")
    assert day.for_run() == 5
    spending(runs.night(DAY), "1")
    assert day.for_run() == 1 + 4  # both its sessions together
    votes(runs.night(DAY), "0.5")
    assert (day.for_run(), day.for_judge()) == (Decimal("4.5"), Decimal(4))


def test_nothing_left_is_told_where_there_is_something_to_ask(runs: RunsDirectory) -> None:
    spending(runs.night("2026-06-07"), "3")
    day = DailyBudget(Decimal(2), runs, DAY, START)
    for ask in (day.for_run, day.for_judge):
        with pytest.raises(OutOfMoneyError, match=r"come to 3(\.0*)? of 2 \(max-cost in \[run\]\)"):
            ask()
    spending(runs.night(DAY), "1")
    assert day.for_run() == 1  # it has ended, and sends nothing more
    # What is sent today counts, whatever date the night has.
    backfilled = DailyBudget(Decimal(2), runs, "2026-05-01", START)
    with pytest.raises(OutOfMoneyError, match="the budget of 2026-05-01 is spent"):
        backfilled.for_run()
    assert DailyBudget(Decimal(2), runs, "2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)).for_run()


def eval_of(folder: Path, judge: str | None, run: str) -> EvalFile:
    judged = "" if judge is None else 'judge = "j.toml"'
    (folder / "e.toml").write_text(f'data = "q.csv"\n{judged}\n[run]\n{run}\n')
    (folder / "j.toml").write_text(f'model = "m"\nprompt = "{{{{ text }}}}"\n[run]\n{judge}\n')
    (folder / "cny.toml").write_text(PRICES.format("CNY"))
    (folder / "usd.toml").write_text(PRICES.format("USD"))
    return read_eval_file(folder / "e.toml", run_command)


def test_a_judge_needs_prices_in_the_currency_of_the_night(tmp_path: Path) -> None:
    capped = 'max-cost = 1\nprices = "cny.toml"'
    priced = 'prices = "cny.toml"'
    for judge, run in ((None, capped), ("", 'prices = "cny.toml"'), (priced, capped)):
        check_judge_priced(eval_of(tmp_path, judge, run), {})
    with pytest.raises(InputError, match=r"j.toml: no prices below \[run\], and max-cost in"):
        check_judge_priced(eval_of(tmp_path, "", capped), {})
    check_judge_priced(eval_of(tmp_path, "", capped), {"prices": str(tmp_path / "cny.toml")})
    check_judge_priced(eval_of(tmp_path, priced, "max-cost = 1"), {})  # which the run refuses
    with pytest.raises(InputError, match="its prices are in USD, those of the night in CNY"):
        check_judge_priced(eval_of(tmp_path, 'prices = "usd.toml"', capped), {})


def test_a_night_that_is_cut_short_says_why_and_is_linked(tmp_path: Path) -> None:
    found = eval_of(tmp_path, None, 'max-cost = 1\nprices = "cny.toml"')
    called: list[Sequence[str]] = []

    def invoke(_name: str, arguments: Sequence[str]) -> int:
        called.append(arguments)
        (out,) = (each[6:] for each in arguments if each.startswith("--out="))
        spending(Path(out), "0.5")
        return 3

    outcome = run_night(found, NightOrders(START), invoke, print)
    assert "--max-cost=1" in called[0]
    assert (outcome.exit_code, outcome.report) == (3, None)
    assert [each.name for each in outcome.files] == ["night.md", "night.json"]
    assert outcome.files[0].read_text("utf-8").startswith("### 2026-06-08: cut short, not judged")
    assert (tmp_path / "e.runs" / "latest").readlink() == Path("2026-06-08.run")


def test_an_error_before_anything_began_is_an_error(tmp_path: Path) -> None:
    found = eval_of(tmp_path, None, "")

    def invoke(_name: str, _arguments: Sequence[str]) -> int:
        raise InputError("q.csv is not there")

    with pytest.raises(InputError, match="is not there"):
        run_night(found, NightOrders(START), invoke, print)
    assert run_night(found, NightOrders(START), lambda *_: 2, print) == (
        2,
        tmp_path / "e.runs" / "2026-06-08.run",
        None,
        (),
    )


def test_an_error_in_a_night_that_has_begun_is_said_and_is_its_outcome(tmp_path: Path) -> None:
    found = eval_of(tmp_path, None, "")
    said: list[str] = []

    def invoke(_name: str, arguments: Sequence[str]) -> int:
        (out,) = (each[6:] for each in arguments if each.startswith("--out="))
        spending(Path(out), "0.5")
        raise InputError("the disk is full")

    outcome = run_night(found, NightOrders(START), invoke, said.append)
    assert (outcome.exit_code, said) == (2, ["Error: the disk is full"])
    assert "the disk is full" in outcome.files[0].read_text("utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_beside_the_run_ends_the_night_with_a_word(
    tmp_path: Path, number: signal.Signals
) -> None:
    """While answers are scored or judged: the run itself has the signals to itself."""
    found = eval_of(tmp_path, None, "")
    said: list[str] = []

    def invoke(_name: str, arguments: Sequence[str]) -> int:
        (out,) = (each[6:] for each in arguments if each.startswith("--out="))
        spending(Path(out), "0.5")
        signal.raise_signal(number)
        return 0

    before = signal.getsignal(number)
    outcome = run_night(found, NightOrders(START), invoke, said.append)
    assert outcome.exit_code == 128 + number
    assert said[0].endswith("run the same command again to resume")
    assert "cut short, not judged" in outcome.files[0].read_text("utf-8")
    assert signal.getsignal(number) is before
