"""What jobs will take: prices, token estimates, bounds and forecasts."""

from .bound import CostBounds
from .estimate import (
    EstimateTotals,
    TokenEstimator,
    estimate_body_tokens,
    estimate_input_tokens,
    estimate_output_tokens,
)
from .forecast import Forecast, Forecaster, ForecastRow
from .price_file import load_prices
from .prices import TOKEN_PRICES, Price, PriceBand, PriceTable, Usage
from .tiers import TIERS, USUAL_TIERS
from .web_tools import SEARCHING_FIELDS, field_that_searches

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
    "TokenEstimator",
    "Usage",
    "estimate_body_tokens",
    "estimate_input_tokens",
    "estimate_output_tokens",
    "field_that_searches",
    "load_prices",
]
