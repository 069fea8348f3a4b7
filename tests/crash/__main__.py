"""Kill a bulk run again and again, then see whether anything was lost: `make crash`.

    python -m tests.crash [--kills 200] [--interrupts 40] [--seed N] [--workers N] [--cluster]
                          [--services N]

The runs are of job files, of job files with equal jobs (--dedupe), of tables whose answers must fit
a schema (--recipe, --dedupe, --reask), and of job files that workers send; with --workers all are
sent by workers. The sessions are real processes against a real gateway on a free port of loopback.
They are killed with SIGKILL at random moments and at chosen file operations (in the middle of a
journal write, of a seal, of a rename, of recovery), and stopped with SIGINT, SIGTERM, SIGHUP and
SIGQUIT. Of several processes, another number in each session, the coordinator alone, a worker (at a
moment, at a file operation, or stopped for a while) or all are killed. With --cluster the workers
are on two machines of a dask cluster on loopback, and a machine is killed with all that is on it,
too; what was sent last may then have no row, and is counted. With --services there are several
gateways, of which one refuses its key, is not there, has no money, goes away and comes back or
changes its key in most of the sessions; what each saw is compared with the rows of its service,
and reports are held to add up in between. After each batch one session runs to
the end, and the run directory is compared with the gateway's own log. Exits 1 where a promise is
broken, and keeps the directories then.
"""

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path

import click

from tests.crash.check import Books
from tests.crash.gateway import serving
from tests.crash.harness import KINDS, Run
from tests.crash.machines import ClusterRun, Machines
from tests.crash.service_runs import KINDS as KINDS_OF_SERVICES
from tests.crash.service_runs import ServicesRun
from tests.crash.services import serving_services
from tests.heeding import heed_signals

