"""The most that one attempt at a job can cost, before it is sent.

Token estimates aim at the middle; here every byte of the body may be a token (no tokenizer makes
more of them), and an answer is as long as its limit allows.
"""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from ..endpoints import ENDPOINTS, Endpoint
from ..job import Job
from ..wording import EXACT
from .asked import asked_for
from .prices import THOUSANDTH, ZERO, Price, PriceTable, Usage
from .rerank import most_of_rerank

# What a service's template may put around a message, a request and its tools, in tokens. The JSON
# around a message is counted as well, although it is not part of the template.
MESSAGE_ALLOWANCE_TOKENS = 16
REQUEST_ALLOWANCE_TOKENS = 64
TOOLS_ALLOWANCE_TOKENS = 1024


class _TokenRates(NamedTuple):
    """The highest price of a token of input, and of one of output, where the input may be as long
    as this band's; None where a price is missing."""

    from_input_tokens: int
    input: Decimal | None
    output: Decimal | None


class _Rates(NamedTuple):
    """What a model's attempts at one endpoint cost: `fixed` for each, and per token by band.
    `fixed` is None where its price is missing."""

    price: Price
    endpoint: Endpoint
    by_tokens: bool
    fixed: Decimal | None
    bands: list[_TokenRates]


class _MostUsed(NamedTuple):
    """The most that an attempt uses; `fees` is how many times `fixed` is due."""

    input_tokens: int = 0
    output_tokens: int = 0
    web_searches: int = 0
    fees: int = 1


NOTHING = _MostUsed()


class CostBounds:
    """Upper bounds of what attempts cost. Prices are looked up once per model and endpoint.

    Args:
        prices: the price table.
        called: what a message calls it.
    """

    def __init__(self, prices: PriceTable, *, called: str = "the price file") -> None:
        self._prices = prices
        self._called = called
        self._rates: dict[tuple[str, str], _Rates] = {}

    def of(self, job: Job) -> Decimal | None:
        """The most that one attempt at `job` can cost.

        Returns:
            An exact amount in the currency of the prices, or None where nothing bounds the cost.
        """
        bound = self._bound(job)
        return None if isinstance(bound, str) else bound

    def why_none(self, job: Job) -> str | None:
        """Why nothing bounds the cost of `job`, and how to fix that; None where it is bounded."""
        bound = self._bound(job)
        return bound if isinstance(bound, str) else None

    def _bound(self, job: Job) -> Decimal | str:
        rates = self._rates.get((job.model, job.url))
        if rates is None:
            endpoint, price = ENDPOINTS[job.url], self._prices.models.get(job.model)
            if self._prices.is_free(job.model, endpoint):
                return ZERO
            if endpoint.price == "unknown":
                return f"what {job.url} bills is not known; run it without --max-cost"
            if price is None:
                return (
                    f"{self._called} has no model {job.model!r}, which --max-cost needs; "
                    "add its prices"
                )
            rates = self._rates[job.model, job.url] = _rates(price, endpoint)
        used = _most_used(job, rates.price, rates.endpoint, by_tokens=rates.by_tokens)
        if isinstance(used, str):
            return used
        input_tokens, output_tokens, web_searches, fees = used
        fixed = rates.fixed
        if rates.endpoint.price == "images":
            fixed = _cost_of_images(job, rates.price)
        elif fees > 1 and fixed is not None:
            fixed = EXACT.multiply(fixed, fees)
        bound = fixed
        for begin, of_input, of_output in rates.bands:
            if of_input is None or of_output is None or fixed is None:
                bound = None
                break
            # Each band with all the tokens: in which of them an answer falls is not known.
            if begin <= input_tokens:
                of_band = EXACT.fma(of_output, output_tokens, fixed)
                of_band = EXACT.fma(of_input, input_tokens, of_band)
                bound = of_band if begin == 0 or bound is None else max(bound, of_band)
        if bound is None:
            return (
                f"{self._called} lacks a price of {job.model!r} for {job.url}, which --max-cost "
                "needs; add it"
            )
        if web_searches:
            assert rates.price.web_search is not None
            thousands = EXACT.multiply(rates.price.web_search, web_searches)
            bound = EXACT.fma(thousands, THOUSANDTH, bound)
        return bound


