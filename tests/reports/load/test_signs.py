"""What the verdict says of the processes that sent: who was lost, and whose clock is not known."""

from headrace.jobs import MachineFacts, WorkerFacts
from headrace.reports.load.sentences import machine_lines
from headrace.reports.load.signs import _apart, _lost, _named, spoiled

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
