"""Price files: how they are read, and what is refused."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Price, PriceBand, PriceTable, Usage, load_prices

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
        ("inptu = 1", "models.\"m\": Object contains unknown field `inptu`; did you mean 'input'?"),
        (
            "outptu = 1",
            "models.\"m\": Object contains unknown field `outptu`; did you mean 'output'?",
        ),
        (
            'input = "1,00"',
            'models."m".input: Invalid decimal string; write a number with a point',
        ),
        ("images = 1", 'models."m".images: Expected `object`, got `int`'),
        ('images = {"1x1" = -1}', 'models."m".images."1x1" is -1; a price is zero or more'),
        ('images = {"1x1" = "a"}', 'models."m".images."1x1": Invalid decimal string'),
        ("max_input_tokens = 0", 'models."m".max_input_tokens is 0; a maximum is one token'),
        ("max_output_tokens = -1", 'models."m".max_output_tokens is -1; a maximum is one'),
        ("max_output_tokens = 1.5", 'models."m".max_output_tokens: Expected `int`'),
        ("valid_from = 'soon'", 'models."m".valid_from: Invalid RFC3339 encoded date'),
        (
            "cache-write-1h = 0.0000001",
            'models."m".cache_write_1h is 1E-7; a price has at most 6 decimals',
        ),
        ("reasoning = -1", 'models."m".reasoning is -1; a price is zero or more'),
        (
            "web_search = 0.0000000001",
            'models."m".web_search is 1E-10; a price has at most 9 decimals',
        ),
        (
            "cache-write = 1\ncache_write = 1",
            'models."m".cache_write is there twice, with - and with _; keep one',
        ),
        ("bands = 1", 'models."m".bands: Expected `array`, got `int`'),
        ("bands = [1]", 'models."m".bands[0]: Expected `object`, got `int`'),
        ("bands = [{input = 1}]", 'models."m".bands[0]: Object missing required field `from'),
        (
            "bands = [{from-input-tokens = 0, input = 1}]",
            'models."m".bands[0].from_input_tokens is 0; write one token or more',
        ),
        (
            "bands = [{from-input-tokens = 5}, {from_input_tokens = 5}]",
            'models."m".bands[1].from_input_tokens is 5, as another band\'s is',
        ),
        (
            "bands = [{from-input-tokens = 5, output = 0.0000001}]",
            'models."m".bands[0].output is 1E-7; a price has at most 6 decimals',
        ),
        (
            "bands = [{from-input-tokens = 5, web_search = 1}]",
            'models."m".bands[0]: Object contains unknown field `web_search`',
        ),
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


LONG = """
input = 3
cached-input = 0.3
cache-write = 3.75
cache-write-1h = 6
output = 15
reasoning = 20
web-search = 10

[[models."m".bands]]
from-input-tokens = 500_000
output = 30

[[models."m".bands]]
from-input-tokens = 200_000
input = 6
cached-input = 0.6
output = 22.5
"""


def test_keys_may_be_spelled_with_either_line_and_bands_are_in_order(price_file: Path) -> None:
    price = model(price_file, LONG)
    assert price == model(price_file, LONG.replace("-", "_"))
    assert [price.cache_write_1h, price.web_search, price.reasoning] == [
        Decimal(6),
        Decimal(10),
        Decimal(20),
    ]
    assert price.bands == (
        PriceBand(
            from_input_tokens=200_000,
            input=Decimal(6),
            cached_input=Decimal("0.6"),
            output=Decimal("22.5"),
        ),
        PriceBand(from_input_tokens=500_000, output=Decimal(30)),
    )