def _rates(price: Price, endpoint: Endpoint) -> _Rates:
    by_tokens = endpoint.price != "images" or price.input is not None or price.output is not None
    if not by_tokens:
        return _Rates(price, endpoint, by_tokens, ZERO, [])
    priced = _of_rerank(price) if endpoint.kind == "rerank" else price
    if endpoint.price != "images" and not endpoint.limits:  # no tokens of output, and no price
        priced = msgspec.structs.replace(priced, output=ZERO)
    begins = [0, *(each.from_input_tokens for each in priced.bands)]
    bands = [_token_rates(priced.at(begin), begin) for begin in begins]
    fixed = priced.cost(Usage(0, 0, 0, 0, searches=int(endpoint.price == "search")))
    return _Rates(price, endpoint, by_tokens, fixed, bands)


def _of_rerank(price: Price) -> Price:
    """Prices of search units and of tokens: a model that has one of them is billed by that alone,
    and the other is 0."""
    if price.search_request is None:
        return msgspec.structs.replace(price, search_request=ZERO)
    return (
        price if price.input is not None else Price(input=ZERO, search_request=price.search_request)
    )


def _token_rates(price: Price, begin: int) -> _TokenRates:
    of_input, of_output = price.cost(Usage(1, 0, 0, 0)), price.cost(Usage(0, 0, 0, 1))
    if of_input is not None:
        dearer = (Usage(1, 1, 0, 0), Usage(1, 0, 1, 0), Usage(1, 0, 1, 0, cache_write_1h_tokens=1))
        of_input = max(of_input, *(price.cost(each) or ZERO for each in dearer))
    if of_output is not None:
        of_output = max(of_output, price.cost(Usage(0, 0, 0, 1, reasoning_tokens=1)) or ZERO)
    return _TokenRates(begin, of_input, of_output)


def _cost_of_images(job: Job, price: Price) -> Decimal | None:
    return price.cost(Usage(0, 0, 0, 0, images=job.images, image_size=job.image_size))


def _most_used(job: Job, price: Price, endpoint: Endpoint, *, by_tokens: bool) -> _MostUsed | str:
    """The most tokens and searches, or why nothing bounds them."""
    asked = asked_for(job.body, endpoint.kind)
    if isinstance(asked, str):
        return asked
    if not by_tokens:
        return NOTHING
    most_input = price.max_input_tokens
    rerank = most_of_rerank(job.body) if endpoint.kind == "rerank" else None
    searches, rounds = asked.web.searches, 1 + asked.web.all
    if searches and price.web_search is None:
        return (
            f"the price file has no web_search of {job.model!r}, which --max-cost needs for jobs "
            "that search the web; add it"
        )
    if asked.for_an_hour and price.cache_write_1h is None:
        return (
            f"the price file has no cache_write_1h of {job.model!r}, which --max-cost needs for "
            "jobs that write to the cache for an hour; add it"
        )
    if rounds > 1 or asked.refers is not None:
        if most_input is None:
            what = "what is found on the web" if rounds > 1 else "images and files"
            by_name = f" ({asked.refers})" if asked.refers is not None else ""
            return (
                f"the tokens of {what}{by_name} have no upper bound, which --max-cost needs; set "
                f"max_input_tokens of {job.model!r} in the price file"
            )
        # After each use of a tool the model reads all of its input again.
        input_tokens = most_input * rounds
    elif rerank is not None:
        input_tokens = rerank.tokens + REQUEST_ALLOWANCE_TOKENS
    elif endpoint.price == "search" and most_input is not None:
        input_tokens = most_input  # search results may be input too
    else:
        input_tokens = len(job.body) + REQUEST_ALLOWANCE_TOKENS
        input_tokens += MESSAGE_ALLOWANCE_TOKENS * asked.messages
        input_tokens += TOOLS_ALLOWANCE_TOKENS * asked.tools
        if most_input is not None:
            input_tokens = min(input_tokens, most_input)
    output_tokens = job.output_limit_tokens
    if price.max_output_tokens is not None:
        most_output = price.max_output_tokens * max(job.answers, job.images)
        output_tokens = most_output if output_tokens is None else min(output_tokens, most_output)
    if output_tokens is None:
        return (
            "the body has no max_tokens, and the price file has no max_output_tokens of "
            f"{job.model!r}; --max-cost needs one of them"
        )
    return _MostUsed(input_tokens, output_tokens, searches, 1 if rerank is None else rerank.units)
