"""Load runs: shapes of traffic, and what is measured under them."""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .calibrated import SCHEMA_VERSION, Calibration, Ceiling, LoadError, as_json, keep, kept_at
    from .options import LoadOptions, plan
    from .start import load, load_and_summarise

__all__ = [
    "SCHEMA_VERSION",
    "Calibration",
    "Ceiling",
    "LoadError",
    "LoadOptions",
    "as_json",
    "keep",
    "kept_at",
    "load",
    "load_and_summarise",
    "plan",
]

__getattr__ = late(
    __name__,
    {
        "calibrated": "SCHEMA_VERSION Calibration Ceiling LoadError as_json keep kept_at",
        "options": "LoadOptions plan",
        "start": "load load_and_summarise",
    },
)
