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

__all__ = [
    "TOKEN_PRICES",
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
    "load_prices",
]
