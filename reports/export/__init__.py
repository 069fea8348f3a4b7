"""Results as other programs read them, in the order of the job file."""

from .export import FORMATS, Exported, export_run

__all__ = [
    "FORMATS",
    "Exported",
    "export_run",
]
