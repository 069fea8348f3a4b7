"""Conditions on figures and rows: their syntax tree and its parser."""

from .parser import parse_condition, parse_expression
from .tree import (
    AGGREGATES,
    Aggregate,
    Binary,
    Expression,
    ExpressionError,
    Name,
    Node,
    Number,
    Text,
    Unary,
    parts,
    show,
    sort_of,
)

__all__ = [
    "AGGREGATES",
    "Aggregate",
    "Binary",
    "Expression",
    "ExpressionError",
    "Name",
    "Node",
    "Number",
    "Text",
    "Unary",
    "parse_condition",
    "parse_expression",
    "parts",
    "show",
    "sort_of",
]
