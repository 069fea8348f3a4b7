"""What a load run asks for that the client of this machine was not seen to do."""

from .calibrated import Calibration, Peak
from .options import LoadPlan
from .shapes import RateShape


def calibration_warnings(calibration: Calibration, planned: LoadPlan) -> list[str]:
    """A sentence for each peak that the run would exceed."""
    shape = planned.settings.shape
    said = []
    if isinstance(shape, RateShape):
        most = max(point.rate_per_s for point in shape.curve.points)
        if most > calibration.requests_per_s.most:
            said.append(_said(f"{most:,.4g} requests/s", calibration.requests_per_s, "per second"))
    if shape.users is not None and shape.users > calibration.streams.most:
        said.append(_said(f"{shape.users:,} at once", calibration.streams, "at once"))
    return said


def _said(asked: str, peak: Peak, unit: str) -> str:
    return (
        f"{asked} is more than the {peak.most:,.0f} {unit} that this machine's client was seen "
        f"to do (stopped by: {peak.limit}; headrace calibrate measures anew)"
    )
