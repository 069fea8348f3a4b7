"""The most that one attempt at a job can cost, before it is sent.

Apart from the token estimates, which aim at the middle: here every byte of the body may be a token
(no tokenizer makes more of them), and an answer is as long as it may be.
"""

import re
from decimal import Decimal

from .endpoints import ENDPOINTS
from .job import Job
from .prices import Price, PriceTable, Usage

# What a service's template may put around a message, a request and its tools, in tokens. The JSON
# around a message, which is no part of the template, is counted as well.
MESSAGE_ALLOWANCE_TOKENS = 16
REQUEST_ALLOWANCE_TOKENS = 64
TOOLS_ALLOWANCE_TOKENS = 1024

# Content whose tokens its bytes don't bound: pictures, sound, documents.
_MEDIA = re.compile(
    rb'"type"\s*:\s*"(?:input_)?(?:image|image_url|audio|file|video|video_url|document)"'
)


def cost_bound(job: Job, prices: PriceTable) -> Decimal | None:
    """The most that an attempt at `job` can cost, or None where nothing bounds it."""
    bound = _bound(job, prices)
    return None if isinstance(bound, str) else bound


def why_unbounded(job: Job, prices: PriceTable) -> str | None:
    """Why nothing bounds the cost of `job`, and what mends that; None where it is bounded."""
    bound = _bound(job, prices)
    return bound if isinstance(bound, str) else None


def _bound(job: Job, prices: PriceTable) -> Decimal | str:
    price = prices.models.get(job.model)
    if price is None:
        return f"the price file has no model {job.model!r}, which --max-cost needs; add its prices"
    kind = ENDPOINTS[job.url].kind
    usage = Usage(searches=int(kind == "search"))
    if kind == "images":
        usage = usage._replace(images=job.images, image_size=job.image_size)
    if kind != "images" or price.input is not None or price.output is not None:
        tokens = _token_bounds(job, price)
        if isinstance(tokens, str):
            return tokens
        usage = usage._replace(input_tokens=tokens[0], output_tokens=tokens[1])
    costs = [price.cost(each) for each in _dearest(usage, price)]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return (
            f"the price file lacks a price of {job.model!r} that {job.url} needs, and --max-cost "
            "counts with it; add it"
        )
    return max(known)


def _token_bounds(job: Job, price: Price) -> tuple[int, int] | str:
    """The most tokens of input and of output, or why there is no most."""
    most_input = price.max_input_tokens
    if _MEDIA.search(job.body) is not None:
        if most_input is None:
            return (
                "pictures and files have no bound on their tokens, which --max-cost needs; set "
                f"max_input_tokens of {job.model!r} in the price file"
            )
        input_tokens = most_input
    elif ENDPOINTS[job.url].kind == "search" and most_input is not None:
        input_tokens = most_input  # pages that were found may be input too
    else:
        input_tokens = len(job.body) + REQUEST_ALLOWANCE_TOKENS
        input_tokens += MESSAGE_ALLOWANCE_TOKENS * job.body.count(b'"role"')
        if b'"tools"' in job.body:
            input_tokens += TOOLS_ALLOWANCE_TOKENS
        input_tokens = min(input_tokens, most_input or input_tokens)
    most_output = None
    if price.max_output_tokens is not None:
        most_output = price.max_output_tokens * max(job.answers, job.images)
    limits = [each for each in (job.output_limit_tokens, most_output) if each is not None]
    if not limits:
        return (
            "the body has no max_tokens, and the price file no max_output_tokens of "
            f"{job.model!r}; --max-cost needs one of them"
        )
    return input_tokens, min(limits)


def _dearest(usage: Usage, price: Price) -> list[Usage]:
    """The usages of which one costs most: input all fresh, or all from or to the cache."""
    tokens = usage.input_tokens
    usages = [usage]
    if tokens and price.input is not None:
        if price.cached_input is not None and price.cached_input > price.input:
            usages.append(usage._replace(cached_input_tokens=tokens))
        if price.cache_write is not None and price.cache_write > price.input:
            usages.append(usage._replace(cache_write_tokens=tokens))
    return usages
