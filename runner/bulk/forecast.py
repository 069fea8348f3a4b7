"""The estimate beside the run: the file is read a second time, at its leisure, and added up."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Protocol

import trio

from headrace.jobs import Forecast, Job, JobReader, Reject, Source, counted, open_source

from ..errors import RESUME, OutOfMoneyError
from ..money import Ceiling, show_amount
from ..offload import Offload
from ..record import RecoveredState
from .copies import EqualJobs
from .read_jobs import read_some

# Makes the reader of a job file that counts what a run would send.
OpenReader = Callable[[Source], JobReader]


class AddsUp(Protocol):
    """Adds up jobs, of one service or of several."""

    def add(self, items: Iterable[Job | Reject]) -> None:
        """Count jobs, and lines that are not jobs."""

    def forecast(self) -> Forecast:
        """The forecast of everything added so far."""
        ...


def forecast_file(
    path: str, forecaster: AddsUp, *, reader_of: OpenReader, dedupe: bool = False
) -> Forecast:
    """Read a whole job file and add it up; with `dedupe` each of equal jobs once.

    Raises InputError where it can't be read.
    """
    equal = EqualJobs() if dedupe else None
    with open_source(path) as source:
        forecaster.add(item for item in reader_of(source) if _is_sent(item, equal))
    return forecaster.forecast()


async def forecast_beside(
    path: str,
    forecaster: AddsUp,
    *,
    reader_of: OpenReader,
    state: RecoveredState,
    read: Offload,
    dedupe: bool = False,
) -> None:
    """Add up the jobs that `state` has no result of, with pauses.

    The run has the processor for at least half of the time.
    """
    equal = EqualJobs() if dedupe else None
    with open_source(path) as source:
        reader = reader_of(source)
        began_s = trio.current_time()
        while items := await read_some(reader, read):
            jobs = [item for item in items if isinstance(item, Job) and _is_sent(item, equal)]
            forecaster.add(job for job in jobs if not state.has_result(job.index))
            await trio.sleep(trio.current_time() - began_s)
            began_s = trio.current_time()


def _is_sent(item: Job | Reject, equal: EqualJobs | None) -> bool:
    """Whether an item of a job file counts: of equal jobs the first, where they are sent once."""
    return equal is None or isinstance(item, Reject) or equal.first_of(item) == item.index


def refuse_what_costs_more(forecast: Forecast, ceiling: Ceiling, *, taken: Decimal) -> None:
    """Raises OutOfMoneyError where even the least that the jobs can cost goes beyond the ceiling.

    `taken` is what the run had spent and kept when the forecast began.
    """
    least = forecast.total.cost_least
    if least is None or taken + least <= ceiling.total:
        return
    are = "that is" if forecast.total.jobs == 1 else "that are"
    raise OutOfMoneyError(
        f"the {counted(forecast.total.jobs, 'job')} {are} left will cost at least about "
        f"{show_amount(least)} {forecast.currency}, and that goes beyond {ceiling.name}; "
        f"{ceiling.advice}{RESUME}"
    )


def show_forecast(forecast: Forecast) -> str:
    """A forecast as one line for people."""
    total = forecast.total
    words = [counted(total.jobs, "job")]
    if forecast.bad_lines:
        words.append(counted(forecast.bad_lines, "bad line"))
    words.append(f"about {counted(total.input_tokens, 'token')} of input")
    words.append(f"up to {total.output_tokens_most:,} of output")
    if total.images:
        words.append(counted(total.images, "image"))
    if total.cost_least is None or total.cost_most is None:
        words.append("cost unknown: no prices")
    else:
        words.append(
            f"{show_amount(total.cost_least)} to {show_amount(total.cost_most)} {forecast.currency}"
        )
    return ", ".join(words)
