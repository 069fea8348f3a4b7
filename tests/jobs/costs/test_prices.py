"""What an answer costs by a price table, and why it may have no cost."""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import Price, PriceBand, PriceTable, Usage


def fraction(amount: Decimal | None) -> Fraction:
    assert amount is not None
    return Fraction(amount)


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        # 0.27 per million, which no integer price can say, to the last digit.
        ({"input": "0.27", "output": "1.10"}, Usage(1, 0, None, 0), "0.00000027"),
        ({"input": "0.27", "output": "1.10"}, Usage(1_000_000, None, None, 3), "0.2700033"),
        ({"input": "0.000001", "output": "0"}, Usage(1, None, None, 5), "0.000000000001"),
        # Cached input is part of the input, and has its own price or that of other input.
        (
            {"input": "2", "cached_input": "0.5", "output": "0"},
            Usage(1000, 400, None, 0),
            "0.0014",
        ),
        ({"input": "2", "output": "0"}, Usage(1000, 400, 100, 0), "0.002"),
        (
            {"input": "2", "cached_input": "0", "cache_write": "2.5", "output": "10"},
            Usage(1000, 400, 100, 7),
            "0.00132",
        ),
        # A price of zero is a price; a missing one matters only where it is needed.
        ({"input": "0", "output": "0"}, Usage(1000, None, None, 1000), "0"),
        ({"input": "1"}, Usage(1000, None, None, 1), None),
        ({"input": "1"}, Usage(1000, None, None, 0), "0.001"),
        ({"output": "1"}, Usage(1000, None, None, 1), None),
        ({"cached_input": "1", "output": "1"}, Usage(1000, 1000, None, 0), "0.001"),
        ({}, Usage(1, None, None, 1), None),
        # Counts that are missing, or that contradict one another.
        ({"input": "1", "output": "1"}, Usage(None, None, None, 5), None),
        ({"input": "1", "output": "1"}, Usage(5, None, None, None), None),
        ({"input": "1", "output": "1"}, Usage(), None),
        ({"input": "1", "output": "1"}, Usage(100, 80, 30, 5), None),
        ({"input": "1", "output": "1"}, Usage(100, None, None, -5), None),
        # Searches come on top of the tokens.
        (
            {"input": "1", "output": "1", "search_request": "0.03"},
            Usage(1000, None, None, 1000, searches=2),
            "0.062",
        ),
        ({"input": "1", "output": "1"}, Usage(1, None, None, 1, searches=1), None),
        ({"search_request": "0.03"}, Usage(searches=1), None),
    ],
)
def test_the_cost_of_tokens(price: dict[str, str], usage: Usage, cost: str | None) -> None:
    amounts = {name: Decimal(amount) for name, amount in price.items()}
    found = Price(**amounts).cost(usage)  # type: ignore[arg-type]
    assert found == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        (Price(images={"64x64": Decimal("0.1")}), Usage(images=3, image_size="64x64"), "0.3"),
        (Price(images={"64x64": Decimal("0.1")}), Usage(images=3, image_size="65x65"), None),
        (Price(images={"64x64": Decimal("0.1")}), Usage(images=3), None),
        (Price(images={"default": Decimal("0.2")}), Usage(images=3), "0.6"),
        (Price(images={"default": Decimal("0.2")}), Usage(images=2, image_size="9x9"), "0.4"),
        (Price(images={"default": Decimal("0.2")}), Usage(images=0), "0"),
        # Such answers may have tokens too; only a model with token prices charges them.
        (Price(images={"default": Decimal("0.2")}), Usage(50, None, None, 90, images=1), "0.2"),
        (
            Price(images={"default": Decimal("0.2")}, input=Decimal(1), output=Decimal(10)),
            Usage(50, None, None, 90, images=1),
            "0.20095",
        ),
        (
            Price(images={"default": Decimal("0.2")}, input=Decimal(1), output=Decimal(10)),
            Usage(images=1),
            None,
        ),
        (
            Price(input=Decimal(1), output=Decimal(10)),
            Usage(50, None, None, 90, images=1),
            "0.00095",
        ),
        (Price(), Usage(images=1), None),
    ],
)
def test_the_cost_of_images(price: Price, usage: Usage, cost: str | None) -> None:
    assert price.cost(usage) == (None if cost is None else Decimal(cost))


def test_a_model_without_prices_costs_nothing_that_is_known() -> None:
    table = PriceTable(currency="CNY", models={})
    assert table.cost("m", Usage(1, None, None, 1)) is None


amounts = st.decimals(0, 10**6, places=6, allow_nan=False)
counts = st.integers(0, 2**53)


@pytest.mark.slow
@given(
    prices=st.tuples(amounts, amounts, amounts, amounts),
    fresh=counts,
    cached=counts,
    written=counts,
    output=counts,
    searches=st.integers(0, 5),
    each=st.decimals(0, 1000, places=12, allow_nan=False),
    precision=st.sampled_from([1, 28]),
)
def test_a_cost_is_exact_and_fits_its_column(
    prices: tuple[Decimal, Decimal, Decimal, Decimal],
    fresh: int,
    cached: int,
    written: int,
    output: int,
    searches: int,
    each: Decimal,
    precision: int,
) -> None:
    price = Price(
        input=prices[0],
        cached_input=prices[1],
        cache_write=prices[2],
        output=prices[3],
        search_request=each,
    )
    usage = Usage(fresh + cached + written, cached, written, output, searches=searches)
    with decimal.localcontext(prec=precision):
        cost = price.cost(usage)
    tokens = zip((fresh, cached, written, output), prices, strict=True)
    exact = sum((Fraction(count) * Fraction(one) for count, one in tokens), Fraction(0)) / 10**6
    assert fraction(cost) == exact + searches * Fraction(each)
    assert cost is not None
    exponent = cost.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -12
    assert cost < 10**26


