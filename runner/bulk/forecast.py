"""The estimate beside the run: the file is read a second time, at its leisure, and added up."""

from decimal import Decimal

import trio

from headrace.jobs import (
    NO_OTHERS,
    Forecast,
    Forecaster,
    Job,
    JobReader,
    Limits,
    OtherEndpoints,
    PriceTable,
    Reject,
    counted,
    open_source,
)

from ..errors import OutOfMoneyError
from ..money import Ceiling, show_amount
from ..offload import Offload
from ..record import RecoveredState
from .copies import EqualJobs
from .read_jobs import read_some


def forecast_file(
    path: str,
    *,
    prices: PriceTable | None,
    limits: Limits,
    dedupe: bool = False,
    others: OtherEndpoints = NO_OTHERS,
) -> Forecast:
    """Read a whole job file and add it up; with `dedupe` each of equal jobs once.

    Raises InputError where it can't be read.
    """
    equal = EqualJobs() if dedupe else None
    forecaster = Forecaster(prices)
    with open_source(path) as source:
        reader = JobReader(source, tpm=limits.tpm, model_limits=limits.models, others=others)
        forecaster.add(item for item in reader if _is_sent(item, equal))
    return forecaster.forecast()


async def forecast_beside(
    path: str,
    *,
    prices: PriceTable,
    limits: Limits,
    state: RecoveredState,
    read: Offload,
    dedupe: bool = False,
    others: OtherEndpoints = NO_OTHERS,
) -> Forecast:
    """The same for the jobs that `state` has no result of, with pauses.

    The run has the processor for at least half of the time.
    """
    forecaster = Forecaster(prices)
    equal = EqualJobs() if dedupe else None
    with open_source(path) as source:
        reader = JobReader(source, tpm=limits.tpm, model_limits=limits.models, others=others)
        began_s = trio.current_time()
        while items := await read_some(reader, read):
            jobs = [item for item in items if isinstance(item, Job) and _is_sent(item, equal)]
            forecaster.add(job for job in jobs if not state.has_result(job.index))
            await trio.sleep(trio.current_time() - began_s)
            began_s = trio.current_time()
    return forecaster.forecast()


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
        f"{ceiling.advice}, and run the same command again to resume"
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
