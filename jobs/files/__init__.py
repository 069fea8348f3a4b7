"""Job files: their dialects and encodings, read line by line into jobs and rejects."""

from .dialects import BadLineError, build_job, not_json_words
from .duplicates import SeenIds
from .encoding import TextPieces
from .form import form_of
from .reader import JobReader
from .source import MIB, Source, is_stream, open_source

__all__ = [
    "MIB",
    "BadLineError",
    "JobReader",
    "SeenIds",
    "Source",
    "TextPieces",
    "build_job",
    "form_of",
    "is_stream",
    "not_json_words",
    "open_source",
]