# As test_price_file.py reads it.
LONG = Price(
    input=Decimal(3),
    cached_input=Decimal("0.3"),
    cache_write=Decimal("3.75"),
    cache_write_1h=Decimal(6),
    output=Decimal(15),
    reasoning=Decimal(20),
    web_search=Decimal(10),
    bands=(
        PriceBand(
            from_input_tokens=200_000,
            input=Decimal(6),
            cached_input=Decimal("0.6"),
            output=Decimal("22.5"),
        ),
        PriceBand(from_input_tokens=500_000, output=Decimal(30)),
    ),
)


@pytest.mark.parametrize(
    ("usage", "millionths"),
    [
        # 1,000 fresh, 200 read, 300 written for five minutes and 500 for an hour, 40 out.
        (
            Usage(2000, 200, 800, 40, cache_write_1h_tokens=500),
            1000 * 3 + 60 + 300 * Decimal("3.75") + 500 * 6 + 40 * 15,
        ),
        (Usage(10, None, None, 40, 30), 30 + 10 * 15 + 30 * 20),
        (Usage(10, None, None, 40, web_searches=3), 30 + 40 * 15 + 30_000),
        (Usage(199_999, None, None, 1), 199_999 * 3 + 15),
        # From here on the band's; what it does not name stays as it was.
        (Usage(200_000, 100_000, None, 1), 100_000 * 6 + 60_000 + Decimal("22.5")),
        (Usage(200_000, None, 4, 0), 199_996 * 6 + 15),
        (Usage(500_000, None, None, 2), 500_000 * 6 + 60),
    ],
)
def test_prices_beyond_tokens_in_and_out(usage: Usage, millionths: Decimal) -> None:
    assert fraction(LONG.cost(usage)) == Fraction(millionths) / 10**6
    assert LONG.why_no_cost(usage) is None


PLAIN = PriceTable(currency="CNY", models={"m": Price(input=Decimal(3), output=Decimal(15))})


@pytest.mark.parametrize(
    ("name", "usage", "why"),
    [
        ("x", Usage(1, None, None, 1), "the price file has no model 'x'"),
        ("m", Usage(), "the answer does not say what it used"),
        ("m", Usage(1, 2, None, 1), "the counts of the answer contradict one another"),
        (
            "m",
            Usage(9, None, 2, 1, cache_write_1h_tokens=3),
            "the counts of the answer contradict one another",
        ),
        (
            "m",
            Usage(9, None, 3, 1, cache_write_1h_tokens=3),
            "the price file has no cache_write_1h of the model",
        ),
        ("m", Usage(9, None, 0, 1, web_searches=1), "the price file has no web_search of the"),
        ("m", Usage(9, None, 0, 1, searches=1), "the price file has no search_request of the"),
        ("m", Usage(images=1, image_size="8x8"), "the answer does not say what it used"),
        ("x", Usage(1, None, None, 1, why_unpriced="the total is more"), "the total is more"),
    ],
)
def test_what_can_not_be_priced_has_a_reason_and_never_a_lower_cost(
    name: str, usage: Usage, why: str
) -> None:
    assert PLAIN.cost(name, usage) is None
    assert (PLAIN.why_no_cost(name, usage) or "").startswith(why)


def test_an_image_of_a_size_without_a_price_has_a_reason() -> None:
    price = Price(images={"1x1": Decimal(1)})
    assert price.why_no_cost(Usage(images=1, image_size="8x8")) == (
        "the price file has no price of an image of size 8x8"
    )


few = st.integers(0, 300)


@pytest.mark.slow
@given(
    base=st.tuples(*[amounts] * 6),
    begins=st.lists(st.integers(1, 900), max_size=3, unique=True),
    bands=st.lists(st.tuples(*[st.none() | amounts] * 6), min_size=3, max_size=3),
    searching=amounts,
    counts=st.tuples(few, few, few, few, few, few, st.integers(0, 9)),
)
def test_a_cost_of_everything_is_exact(
    base: tuple[Decimal, ...],
    begins: list[int],
    bands: list[tuple[Decimal | None, ...]],
    searching: Decimal,
    counts: tuple[int, ...],
) -> None:
    """Against plain fractions: of the bands that hold, the last one that names a price gives it."""
    names = ("input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning")
    made = [
        PriceBand(from_input_tokens=begin, **dict(zip(names, band, strict=True)))
        for begin, band in zip(begins, bands, strict=False)
    ]
    named_prices: dict[str, Any] = dict(zip(names, base, strict=True))
    price = Price(**named_prices, bands=tuple(made), web_search=searching)
    fresh, cached, written, hourly, plain, reasoning, searches = counts
    total = fresh + cached + written + hourly
    usage = Usage(
        input_tokens=total,
        cached_input_tokens=cached,
        cache_write_tokens=written + hourly,
        output_tokens=plain + reasoning,
        reasoning_tokens=reasoning,
        cache_write_1h_tokens=hourly,
        web_searches=searches,
    )
    exact = Fraction(searching) * searches / 1000
    for position, count in enumerate(counts[:6]):
        each = base[position]
        for begin, band in sorted(zip(begins, bands, strict=False)):
            named = band[position]
            if begin <= total and named is not None:
                each = named
        exact += Fraction(each) * count / 10**6
    cost = price.cost(usage)
    assert fraction(cost) == exact
    assert cost is not None
    exponent = cost.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -12
