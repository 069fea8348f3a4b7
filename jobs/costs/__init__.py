"""What jobs will take: prices, token estimates, bounds and forecasts."""

from typing import TYPE_CHECKING

from headrace.lazy import late

from .bound import CostBounds
from .estimate import (
    EstimateTotals,
    TokenEstimator,
    estimate_body_tokens,
    estimate_input_tokens,
    estimate_output_tokens,
)
from .forecast import Forecast, Forecaster, ForecastRow, merged_forecast
from .price_file import load_prices
from .prices import TOKEN_PRICES, Price, PriceBand, PriceTable, Usage
from .tiers import TIERS, USUAL_TIERS
from .web_tools import SEARCHING_FIELDS, field_that_searches

if TYPE_CHECKING:
    from .price_text import price_file_text, toml_text
    from .published import Published, published_prices

__all__ = [
    "SEARCHING_FIELDS",
    "TIERS",
    "TOKEN_PRICES",
    "USUAL_TIERS",
    "CostBounds",
    "EstimateTotals",
    "Forecast",
    "ForecastRow",
    "Forecaster",
    "Price",
    "PriceBand",
    "PriceTable",
    "Published",
    "TokenEstimator",
    "Usage",
    "estimate_body_tokens",
    "estimate_input_tokens",
    "estimate_output_tokens",
    "field_that_searches",
    "load_prices",
    "merged_forecast",
    "price_file_text",
    "published_prices",
    "toml_text",
]

__getattr__ = late(
    __name__,
    {"price_text": "price_file_text toml_text", "published": "Published published_prices"},
)
