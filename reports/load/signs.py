"""What the verdict of a load run looks at, of the whole run and of each process that sent for it.

Every process can be late by itself. Its own requests tell, since which are whose follows from their
index: of an open loop every nth, of a closed one those of every nth user.
"""

from collections.abc import Sequence

import msgspec
import polars as pl

from headrace.jobs import LoadFacts, LoadSigns, LoadVerdict, WorkerFacts, judge_load

from .attempt_rows import Gaps, LoadRows
from .percentiles import quantile

# By how much the clocks of several machines may be taken wrong.
CLOCK_ERROR_S = 0.001


def judge_processes(rows: LoadRows, gaps: Gaps) -> LoadVerdict:
    """Judge by the signs of the whole run, and where several processes sent, by those of each: one
    that was late, or was lost, spoils what it had to send."""
    whole = signs_of(rows, gaps)
    found, workers = judge_load(whole), rows.facts.workers
    if not workers:
        return found
    limited = [
        f"{_named(worker, workers)}: {why}"
        for worker in workers
        for why in _of_worker(worker, rows, whole)
    ]
    unknown = [*_lost(workers), *_apart(workers)]
    if limited:
        return LoadVerdict(verdict="client-limited", why=[*unknown, *limited])
    why = [] if found.verdict == "client-limited" else found.why  # by all of them together, no one
    if unknown or why:
        return LoadVerdict(verdict="unknown", why=[*unknown, *why])
    return LoadVerdict(verdict="valid", why=[])


def spoiled(workers: Sequence[WorkerFacts]) -> bool:
    """Whether something is wrong that no measure of lateness shows."""
    return bool(_lost(workers) or _apart(workers))


def _named(worker: WorkerFacts, workers: Sequence[WorkerFacts]) -> str:
    where = "" if worker.where is None else f" on {worker.where}"
    return f"worker {worker.number} of {len(workers)}{where}"


def _lost(workers: Sequence[WorkerFacts]) -> list[str]:
    """Who was lost: a machine, where all its workers were."""
    said: dict[str, None] = {}
    for worker in workers:
        if worker.lost_s is None:
            continue
        who, lost_s = _named(worker, workers), worker.lost_s
        if worker.where is not None:
            there = [each.lost_s for each in workers if each.where == worker.where]
            known = [each for each in there if each is not None]
            if len(known) == len(there):
                who, lost_s = f"machine {worker.where}", max(known)
        said[f"{who} was lost at {lost_s:.1f} s"] = None
    return list(said)


def _apart(workers: Sequence[WorkerFacts]) -> list[str]:
    """Machines whose clocks are not known well enough to say what was sent and answered at once."""
    errors = {each.where: each.clock_error_s for each in workers if each.clock_error_s is not None}
    return [
        f"the clock of machine {where} is known to {error_s * 1000:.1f} ms "
        f"(allowed: {CLOCK_ERROR_S * 1000:g} ms)"
        for where, error_s in errors.items()
        if error_s >= CLOCK_ERROR_S
    ]


def _of_worker(worker: WorkerFacts, rows: LoadRows, whole: LoadSigns) -> list[str]:
    """Why a worker was itself the limit; nothing where it was not, or is lost."""
    machine = worker.machine
    if machine is None:
        return []
    part = rows.attempts.filter(_is_of(worker, rows.facts))
    signs = msgspec.structs.replace(
        whole,
        measured=part.height,
        answered=int(part["answered"].sum()),
        wait_p99_s=_p99(_first(part), "wait_s"),
        lag_p99_s=_p99(part, "client_lag_s"),
        connect_p99_s=_p99(_first(part), "connect_s"),
        stalls=machine.stalls,
        longest_stall_s=machine.longest_stall_s,
        loop_lag_p99_s=machine.loop_lag_p99_s,
    )
    found = judge_load(signs)
    return found.why if found.verdict == "client-limited" else []


def _is_of(worker: WorkerFacts, facts: LoadFacts) -> pl.Expr:
    if facts.users is None and not facts.open_loop:
        return pl.lit(True)  # users come and go: nobody recorded whose turn it was
    number = pl.col("index") if facts.users is None else pl.col("index") % facts.users
    return number % len(facts.workers) == worker.number - 1


def _first(attempts: pl.DataFrame) -> pl.DataFrame:
    return attempts.filter(pl.col("attempt") == 1)


def _p99(attempts: pl.DataFrame, name: str) -> float | None:
    return quantile(attempts[name].drop_nulls().to_numpy(), 0.99)


def signs_of(rows: LoadRows, gaps: Gaps) -> LoadSigns:
    """Those of all requests together."""
    facts = rows.facts
    machine = facts.machine
    first = _first(rows.attempts)
    return LoadSigns(
        open_loop=facts.open_loop,
        measured=rows.attempts.height,
        answered=rows.answers.height,
        wait_p99_s=_p99(first, "wait_s"),
        median_latency_s=quantile(rows.values("latency_s"), 0.5),
        lag_p99_s=_p99(rows.attempts, "client_lag_s"),
        # Gaps of 0 lie between chunks of one read: nothing is known of them.
        median_gap_s=quantile(gaps.values[gaps.values > 0], 0.5),
        stalls=None if machine is None else machine.stalls,
        longest_stall_s=None if machine is None else machine.longest_stall_s,
        concurrency_limit=facts.concurrency_limit,
        connect_p99_s=_p99(first, "connect_s"),
        loop_lag_p99_s=None if machine is None else machine.loop_lag_p99_s,
        client_error_s=facts.client_error_s,
    )
