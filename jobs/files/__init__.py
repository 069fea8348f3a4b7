"""Job files: their dialects and encodings, read line by line into jobs and rejects."""

from .decompression import decompressed
from .dialects import BadLineError, build_job
from .duplicates import SeenIds
from .encoding import refuse_other_kinds
from .form import form_of
from .reader import JobReader
from .source import MIB, Source, is_stream, open_source

__all__ = [
    "MIB",
    "BadLineError",
    "JobReader",
    "SeenIds",
    "Source",
    "build_job",
    "decompressed",
    "form_of",
    "is_stream",
    "open_source",
    "refuse_other_kinds",
]
