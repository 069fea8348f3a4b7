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
from .prices import Price, PriceTable, Usage, load_prices

__all__ = [
    "CostBounds",
    "EstimateTotals",
    "Forecast",
    "ForecastRow",
    "Forecaster",
    "Price",
    "PriceTable",
    "TokenEstimator",
    "Usage",
    "estimate_body_tokens",
    "estimate_input_tokens",
    "estimate_output_tokens",
    "load_prices",
]
