"""A price table, written and read again."""

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import TOKEN_PRICES, Price, PriceBand, PriceTable, load_prices, price_file_text

AMOUNTS = st.none() | st.decimals(0, 10**9, places=6)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TOKENS = dict.fromkeys(TOKEN_PRICES, AMOUNTS)
BANDS = st.lists(
    st.builds(PriceBand, from_input_tokens=st.integers(1, 10**6), **TOKENS),
    max_size=2,
    unique_by=lambda band: band.from_input_tokens,
).map(lambda bands: tuple(sorted(bands, key=lambda band: band.from_input_tokens)))
PRICES = st.builds(
    Price,
    **TOKENS,
    search_request=AMOUNTS,
    web_search=AMOUNTS,
    images=st.dictionaries(NAMES, st.decimals(0, 10**6, places=12), max_size=2),
    bands=BANDS,
    max_input_tokens=st.none() | st.integers(1, 10**9),
    max_output_tokens=st.none() | st.integers(1, 10**9),
    valid_from=st.none() | st.dates(dt.date(2000, 1, 1)),
    source=st.none() | NAMES,
)


@given(st.dictionaries(NAMES, PRICES, max_size=3))
def test_what_was_written_is_read_again(models: dict[str, Price]) -> None:
    table = PriceTable(currency="CNY", models=models)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prices.toml"
        file.write_text(price_file_text(table), encoding="utf-8")
        assert load_prices(file) == table


def test_a_source_is_for_those_that_have_none(tmp_path: Path) -> None:
    own, none = Price(output=Decimal(1), source="ours"), Price(output=Decimal(1))
    file = tmp_path / "prices.toml"
    file.write_text(
        price_file_text(PriceTable(currency="CNY", models={"a": own, "b": none}), source="theirs")
    )
    found = load_prices(file).models
    assert (found["a"].source, found["b"].source) == ("ours", "theirs")
