"""What a job file will use, before it runs: jobs, tokens, and the range of its cost."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ..endpoints import ENDPOINTS
from ..job import Job, Reject
from .estimate import FIRST_OUTPUT_TOKENS, FIRST_RATIO, estimate_body_tokens
from .prices import PriceTable, Usage
from .rerank import most_of_rerank


class ForecastRow(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one model at one endpoint, of several services at one of them.

    Args:
        model: None in the total.
        url: None in the total.
        jobs: how many there are.
        input_tokens: the rule's estimate.
        output_tokens_least: one token per answer.
        output_tokens_most: what the bodies allow, else the price file's maximum, else 2,048 each.
        images: how many are requested.
        cost_least: of the estimated input and the least output; None where a price is missing.
        cost_most: of 30 % more input and the most output; None where a price is missing.
        service: its name; left out in the total, and where there are none.
    """

    model: str | None
    url: str | None
    jobs: int
    input_tokens: int
    output_tokens_least: int
    output_tokens_most: int
    images: int
    cost_least: Decimal | None
    cost_most: Decimal | None
    service: str | msgspec.UnsetType = msgspec.UNSET


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a job file will use.

    Args:
        currency: of all costs; None without a price file.
        rows: by model and endpoint, the most expensive first.
        total: of all rows. Its costs leave out `unpriced_models` and `unknown_urls`.
        bad_lines: lines that are not jobs, which cost nothing.
        unpriced_models: models without a price.
        unknown_urls: endpoints of which nobody knows what they bill.
    """

    currency: str | None
    rows: list[ForecastRow]
    total: ForecastRow
    bad_lines: int
    unpriced_models: list[str]
    unknown_urls: list[str] = []


class _Key(NamedTuple):
    """`least_band` and `most_band` are where the price bands of the input begin, as estimated and
    with the margin."""

    model: str
    url: str
    image_size: str | None
    least_band: int = 0
    most_band: int = 0


class _Sums:
    """Sums over the jobs of one key. Costs are linear in them, so they are computed only once."""

    __slots__ = ("images", "input_tokens", "jobs", "least_tokens", "most_tokens", "units")

    def __init__(self) -> None:
        self.jobs = self.input_tokens = self.least_tokens = self.most_tokens = self.images = 0
        self.units = 0  # of rerankings, the most search units


class Forecaster:
    """Adds up jobs, each in constant time and without storing it.

    Args:
        prices: None forecasts tokens alone.
    """

    def __init__(self, prices: PriceTable | None) -> None:
        self._prices = prices
        self._sums: dict[_Key, _Sums] = {}
        self._bad_lines = 0

    def add(self, items: Iterable[Job | Reject]) -> None:
        """Count jobs, and lines that are not jobs."""
        for item in items:
            if isinstance(item, Job):
                self._add(item)
            else:
                self._bad_lines += 1

    def _add(self, job: Job) -> None:
        price = None if self._prices is None else self._prices.models.get(job.model)
        key = _Key(job.model, job.url, job.image_size)
        if price is not None and price.bands and not job.images:
            key = key._replace(
                least_band=price.band_from(job.input_estimate_tokens),
                most_band=price.band_from(math.ceil(job.input_estimate_tokens * FIRST_RATIO)),
            )
        sums = self._sums.setdefault(key, _Sums())
        sums.jobs += 1
        sums.images += job.images
        if job.images:
            return
        most = job.output_limit_tokens
        if most is None:
            each = None if price is None else price.max_output_tokens
            most = (each or FIRST_OUTPUT_TOKENS) * job.answers
        endpoint = ENDPOINTS[job.url]
        if price is not None and endpoint.price == "free":  # reserves none
            sums.input_tokens += estimate_body_tokens(job.body)
        if endpoint.kind == "rerank":
            sums.units += most_of_rerank(job.body).units
        sums.input_tokens += job.input_estimate_tokens
        sums.least_tokens += min(job.answers, most)
        sums.most_tokens += most

    def forecast(self) -> Forecast:
        """The forecast of everything added so far."""
        parts: dict[tuple[str, str], list[ForecastRow]] = {}
        for key, sums in self._sums.items():
            parts.setdefault((key.model, key.url), []).append(self._row(key, sums))
        rows = [_total(model, url, each, strict=True) for (model, url), each in parts.items()]
        currency = None if self._prices is None else self._prices.currency
        return _forecast(currency, rows, bad_lines=self._bad_lines)

    def _row(self, key: _Key, sums: _Sums) -> ForecastRow:
        return ForecastRow(
            model=key.model,
            url=key.url,
            jobs=sums.jobs,
            input_tokens=sums.input_tokens,
            output_tokens_least=sums.least_tokens,
            output_tokens_most=sums.most_tokens,
            images=sums.images,
            cost_least=self._cost(
                key,
                sums,
                sums.input_tokens,
                sums.least_tokens,
                searches=sums.jobs,
                band=key.least_band,
            ),
            cost_most=self._cost(
                key,
                sums,
                math.ceil(sums.input_tokens * FIRST_RATIO),
                sums.most_tokens,
                searches=sums.units or sums.jobs,
                band=key.most_band,
            ),
        )

    def _cost(
        self,
        key: _Key,
        sums: _Sums,
        input_tokens: int,
        output_tokens: int,
        *,
        searches: int,
        band: int,
    ) -> Decimal | None:
        endpoint = ENDPOINTS[key.url]
        if self._prices is None or endpoint.price == "unknown":
            return None
        if self._prices.is_free(key.model, endpoint):
            return Decimal(0)
        price = self._prices.models.get(key.model)
        if price is None:
            return None
        if endpoint.price != "search":
            searches = 0
        elif endpoint.kind == "rerank":  # billed by one of the two
            if price.search_request is None:
                searches = 0
            else:
                input_tokens = 0
        usage = Usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            images=sums.images or None,
            image_size=key.image_size,
            searches=searches,
        )
        # The band of each job's input, which all jobs of the key share; not that of their sum.
        return price.at(band).cost(usage)


def _is_unknown(row: ForecastRow) -> bool:
    return row.url is not None and ENDPOINTS[row.url].price == "unknown"


def merged_forecast(forecasts: Mapping[str, Forecast], *, bad_lines: int) -> Forecast:
    """Forecasts of several services, by their names, as one.

    Args:
        forecasts: of each.
        bad_lines: lines that go to none of them.
    """
    rows = [
        msgspec.structs.replace(row, service=name)
        for name, forecast in forecasts.items()
        for row in forecast.rows
    ]
    currencies = [each.currency for each in forecasts.values() if each.currency is not None]
    return _forecast(next(iter(currencies), None), rows, bad_lines=bad_lines)


def _forecast(currency: str | None, rows: list[ForecastRow], *, bad_lines: int) -> Forecast:
    rows.sort(key=lambda row: (-(row.cost_most or 0), -row.jobs, row.model or "", row.url or ""))
    return Forecast(
        currency=currency,
        rows=rows,
        total=_total(None, None, rows, strict=False),
        bad_lines=bad_lines,
        unpriced_models=sorted(
            {row.model or "" for row in rows if row.cost_least is None and not _is_unknown(row)}
        ),
        unknown_urls=sorted({row.url or "" for row in rows if _is_unknown(row)}),
    )


def _total(
    model: str | None, url: str | None, rows: list[ForecastRow], *, strict: bool
) -> ForecastRow:
    """The sum of rows. `strict`: without a cost where any of them lacks one."""
    priced = [row for row in rows if row.cost_least is not None]
    known = bool(priced) and (not strict or len(priced) == len(rows))
    return ForecastRow(
        model=model,
        url=url,
        jobs=sum(row.jobs for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens_least=sum(row.output_tokens_least for row in rows),
        output_tokens_most=sum(row.output_tokens_most for row in rows),
        images=sum(row.images for row in rows),
        cost_least=sum((row.cost_least or Decimal(0) for row in priced), Decimal(0))
        if known
        else None,
        cost_most=sum((row.cost_most or Decimal(0) for row in priced), Decimal(0))
        if known
        else None,
    )
