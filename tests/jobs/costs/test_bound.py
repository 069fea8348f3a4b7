"""The most that an attempt can cost: computed by hand, and never below what is billed."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import CostBounds, Job, Price, PriceTable, Usage
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


prices = st.decimals(0, 100, places=6)


@pytest.mark.slow
@given(
    text=st.text(max_size=60),
    limit=st.integers(1, 5000),
    n=st.integers(1, 4),
    amounts=st.tuples(prices, prices, prices, prices),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_no_usage_within_the_bounds_costs_more(
    text: str,
    limit: int,
    n: int,
    amounts: tuple[Decimal, ...],
    shares: tuple[float, float, float],
) -> None:
    price = Price(
        input=amounts[0], cached_input=amounts[1], cache_write=amounts[2], output=amounts[3]
    )
    asked = job(messages=[{"role": "user", "content": text}], max_tokens=limit, n=n)
    # At most a token for each byte of the text, and what a template adds.
    input_tokens = int((len(text.encode()) + 10) * shares[0])
    cached = int(input_tokens * shares[1])
    usage = Usage(
        input_tokens=input_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=int((input_tokens - cached) * shares[2]),
        output_tokens=limit * n,
    )
    bound, cost = bounds(price).of(asked), price.cost(usage)
    assert bound is not None
    assert cost is not None
    assert cost <= bound
