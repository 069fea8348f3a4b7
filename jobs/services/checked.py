"""What the service of a job holds it to: its model, its tokens per minute, its prices."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from ..costs import CostBounds, PriceTable
from ..errors import InputError
from ..job import Job
from ..model_limits import too_large
from ..records import ModelLimits
from .routing import Routing


class ServiceRules(NamedTuple):
    """`tpm` is that of models without limits of their own, which are in `model_limits`; `bounds`
    are those of the cost, None where it need not have any."""

    tpm: int | None
    model_limits: Mapping[str, ModelLimits]
    bounds: CostBounds | None = None


class LimitedService(Protocol):
    """What of a service bounds its jobs, whoever has read it."""

    @property
    def name(self) -> str: ...

    @property
    def tpm(self) -> int | None: ...

    @property
    def model_limits(self) -> Mapping[str, ModelLimits]: ...


def rules_of(
    services: Iterable[LimitedService], prices_of: Callable[[str], PriceTable | None] | None
) -> dict[str, ServiceRules]:
    """The rules of services by their names.

    Args:
        services: all of them.
        prices_of: the prices of each, by which costs must be bounded; None where they need not be.
    """
    rules = {}
    for each in services:
        prices = None if prices_of is None else prices_of(each.name)
        called = f"the price file of the service {each.name}"
        bounds = None if prices is None else CostBounds(prices, called=called)
        rules[each.name] = ServiceRules(each.tpm, each.model_limits, bounds)
    return rules


def check_one_currency(prices: Mapping[str, PriceTable | None]) -> None:
    """Raises InputError where the prices of services, by their names, are in two currencies."""
    found: dict[str, str] = {}
    for name, table in prices.items():
        if table is not None:
            found.setdefault(table.currency, name)
    if len(found) > 1:
        (one, its), (other, others) = list(found.items())[:2]
        raise InputError(
            f"the prices of the service {its} are in {one} and those of {others} in {other}; a run "
            "has one currency: run them apart, each with --service"
        )


class JobServices:
    """Says which service a job goes to, and whether it may.

    Args:
        routing: by model and number.
        rules: of each service by its name.
        by_digest: share jobs out by what they ask, not by their line: then those that ask the same
            go to the same service.
    """

    def __init__(
        self, routing: Routing, rules: Mapping[str, ServiceRules], *, by_digest: bool = False
    ) -> None:
        self._routing = routing
        self._rules = rules
        self._by_digest = by_digest

    @property
    def names(self) -> list[str]:
        """Of all services."""
        return [*self._rules]

    def of(self, job: Job) -> str | None:
        """The name of the service that a job goes to; None where none has its model."""
        number = int(job.body_digest[:16], 16) if self._by_digest else job.index
        return self._routing.service_of(job.model, number)

    def why_not(self, job: Job) -> str | None:
        """Why a job can't be sent, and what to do; None where it can."""
        name = self.of(job)
        if name is None:
            return self._routing.why_none(job.model)
        rules = self._rules[name]
        own = rules.model_limits.get(job.model)
        tpm = rules.tpm if own is None else own.tpm
        if tpm is not None and job.input_estimate_tokens + (job.output_limit_tokens or 0) > tpm:
            table = "" if own is None else f" in [services.limits.{json.dumps(job.model)}]"
            return too_large(job, tpm, what=f"the tpm of the service {name}{table}")
        return None if rules.bounds is None else rules.bounds.why_none(job)
