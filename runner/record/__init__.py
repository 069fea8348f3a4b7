"""The run directory: what a run writes while it goes, and what a second one finds."""

from .directory import RunDirectory, read_manifest
from .files import numbered, storage
from .journal import Journal, journalled
from .recorder import Recorder, Totals
from .recovery import State, recover
from .seal import seal

__all__ = [
    "Journal",
    "Recorder",
    "RunDirectory",
    "State",
    "Totals",
    "journalled",
    "numbered",
    "read_manifest",
    "recover",
    "seal",
    "storage",
]
