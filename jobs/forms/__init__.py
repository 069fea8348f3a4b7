"""Answers that must have a form: a JSON schema in a request, and answers held against it."""

from .again import asked_again
from .form import Form
from .named import schema_named
from .request import SchemaRequest, way_of
from .rules import TooLongError
from .usable import check_schema

__all__ = [
    "Form",
    "SchemaRequest",
    "TooLongError",
    "asked_again",
    "check_schema",
    "schema_named",
    "way_of",
]
