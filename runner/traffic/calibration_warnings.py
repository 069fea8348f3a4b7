"""What a load run asks for that the client of this machine was not seen to do."""

from .calibrated import Calibration, Peak, Together
from .options import LoadPlan
from .shapes import RateShape


def calibration_warnings(calibration: Calibration, planned: LoadPlan) -> list[str]:
    """A sentence for each peak that the run would exceed."""
    shape, workers = planned.settings.shape, planned.settings.workers
    seen: Calibration | Together = calibration
    if workers > 1:
        together = calibration.together
        if together is None or together.workers != workers:
            return []  # nothing is known of so many
        seen = together
    again = "headrace calibrate" + (f" --workers {workers}" if workers > 1 else "")
    said = []
    if isinstance(shape, RateShape):
        most = max(point.rate_per_s for point in shape.curve.points)
        if most > seen.requests_per_s.most:
            asked = f"{most:,.4g} requests/s"
            said.append(_said(asked, seen.requests_per_s, "per second", again))
    if shape.users is not None and shape.users > seen.streams.most:
        said.append(_said(f"{shape.users:,} at once", seen.streams, "at once", again))
    return said


def _said(asked: str, peak: Peak, unit: str, again: str) -> str:
    return (
        f"{asked} is more than the {peak.most:,.0f} {unit} that this machine's client was seen "
        f"to do (stopped by: {peak.limit}; {again} measures anew)"
    )
