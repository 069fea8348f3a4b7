"""What a signal does to what is under way: to a run in virtual time, and to work around runs."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.runner.errors import HangUpError, InterruptError, QuitError, TerminateError
from headrace.runner.record import Recorder, recovery
from headrace.runner.record.seal import seal
from headrace.runner.signals import ending_at_signals, interruption, stopping_signals
from headrace.runner.stop import Stop

ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def raise_at(times_s: list[float], number: signal.Signals) -> None:
    for at_s in times_s:
        await trio.sleep_until(at_s)
        signal.raise_signal(number)


@pytest.mark.parametrize("number", ALL)
async def test_a_signal_stops_sending_and_lets_what_is_in_flight_finish(
    bench: Any, service: Any, autojump_clock: MockClock, number: signal.Signals
) -> None:
    """A terminal that was closed ended the run there, with all that was in flight."""
    service.answer = lambda seen: service.fine(delay_s=20)
    bench.write_chats(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_at, [5.0], number)
        ran = await bench.run(service, concurrency=2)
    assert trio.current_time() == 20.0
    assert ran.outcome.exit_code == 128 + number
    assert ran.results["index"].to_list() == [0, 1]
    assert (len(service.posts), ran.manifest["sessions"][0]["state"]) == (2, "interrupted")


@pytest.mark.parametrize(("again_s", "ends_s"), [(5.01, 20.0), (6.0, 6.0)])
async def test_a_second_signal_stops_now_unless_it_is_the_first_said_twice(
    bench: Any, service: Any, autojump_clock: MockClock, again_s: float, ends_s: float
) -> None:
    """`timeout` sends its signal to the process and to its group, and a shell whose terminal is
    closed passes on what the kernel has sent already."""
    service.answer = lambda seen: service.fine(delay_s=20)
    bench.write_chats(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_at, [5.0, again_s], signal.SIGTERM)
        ran = await bench.run(service, concurrency=2)
    assert trio.current_time() == ends_s
    assert ran.outcome.exit_code == 143
    assert len(ran.results) == (2 if ends_s == 20 else 0)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
async def test_what_was_ignored_at_the_start_stays_ignored(
    bench: Any, service: Any, autojump_clock: MockClock, number: signal.Signals
) -> None:
    """As nohup has it."""
    signal.signal(number, signal.SIG_IGN)
    service.answer = lambda seen: service.fine(delay_s=20)
    bench.write_chats(4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_at, [5.0], number)
        ran = await bench.run(service, concurrency=2)
    assert (ran.outcome.exit_code, len(ran.results)) == (0, 4)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_each_signal_has_its_exit_code_and_its_words() -> None:
    kinds = {number: type(interruption(number)) for number in ALL}
    assert list(kinds.values()) == [InterruptError, TerminateError, HangUpError, QuitError]
    assert [interruption(number).exit_code for number in ALL] == [130, 143, 129, 131]
    words = "the terminal was closed; run the same command again to resume"
    assert interruption(signal.SIGHUP).message == words
    assert stopping_signals() == ALL


@pytest.mark.parametrize("number", ALL)
def test_work_around_runs_ends_where_a_signal_meets_it(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        with ending_at_signals("nothing is kept"):
            try:
                signal.raise_signal(number)
                done.append("went on")
            finally:
                signal.raise_signal(number)  # another one doesn't keep it from tidying up
                done.append("tidied up")

    with pytest.raises(InterruptError, match="nothing is kept") as caught:
        work()
    assert (caught.value.exit_code, done) == (128 + number, ["tidied up"])


def test_a_signal_that_comes_while_trio_runs_ends_the_work_at_the_next_check() -> None:
    done = []

    async def signalled() -> None:
        signal.raise_signal(signal.SIGTERM)
        done.append("unharmed")

    def work() -> None:
        with ending_at_signals("x") as ending:
            trio.run(signalled)
            ending.check()
            done.append("went on")

    with pytest.raises(TerminateError):
        work()
    assert done == ["unharmed"]


def test_a_run_that_a_signal_ended_ends_the_work_around_it_and_other_codes_do_not() -> None:
    checked = []

    def work() -> None:
        with ending_at_signals("x") as ending:
            for code in (0, 1, 129, 0):
                checked.append(code)
                ending.check(code)

    with pytest.raises(HangUpError):
        work()
    assert checked == [0, 1, 129]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("when", ["read", "seal"])
async def test_a_second_stop_while_an_earlier_session_is_recovered_ends_it_there(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Millions of records may be left: each Ctrl-C was heard only after the last of them."""
    bench.write_chats(4)
    ran = await bench.run(service)
    journal = ran.directory / "journal"
    journal.mkdir()
    for number in (7, 8, 9):
        (journal / f"00000{number}.jsonl").write_text("")
    stop = Stop(grace_s=30)
    name = {"read": "read_segment", "seal": "seal"}[when]
    real, met = getattr(recovery, name), []

    def stopped(*arguments: Any, **fields: Any) -> Any:
        met.append(name)
        stop.request(interruption(signal.SIGINT))
        stop.now()
        return iter([object()]) if when == "read" else real(*arguments, **fields)

    monkeypatch.setattr(recovery, name, stopped)
    with pytest.raises(InterruptError) as caught:
        await bench.run(service, stop=stop)
    assert (caught.value.exit_code, met) == (130, [name])
    states = [session.get("state", "running") for session in ran.manifest["sessions"]]
    assert states == (["finished"] if when == "read" else ["finished", "interrupted"])
    monkeypatch.undo()
    assert (await bench.run(service)).outcome.exit_code == 0


async def test_one_stop_lets_the_recovery_finish(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean stop leaves no journal."""
    bench.write_chats(4)
    ran = await bench.run(service)
    journal = ran.directory / "journal"
    journal.mkdir()
    (journal / "000007.jsonl").write_text("")
    stop = Stop(grace_s=30)

    def stopped(*arguments: Any, **fields: Any) -> None:
        stop.request(interruption(signal.SIGQUIT))
        seal(*arguments, **fields)

    monkeypatch.setattr(recovery, "seal", stopped)
    again = await bench.run(service, stop=stop)
    assert again.outcome.exit_code == 131
    assert not journal.exists()


async def test_a_second_stop_while_the_last_segment_is_sealed_leaves_it_to_the_next_session(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of 100 MB took ten seconds to seal, and Ctrl-C was heard only then."""
    bench.write_chats(4)
    stop = Stop(grace_s=30)
    took: list[float] = []

    async def huge(_: Recorder, offload: Any) -> None:
        stop.request(interruption(signal.SIGINT))
        await trio.sleep(20)
        began_s = trio.current_time()
        stop.now()
        try:
            await trio.sleep_forever()
        finally:
            took.append(trio.current_time() - began_s)

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "finish", huge)
        with pytest.raises(InterruptError) as caught:
            await bench.run(service, stop=stop)
    assert (caught.value.exit_code, took) == (130, [1.0])
    ran = await bench.run(service)
    assert [session["state"] for session in ran.manifest["sessions"]] == ["interrupted", "finished"]
    assert (len(ran.results), len(service.posts)) == (4, 4)
