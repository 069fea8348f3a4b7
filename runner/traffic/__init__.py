"""Load runs: shapes of traffic, and what is measured under them."""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .calibrated import (
        SCHEMA_VERSION,
        Calibration,
        LoadError,
        Peak,
        Together,
        as_json,
        calibration_path,
        save_calibration,
    )
    from .options import LoadOptions, plan
    from .start import load, load_and_summarise
    from .worker import load_worker

__all__ = [
    "SCHEMA_VERSION",
    "Calibration",
    "LoadError",
    "LoadOptions",
    "Peak",
    "Together",
    "as_json",
    "calibration_path",
    "load",
    "load_and_summarise",
    "load_worker",
    "plan",
    "save_calibration",
]

__getattr__ = late(
    __name__,
    {
        "calibrated": (
            "SCHEMA_VERSION Calibration Peak Together LoadError as_json save_calibration "
            "calibration_path"
        ),
        "options": "LoadOptions plan",
        "start": "load load_and_summarise",
        "worker": "load_worker",
    },
)
