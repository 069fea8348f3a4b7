"""How a run reads its job file: by the limits and prices of its service, or of each of several."""

from collections.abc import Callable
from functools import partial

from headrace.jobs import Forecaster, JobReader, PriceTable

from ..settings import RunSettings
from .forecast import AddsUp, OpenReader

# The prices of a service by its name; of None those of the only one.
PricesOf = Callable[[str | None], PriceTable | None]


def reader_of(settings: RunSettings, prices_of: PricesOf, *, bounded: bool) -> OpenReader:
    """Makes readers of a job file.

    Args:
        settings: of the run.
        prices_of: the prices of each service.
        bounded: whether a job whose cost nothing bounds is refused.
    """
    if settings.services is None:
        return partial(
            JobReader,
            tpm=settings.tpm,
            model_limits=settings.model_limits,
            bounded_by=prices_of(None) if bounded else None,
            others=settings.others,
        )
    services = settings.services.job_services(
        prices_of if bounded else None, by_digest=settings.dedupe
    )
    return partial(JobReader, others=settings.others, services=services)


def forecaster_of(settings: RunSettings, prices_of: PricesOf) -> AddsUp:
    """What adds up the jobs of a file, each by the prices of its service."""
    if settings.services is None:
        return Forecaster(prices_of(None))
    from headrace.jobs import ServicesForecaster  # loaded where there are services

    services = settings.services.job_services(None, by_digest=settings.dedupe)
    return ServicesForecaster(services, {name: prices_of(name) for name in services.names})
