"""The run directory: what a run writes while it is running, and what a second one finds."""

from .directory import DIRECTORY_MODE, RunDirectory, claimed, making, read_manifest
from .files import file_mode, make_directory, replace_file, storage
from .journal import Journal, journalled
from .lock import coordinating
from .recorder import Recorder, Totals
from .recovery import JournalLeft, RecoveredState, journal_left, recover
from .results_at import results_at
from .salvage import Salvage, salvage
from .seal import seal

__all__ = [
    "DIRECTORY_MODE",
    "Journal",
    "JournalLeft",
    "Recorder",
    "RecoveredState",
    "RunDirectory",
    "Salvage",
    "Totals",
    "claimed",
    "coordinating",
    "file_mode",
    "journal_left",
    "journalled",
    "make_directory",
    "making",
    "read_manifest",
    "recover",
    "replace_file",
    "results_at",
    "salvage",
    "seal",
    "storage",
]
