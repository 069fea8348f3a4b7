"""What a job file will use of each service, by the prices of each, and in all."""

from collections.abc import Iterable, Mapping

from ..costs import Forecast, Forecaster, PriceTable, merged_forecast
from ..job import Job, Reject
from .checked import JobServices


class ServicesForecaster:
    """Adds up jobs as a `Forecaster` does, each for the service that it goes to.

    Args:
        services: which one that is.
        prices: of each, by name; None where it has none.
    """

    def __init__(self, services: JobServices, prices: Mapping[str, PriceTable | None]) -> None:
        self._services = services
        self._of = {name: Forecaster(prices[name]) for name in services.names}
        self._bad_lines = 0

    def add(self, items: Iterable[Job | Reject]) -> None:
        """Count jobs, and lines that are not jobs."""
        for item in items:
            name = self._services.of(item) if isinstance(item, Job) else None
            if name is None:
                self._bad_lines += 1
            else:
                self._of[name].add((item,))

    def by_service(self) -> dict[str, Forecast]:
        """The forecast of each service's jobs, by its name."""
        return {name: each.forecast() for name, each in self._of.items()}

    def forecast(self) -> Forecast:
        """The forecast of everything added so far: the rows of each service, and their total."""
        return merged_forecast(self.by_service(), bad_lines=self._bad_lines)
