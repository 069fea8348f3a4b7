"""A run's figures for Prometheus: read when asked for, served on the run's own loop."""

from .figures import Figure, Pace, common_figures, gauge
from .serve import metrics_beside

__all__ = ["Figure", "Pace", "common_figures", "gauge", "metrics_beside"]
