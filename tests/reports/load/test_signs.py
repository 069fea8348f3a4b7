"""What the verdict says of the processes that sent: who was late, who was lost, and whose clock is
not known."""

from typing import Any

import pytest

from headrace.jobs import LoadVerdict, MachineFacts, WorkerFacts
from headrace.reports import summarise
from headrace.reports.load.sentences import machine_lines
from headrace.reports.load.signs import _apart, _lost, _named, spoiled
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts

MACHINE = MachineFacts(cpu_share=0.5, in_flight_max=7, longest_stall_s=0.1)


def worker(number: int, where: str | None, *, lost_s: float | None = None) -> WorkerFacts:
    error_s = None if where is None else 0.0002 * number
    return WorkerFacts(number=number, where=where, lost_s=lost_s, clock_error_s=error_s)


def test_a_machine_is_named_where_all_its_workers_were_lost() -> None:
    workers = [
        worker(1, "a"),
        worker(2, "b", lost_s=11.0),
        worker(3, "a", lost_s=2.04),
        worker(4, "b", lost_s=12.34),
    ]
    assert _lost(workers) == [
        "machine b was lost at 12.3 s",
        "worker 3 of 4 on a was lost at 2.0 s",
    ]
    assert _named(workers[0], workers) == "worker 1 of 4 on a"
    assert spoiled(workers)


def test_workers_of_this_machine_have_numbers_alone() -> None:
    workers = [worker(1, None, lost_s=1.0), worker(2, None)]
    assert _lost(workers) == ["worker 1 of 2 was lost at 1.0 s"]
    assert _apart(workers) == []
    assert not spoiled(workers[1:])


def test_clocks_have_to_be_known_to_less_than_a_millisecond() -> None:
    assert _apart([worker(n, f"machine-{n}") for n in range(1, 7)]) == [
        "the clock of machine machine-5 is known to 1.0 ms (allowed: 1 ms)",
        "the clock of machine machine-6 is known to 1.2 ms (allowed: 1 ms)",
    ]
    assert spoiled([worker(5, "a")])


def test_the_report_says_how_many_machines_sent_and_how_well_their_clocks_are_known() -> None:
    (first, *_) = machine_lines(MACHINE, [worker(1, "a"), worker(2, "b"), worker(3, "a")])
    assert "3 processes on 2 machines, clocks known to 600 µs" in first
    (first, *_) = machine_lines(MACHINE, [worker(1, None), worker(2, None)])
    assert "2 processes, " in first


FINE = MachineFacts(in_flight_max=20)
STALLED = MachineFacts(in_flight_max=20, stalls=2, longest_stall_s=0.4)


def verdict(made: RunMaker, *workers: WorkerFacts, late: int = -1, **fields: Any) -> LoadVerdict:
    """Of a run of 200 requests of which every nth was a worker's; those of `late` left late."""
    made.load = facts(workers=list(workers), **fields)
    load = LoadMaker(made)
    for n in range(200):
        load.request(2.0 + n / 20, wait_s=0.05 if n % len(workers) == late else 0.0001)
    found = summarise(made.write()).load
    assert found is not None
    return found.verdict


def test_a_run_is_valid_where_each_of_its_workers_is(made: RunMaker) -> None:
    found = verdict(made, *(WorkerFacts(number=n, machine=FINE) for n in (1, 2, 3)))
    assert (found.verdict, found.why) == ("valid", [])


def test_a_late_worker_is_named(made: RunMaker) -> None:
    """By its own requests, every fourth of them."""
    workers = [WorkerFacts(number=n, machine=FINE) for n in (1, 2, 3, 4)]
    found = verdict(made, *workers, late=2)
    assert found.verdict == "client-limited"
    assert found.why[0].startswith("worker 3 of 4: 1 % of the requests left 50.0 ms or more after")
    assert not [line for line in found.why if "worker 1" in line]


def test_a_worker_that_stood_still_is_named(made: RunMaker) -> None:
    workers = WorkerFacts(number=1, machine=FINE), WorkerFacts(number=2, machine=STALLED)
    found = verdict(made, *workers, machine=STALLED)
    assert found.verdict == "client-limited"
    assert [line for line in found.why if line.startswith("worker 2 of 2: the client stood still")]


@pytest.mark.parametrize("late", [-1, 0])
def test_a_lost_worker_is_told_before_all_else(made: RunMaker, late: int) -> None:
    workers = WorkerFacts(number=1, machine=FINE), WorkerFacts(number=2, lost_s=12.34)
    found = verdict(made, *workers, late=late)
    assert found.verdict == ("unknown" if late < 0 else "client-limited")
    assert found.why[0] == "worker 2 of 2 was lost at 12.3 s"


def test_of_users_each_worker_has_every_nth(made: RunMaker) -> None:
    """Ten users of two workers: the odd ones are the second's."""
    workers = [WorkerFacts(number=n, machine=FINE) for n in (1, 2)]
    found = verdict(made, *workers, late=1, shape="users", open_loop=False, users=10)
    assert found.verdict == "valid"  # users who wait make nothing wrong
