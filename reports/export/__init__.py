"""Results as other programs read them, in the order of the job file."""

from .export import CSV_TIME, FORMATS, Exported, defused, export_run

__all__ = [
    "CSV_TIME",
    "FORMATS",
    "Exported",
    "defused",
    "export_run",
]