KILLS_A_RUN = 20
JOBS_A_KILL = 60
# Sessions of workers are killed once these are there, and get further by then.
JOBS_A_KILL_OF_WORKERS = 100
# With the reports in between, and services that come back, sessions get less far.
JOBS_A_KILL_OF_SERVICES = 40
JOBS_AT_THE_END = 60
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@click.command(help=__doc__)
@click.option("--kills", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--interrupts", type=click.IntRange(min=0), default=40, show_default=True)
@click.option("--seed", type=int, help="Of the moments; drawn and shown where left out.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--cluster", is_flag=True, help="Send from two machines of a cluster.")
@click.option("--services", type=click.IntRange(min=2), help="Send to so many services.")
def main(
    kills: int, interrupts: int, seed: int | None, workers: int, cluster: bool, services: int | None
) -> None:
    if seed is None:
        seed = random.SystemRandom().randrange(10**6)
    folder = Path(tempfile.mkdtemp(prefix="headrace-crash-"))
    click.echo(f"seed {seed}")
    click.echo(f"The runs are in {folder}", err=True)
    began_s = time.monotonic()
    jobs_a_kill = JOBS_A_KILL_OF_WORKERS if cluster or workers > 1 else JOBS_A_KILL
    if services is not None:
        jobs_a_kill = JOBS_A_KILL_OF_SERVICES
    runs, found = crash(
        folder,
        kills=kills,
        interrupts=interrupts,
        seed=seed,
        jobs_a_kill=jobs_a_kill,
        workers=max(2, workers) if cluster else workers,
        cluster=cluster,
        services=services,
    )
    show(runs, found, time.monotonic() - began_s)
    broken = [each for one in found for each in one.violations]
    for each in broken[:20]:
        click.echo(f"BROKEN: {each}")
    if broken:
        sys.exit(1)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def crash(
    folder: Path,
    *,
    kills: int,
    interrupts: int,
    seed: int,
    jobs_a_kill: int = JOBS_A_KILL,
    workers: int = 1,
    cluster: bool = False,
    services: int | None = None,
    kinds: Sequence[str] = (),
) -> tuple[list[Run], list[Books]]:
    """So many kills and interrupts, over as many runs as they need; each then runs to its end.
    `kinds` are those of the runs; without any they are all that there are."""
    heed_signals()
    rng = random.Random(seed)
    runs: list[Run] = []
    found: list[Books] = []
    # Runs that end before their time leave the rest to one more: models for twice as many.
    kinds = kinds or (KINDS if services is None else KINDS_OF_SERVICES)
    size = min(KILLS_A_RUN, -(-(kills + interrupts) // len(kinds)))
    runs_needed = (kills + interrupts) // size + len(kinds)
    most = 2 * ((kills + interrupts) * jobs_a_kill + JOBS_AT_THE_END * runs_needed)
    with ExitStack() as opened:
        make: Callable[..., Run]
        if services is not None:
            serve = serving_services(folder, most, count=services, seed=seed)
            make = partial(ServicesRun, folder, opened.enter_context(serve))
        else:
            gateway = opened.enter_context(serving(folder, most, seed=seed))
            make = partial(Run, folder, gateway)
        if cluster:
            machines = Machines(folder, gateway)
            opened.callback(machines.end)
            make = partial(ClusterRun, folder, gateway, machines=machines)
        first = 0
        left: Counter[signal.Signals | None] = Counter({None: kills})
        left.update(STOPS[n % len(STOPS)] for n in range(interrupts))
        while ways := list(left.elements()):
            rng.shuffle(ways)
            batch = ways[:size]
            jobs = min(len(batch) * jobs_a_kill + JOBS_AT_THE_END, most - first)
            if jobs <= 0:
                raise click.ClickException("The runs ended too soon to be killed so often.")
            kind = kinds[len(runs) % len(kinds)]
            run = make(rng, first=first, jobs=jobs, kind=kind, workers=workers)
            first += jobs
            for way in batch:
                if not (run.kill() if way is None else run.interrupt(way)):
                    break
                left[way] -= 1
            runs.append(run)
            found.append(run.finish())
    return runs, found


def show(runs: list[Run], found: list[Books], seconds: float) -> None:
    """The counts, as a small table."""
    how = sum((run.how for run in runs), Counter[str]())
    amid = sum((run.amid for run in runs), Counter[str]())
    killed = sum(count for name, count in how.items() if "SIG" not in name)
    rows: list[tuple[str, object]] = [("sessions killed (SIGKILL)", killed)]
    rows += [(f"  {name}", count) for name, count in sorted(how.items()) if "SIG" not in name]
    rows += [(f"stopped by {name}", n) for name, n in sorted(how.items()) if "SIG" in name]
    rows += [("found by the next session", "")]
    rows += [(f"  {name}", count) for name, count in amid.most_common()]
    rows += [
        ("runs brought to their end", len(found)),
        ("jobs", sum(each.jobs for each in found)),
        ("results", sum(each.results for each in found)),
        ("  of them copies of an equal job's", sum(each.copies for each in found)),
        ("answers that did not fit, and were asked again", sum(each.reasks for each in found)),
        ("POSTs in the gateway's log", sum(each.posts for each in found)),
        ("attempt rows", sum(each.attempts for each in found)),
        ("  of them lost (in flight at a kill)", sum(each.lost for each in found)),
        ("  of those, not seen whole by the gateway", sum(each.lost_unseen for each in found)),
        ("POSTs without a row (a machine, or who heard of it)", sum(e.unrecorded for e in found)),
        ("computed cost = charged for answers", sum((e.cost for e in found), Decimal(0))),
        (
            "charged for lost and cancelled attempts",
            sum((e.charged_beside for e in found), Decimal(0)),
        ),
        ("broken promises", sum(len(each.violations) for each in found)),
        ("seconds", round(seconds)),
    ]
    for name, value in rows:
        click.echo(f"{name:<54} {value!s:>14}")


if __name__ == "__main__":
    main()
