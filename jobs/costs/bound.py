"""The most that one attempt at a job can cost, before it is sent.

Token estimates aim at the middle; here every byte of the body may be a token (no tokenizer makes
more of them), and an answer is as long as its limit allows.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from ..amount import EXACT
from ..endpoints import ENDPOINTS, EndpointKind
from ..job import Job
from .prices import ZERO, Price, PriceTable, Usage

# What a service's template may put around a message, a request and its tools, in tokens. The JSON
# around a message is counted as well, although it is not part of the template.
MESSAGE_ALLOWANCE_TOKENS = 16
REQUEST_ALLOWANCE_TOKENS = 64
TOOLS_ALLOWANCE_TOKENS = 1024

# Content whose bytes do not bound its tokens: images, sound, documents.
_MEDIA = re.compile(
    rb'"type"\s*:\s*"(?:input_)?(?:image|image_url|audio|file|video|video_url|document)"'
)


class _Rates(NamedTuple):
    """What a model's attempts at one endpoint cost: `fixed` for each, and per token of input (at
    the highest of its prices) and of output. None where a price is missing."""

    price: Price
    kind: EndpointKind
    by_tokens: bool
    fixed: Decimal | None
    input: Decimal | None
    output: Decimal | None


class CostBounds:
    """Upper bounds of what attempts cost. Prices are looked up once per model and endpoint.

    Args:
        prices: the price table.
    """

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
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
            price = self._prices.models.get(job.model)
            if price is None:
                return (
                    f"the price file has no model {job.model!r}, which --max-cost needs; "
                    "add its prices"
                )
            rates = self._rates[job.model, job.url] = _rates(price, ENDPOINTS[job.url].kind)
        input_tokens = output_tokens = 0
        if rates.by_tokens:
            tokens = _token_bounds(job, rates.price, rates.kind)
            if isinstance(tokens, str):
                return tokens
            input_tokens, output_tokens = tokens
        fixed = rates.fixed if rates.kind != "images" else _cost_of_images(job, rates.price)
        if fixed is None or rates.input is None or rates.output is None:
            return (
                f"the price file lacks a price of {job.model!r} for {job.url}, which --max-cost "
                "needs; add it"
            )
        of_output = EXACT.fma(rates.output, output_tokens, fixed)
        return EXACT.fma(rates.input, input_tokens, of_output)


def _rates(price: Price, kind: EndpointKind) -> _Rates:
    by_tokens = kind != "images" or price.input is not None or price.output is not None
    if not by_tokens:
        return _Rates(price, kind, by_tokens, ZERO, ZERO, ZERO)
    of_input = None
    if price.input is not None:
        fresh, cached, written = Usage(1, 0, 0, 0), Usage(1, 1, 0, 0), Usage(1, 0, 1, 0)
        costs = [price.cost(each) for each in (fresh, cached, written)]
        of_input = max(cost for cost in costs if cost is not None)
    of_output = price.cost(Usage(0, 0, 0, 1))
    fixed = price.cost(Usage(0, 0, 0, 0, searches=1 if kind == "search" else 0))
    return _Rates(price, kind, by_tokens, fixed, of_input, of_output)


def _cost_of_images(job: Job, price: Price) -> Decimal | None:
    return price.cost(Usage(0, 0, 0, 0, images=job.images, image_size=job.image_size))


def _token_bounds(job: Job, price: Price, kind: EndpointKind) -> tuple[int, int] | str:
    """The most tokens of input and of output, or why nothing bounds them."""
    body, most_input = job.body, price.max_input_tokens
    # (`find` takes half as long as `in`, as in estimate.py.)
    if body.find(b'"type"') >= 0 and _MEDIA.search(body) is not None:
        if most_input is None:
            return (
                "the tokens of images and files have no upper bound, which --max-cost needs; set "
                f"max_input_tokens of {job.model!r} in the price file"
            )
        input_tokens = most_input
    elif kind == "search" and most_input is not None:
        input_tokens = most_input  # search results may be input too
    else:
        input_tokens = len(body) + REQUEST_ALLOWANCE_TOKENS
        input_tokens += MESSAGE_ALLOWANCE_TOKENS * body.count(b'"role"')
        if body.find(b'"tools"') >= 0:
            input_tokens += TOOLS_ALLOWANCE_TOKENS
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
    return input_tokens, output_tokens
