"""A price table as the text of a price file."""

import json
from collections.abc import Iterator

from ..wording import show_amount
from .prices import TOKEN_PRICES, Price, PriceBand, PriceTable

PIECES = ("search_request", "web_search")
LIMITS = ("max_input_tokens", "max_output_tokens")


def price_file_text(table: PriceTable, *, source: str | None = None) -> str:
    """Write a price table as TOML, which `load_prices` reads back.

    Args:
        table: the prices.
        source: of models that have none of their own.

    Returns:
        The text of the file.
    """
    lines = [f"currency = {toml_text(table.currency)}", *([] if table.models else ["[models]"])]
    for model, price in table.models.items():
        lines += ["", f"[models.{toml_text(model)}]", *_entries(price, source)]
        for band in price.bands:
            lines += ["", f"[[models.{toml_text(model)}.bands]]"]
            lines += [f"from_input_tokens = {band.from_input_tokens}", *_tokens(band)]
        if price.images:
            lines += ["", f"[models.{toml_text(model)}.images]"]
            lines += [
                f"{toml_text(size)} = {show_amount(each)}" for size, each in price.images.items()
            ]
    return "\n".join(lines) + "\n"


def toml_text(text: str) -> str:
    """A basic string of TOML, quoted."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _entries(price: Price, source: str | None) -> Iterator[str]:
    yield from _tokens(price)
    for name in PIECES:
        if (amount := getattr(price, name)) is not None:
            yield f"{name} = {show_amount(amount)}"
    for name in LIMITS:
        if (count := getattr(price, name)) is not None:
            yield f"{name} = {count}"
    if price.valid_from is not None:
        yield f"valid_from = {price.valid_from:%Y-%m-%d}"
    if (said := price.source or source) is not None:
        yield f"source = {toml_text(said)}"


def _tokens(prices: Price | PriceBand) -> Iterator[str]:
    for name in TOKEN_PRICES:
        if (amount := getattr(prices, name)) is not None:
            yield f"{name} = {show_amount(amount)}"
