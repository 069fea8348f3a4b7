"""Job files: their dialects and encodings, read line by line into jobs and rejects."""

from .dialects import BadLineError, build_job
from .reader import JobReader
from .source import MIB, Source, open_source

__all__ = [
    "MIB",
    "BadLineError",
    "JobReader",
    "Source",
    "build_job",
    "open_source",
]
