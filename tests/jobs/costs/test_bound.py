"""The most that an attempt can cost: computed by hand, and never below what is billed."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import CostBounds, Job, Price, PriceBand, PriceTable, Usage
from headrace.jobs.files.dialects import parse_line

CHAT = "/v1/chat/completions"
PRICE = Price(input=Decimal(2), output=Decimal(5))


def job(url: str = CHAT, **fields: Any) -> Job:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    line = {"custom_id": "a", "url": url, "body": body}
    made = parse_line(json.dumps(line, ensure_ascii=False).encode(), 1)
    assert isinstance(made, Job)
    return made


def bounds(price: Price = PRICE) -> CostBounds:
    return CostBounds(PriceTable(currency="CNY", models={"m": price}))


def test_input_is_every_byte_and_an_allowance_and_output_the_limit() -> None:
    asked = job(max_tokens=100)
    input_tokens = len(asked.body) + 64 + 16
    assert bounds().of(asked) == Decimal(2 * input_tokens + 5 * 100) / 1_000_000


def test_the_limit_counts_for_each_answer() -> None:
    one, four = job(max_tokens=100, n=1), job(max_tokens=100, n=4)
    of_four, of_one = bounds().of(four), bounds().of(one)
    assert of_four is not None
    assert of_one is not None
    assert of_four - of_one == Decimal(5 * 300) / 1_000_000


def test_without_a_limit_the_price_files_maximum_stands_in() -> None:
    price = Price(input=Decimal(2), output=Decimal(5), max_output_tokens=50)
    asked = job(n=3)
    input_tokens = len(asked.body) + 64 + 16
    assert bounds(price).of(asked) == Decimal(2 * input_tokens + 5 * 150) / 1_000_000
    # A limit above the model's maximum changes nothing.
    more = job(n=3, max_tokens=9000)
    input_tokens = len(more.body) + 64 + 16
    assert bounds(price).of(more) == Decimal(2 * input_tokens + 5 * 150) / 1_000_000


def test_a_more_expensive_cache_is_what_counts() -> None:
    price = Price(
        input=Decimal(2), cached_input=Decimal(1), cache_write=Decimal("2.5"), output=Decimal(5)
    )
    asked = job(max_tokens=1)
    input_tokens = len(asked.body) + 64 + 16
    expected = (Decimal("2.5") * input_tokens + 5) / 1_000_000
    assert bounds(price).of(asked) == expected


def test_the_largest_input_of_the_model_caps_the_bytes() -> None:
    price = Price(input=Decimal(2), output=Decimal(5), max_input_tokens=10)
    assert bounds(price).of(job(max_tokens=1)) == Decimal(2 * 10 + 5) / 1_000_000


def test_images_are_bounded_per_image_and_a_search_per_request() -> None:
    images = Price(images={"1024x1024": Decimal("0.25"), "default": Decimal("0.4")})
    drawing = job("/v1/images/generations", prompt="a cat", n=3, size="1024x1024")
    assert bounds(images).of(drawing) == Decimal("0.75")
    other = job("/v1/images/generations", prompt="a cat", n=2)
    assert bounds(images).of(other) == Decimal("0.8")
    search = Price(
        input=Decimal(2),
        output=Decimal(5),
        search_request=Decimal("0.03"),
        max_input_tokens=1000,
        max_output_tokens=100,
    )
    # Search results may be billed as input, up to the model's maximum.
    found = bounds(search).of(job("/v1/search/completions"))
    assert found == Decimal("0.03") + Decimal(2 * 1000 + 5 * 100) / 1_000_000


@pytest.mark.parametrize(
    ("asked", "price", "says"),
    [
        (job(), PRICE, "no max_tokens"),
        (job(model="x", max_tokens=1), PRICE, "no model 'x'"),
        (job(max_tokens=1), Price(input=Decimal(2)), "lacks a price"),
        (job("/v1/search/completions", max_tokens=1), PRICE, "lacks a price"),
        (job("/v1/images/generations", prompt="x"), Price(images={"8x8": Decimal(1)}), "lacks"),
        (
            job(
                messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}],
                max_tokens=1,
            ),
            PRICE,
            "set max_input_tokens",
        ),
    ],
)
def test_what_has_no_bound_says_what_to_write(asked: Job, price: Price, says: str) -> None:
    assert bounds(price).of(asked) is None
    assert says in (bounds(price).why_none(asked) or "")


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
WITH_SEARCH = Price(
    input=Decimal(2), output=Decimal(5), web_search=Decimal(10), max_input_tokens=1000
)


def searching(*tools: dict[str, Any], **fields: Any) -> Job:
    return job("/v1/messages", max_tokens=100, tools=list(tools), **fields)


def test_web_searches_are_bounded_by_max_uses_and_read_the_input_again() -> None:
    asked = searching({**SEARCH, "max_uses": 3}, {"name": "mine", "input_schema": {}})
    tokens = Decimal(2 * 1000 * 4 + 5 * 100) / 1_000_000
    assert bounds(WITH_SEARCH).of(asked) == tokens + 3 * Decimal("0.01")
    both = searching({**SEARCH, "max_uses": 3}, {**FETCH, "max_uses": 2})
    tokens = Decimal(2 * 1000 * 6 + 5 * 100) / 1_000_000
    assert bounds(WITH_SEARCH).of(both) == tokens + 3 * Decimal("0.01")
    none = searching({**SEARCH, "max_uses": 0})
    assert bounds(PRICE).of(none) is not None


@pytest.mark.parametrize(
    ("asked", "price", "says"),
    [
        (searching(SEARCH), WITH_SEARCH, "how often the tool web_search is used"),
        (searching({**SEARCH, "max_uses": True}), WITH_SEARCH, "give it max_uses"),
        (searching(FETCH), WITH_SEARCH, "how often the tool web_fetch is used"),
        (
            searching({**SEARCH, "max_uses": 1}),
            Price(input=Decimal(2), output=Decimal(5), max_input_tokens=9),
            "the price file has no web_search of 'm', which --max-cost needs",
        ),
        (
            searching({**SEARCH, "max_uses": 1}),
            Price(input=Decimal(2), output=Decimal(5), web_search=Decimal(1)),
            "the tokens of what is found on the web have no upper bound",
        ),
        (
            job(
                "/v1/messages",
                max_tokens=1,
                cache_control={"type": "ephemeral", "ttl": "1h"},
            ),
            PRICE,
            "the price file has no cache_write_1h of 'm', which --max-cost needs",
        ),
    ],
)
def test_what_the_price_file_can_not_bound_is_said(asked: Job, price: Price, says: str) -> None:
    assert bounds(price).of(asked) is None
    assert says in (bounds(price).why_none(asked) or "")


def test_a_text_about_a_tool_is_not_one() -> None:
    quoted = json.dumps({**SEARCH, "ttl": "1h"})
    asked = job("/v1/messages", max_tokens=1, system=quoted, tools=[])
    assert bounds().of(asked) is not None


def test_reasoning_and_an_hour_of_cache_count_where_they_are_dearer() -> None:
    price = Price(
        input=Decimal(2), cache_write_1h=Decimal(4), output=Decimal(5), reasoning=Decimal(8)
    )
    asked = job(max_tokens=100)
    input_tokens = len(asked.body) + 64 + 16
    assert bounds(price).of(asked) == Decimal(4 * input_tokens + 8 * 100) / 1_000_000


@pytest.mark.parametrize(("beyond", "rate"), [(0, 7), (1, 2)])
def test_a_band_counts_where_the_input_may_reach_it(beyond: int, rate: int) -> None:
    asked = job(max_tokens=100)
    input_tokens = len(asked.body) + 64 + 16
    band = PriceBand(from_input_tokens=input_tokens + beyond, input=Decimal(7))
    price = Price(input=Decimal(2), output=Decimal(5), bands=(band,))
    assert bounds(price).of(asked) == Decimal(rate * input_tokens + 500) / 1_000_000


prices = st.decimals(0, 100, places=6)


@pytest.mark.slow
@given(
    text=st.text(max_size=60),
    limit=st.integers(1, 5000),
    n=st.integers(1, 4),
    amounts=st.tuples(*[prices] * 9),
    begin=st.integers(1, 200),
    shares=st.tuples(*[st.floats(0, 1)] * 5),
)
def test_no_usage_within_the_bounds_costs_more(
    text: str,
    limit: int,
    n: int,
    amounts: tuple[Decimal, ...],
    begin: int,
    shares: tuple[float, ...],
) -> None:
    price = Price(
        input=amounts[0],
        cached_input=amounts[1],
        cache_write=amounts[2],
        output=amounts[3],
        cache_write_1h=amounts[4],
        reasoning=amounts[5],
        bands=(
            PriceBand(
                from_input_tokens=begin,
                input=amounts[6],
                cache_write_1h=amounts[7],
                output=amounts[8],
            ),
        ),
    )
    asked = job(messages=[{"role": "user", "content": text}], max_tokens=limit, n=n)
    # At most a token for each byte of the text, and what a template adds.
    input_tokens = int((len(text.encode()) + 10) * shares[0])
    cached = int(input_tokens * shares[1])
    written = int((input_tokens - cached) * shares[2])
    usage = Usage(
        input_tokens=input_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=int(written * shares[3]),
        output_tokens=limit * n,
        reasoning_tokens=int(limit * n * shares[4]),
    )
    bound, cost = bounds(price).of(asked), price.cost(usage)
    assert bound is not None
    assert cost is not None
    assert cost <= bound
