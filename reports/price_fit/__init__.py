"""Prices from what an account took: inferred, and held against a price file."""

from .by_model import taken_by_model
from .check import ModelCheck, PriceCheck, check_prices
from .fit import Fit, PriceRange, fit_prices
from .observed import Observation, Observed, Unit, observe
from .runs import open_runs, refuse_other_currency
from .words import check_lines, fit_data, fit_notes, fit_toml

__all__ = [
    "Fit",
    "ModelCheck",
    "Observation",
    "Observed",
    "PriceCheck",
    "PriceRange",
    "Unit",
    "check_lines",
    "check_prices",
    "fit_data",
    "fit_notes",
    "fit_prices",
    "fit_toml",
    "observe",
    "open_runs",
    "refuse_other_currency",
    "taken_by_model",
]
