"""Price tables: how they are read, what is refused, and what an answer costs by them."""

import datetime as dt
import decimal
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Price, PriceTable, Usage, load_prices

WHOLE = """
currency = "CNY"

[models."deepseek-v4-flash"]
input = 1.00
cached_input = 0.02
cache_write = 1.25
output = 2
search_request = 0.03
max_input_tokens = 131072
max_output_tokens = 8192
valid_from = 2026-01-01
source = "the contract"

[models."gpt-image-2".images]
"1024x1024" = 0.25
default = 0.5
"""


@pytest.fixture
def price_file(tmp_path: Path) -> Path:
    return tmp_path / "prices.toml"


def loaded(path: Path, text: str) -> PriceTable:
    path.write_text(text, encoding="utf-8")
    return load_prices(path)


def model(path: Path, entry: str) -> Price:
    return loaded(path, f'currency = "CNY"\n[models."m"]\n{entry}').models["m"]


def fraction(amount: Decimal | None) -> Fraction:
    assert amount is not None
    return Fraction(amount)


def test_the_example_of_the_module_reads_as_it_says(price_file: Path) -> None:
    assert loaded(price_file, WHOLE) == PriceTable(
        currency="CNY",
        models={
            "deepseek-v4-flash": Price(
                input=Decimal("1.00"),
                cached_input=Decimal("0.02"),
                cache_write=Decimal("1.25"),
                output=Decimal(2),
                search_request=Decimal("0.03"),
                max_input_tokens=131072,
                max_output_tokens=8192,
                valid_from=dt.date(2026, 1, 1),
                source="the contract",
            ),
            "gpt-image-2": Price(images={"1024x1024": Decimal("0.25"), "default": Decimal("0.5")}),
        },
    )


def test_a_table_survives_being_written_down_as_json(price_file: Path) -> None:
    table = loaded(price_file, WHOLE)
    assert msgspec.json.decode(msgspec.json.encode(table), type=PriceTable) == table


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


def test_the_highest_price_of_the_most_tokens_fits_its_column(price_file: Path) -> None:
    price = model(price_file, "input = 999999999999.999999\noutput = 999999999999.999999")
    cost = price.cost(Usage(2**63 - 1, None, None, 2**63 - 1))
    assert fraction(cost) == 2 * (2**63 - 1) * Fraction(10**18 - 1, 10**12)
    assert cost is not None
    assert cost < 10**26


@pytest.mark.parametrize(
    ("entry", "amount"),
    [
        ("input = 0.27", "0.27"),
        ("input = 3", "3"),
        ("input = 0", "0"),
        ("input = 0.000001", "0.000001"),
        ("input = 1_000.5", "1000.5"),
        ("input = 27e-2", "0.27"),
        ("input = 1e2", "100"),
        ("input = '0.27'", "0.27"),
        ("input = 0.2700000000", "0.27"),  # trailing zeros are not decimals
        ("input = 0e-30", "0"),
    ],
)
def test_an_amount_is_read_exactly(price_file: Path, entry: str, amount: str) -> None:
    price = model(price_file, entry).input
    assert price == Decimal(amount)
    cost = Price(input=price).cost(Usage(1, None, None, 0))
    assert fraction(cost) == Fraction(amount) / 10**6
    assert cost is not None
    exponent = cost.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -12


def test_a_byte_order_mark_is_ignored(price_file: Path) -> None:
    price_file.write_text("\ufeff" + WHOLE, encoding="utf-8")
    assert load_prices(price_file).currency == "CNY"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("input = -0.1", 'models."m".input is -0.1; a price is zero or more'),
        ("output = nan", 'models."m".output is NaN; a price is zero or more'),
        ("output = inf", 'models."m".output is Infinity; a price is zero or more'),
        ("input = 0.0000001", 'models."m".input is 1E-7; a price has at most 6 decimals'),
        (
            "input = 0.27" + "0" * 40 + "1",
            f'models."m".input is 0.27{"0" * 40}1; a price has at most 6 decimals',
        ),
        (
            "search_request = 0.0000000000001",
            'models."m".search_request is 1E-13; a price has at most 12 decimals',
        ),
        ("cached_input = 1e12", 'models."m".cached_input is 1E+12; a price is below '),
        ("cache_write = 1e99999999999999999999", "a number in it has too large an exponent"),
        ("input = true", 'models."m".input: Expected `number`, got `bool`'),
        ("input = 'cheap'", 'models."m".input: Invalid decimal string'),
        ("input = []", 'models."m".input: Expected `number`, got `array`'),
        ("inptu = 1", 'models."m": Object contains unknown field `inptu`'),
        ("images = 1", 'models."m".images: Expected `object`, got `int`'),
        ('images = {"1x1" = -1}', 'models."m".images."1x1" is -1; a price is zero or more'),
        ('images = {"1x1" = "a"}', 'models."m".images."1x1": Invalid decimal string'),
        ("max_input_tokens = 0", 'models."m".max_input_tokens is 0; a maximum is one token'),
        ("max_output_tokens = -1", 'models."m".max_output_tokens is -1; a maximum is one'),
        ("max_output_tokens = 1.5", 'models."m".max_output_tokens: Expected `int`'),
        ("valid_from = 'soon'", 'models."m".valid_from: Invalid RFC3339 encoded date'),
        ("source = 1", 'models."m".source: Expected `str`, got `int`'),
    ],
)
def test_a_bad_entry_is_one_line_with_the_key_at_fault(
    price_file: Path, entry: str, why: str
) -> None:
    with pytest.raises(InputError) as caught:
        model(price_file, entry)
    assert caught.value.message.startswith(f"{price_file}: {why}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ": Object missing required field `currency`"),
        ('currency = "CNY"', ": Object missing required field `models`"),
        ("currency = 5\n[models]", ": currency: Expected `str`, got `int`"),
        ('currency = " "\n[models]', ': currency is empty; write one such as "CNY"'),
        ('currency = "CNY"\nmodels = 5', ": models: Expected `object`, got `int`"),
        ('currency = "CNY"\nmodels = {m = 5}', ': models."m": Expected `object`, got `int`'),
        ('currency = "CNY"\nprices = 5\n[models]', ": Object contains unknown field `prices`"),
        ("currency =", " is not a TOML price file: Invalid value"),
        ("{}", " is not a TOML price file: Invalid statement"),
        ("a = 1\na = 2", " is not a TOML price file: Cannot overwrite a value"),
        ("a = " + "[" * 10_000, " is not a TOML price file: it is nested too deeply"),
        ("a = " + "9" * 5000, " is not a TOML price file: Exceeds the limit"),
    ],
)
def test_a_bad_file_is_one_line(price_file: Path, text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(price_file, text)
    assert caught.value.message.startswith(f"{price_file}{why}")
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(InputError, match=r"cannot read the price file .*none\.toml: No such file"):
        load_prices(missing)
    with pytest.raises(InputError, match="Is a directory"):
        load_prices(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'currency = "caf\xe9"')
    with pytest.raises(InputError, match="is not a TOML price file: 'utf-8' codec"):
        load_prices(latin)


@pytest.mark.slow
@given(text=st.text(max_size=60) | st.text("currenymodls=.[]\"'{}0123456789\n -", max_size=60))
def test_any_text_is_a_table_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(InputError) as caught:
        load_prices(path)
    assert "\n" not in caught.value.message
