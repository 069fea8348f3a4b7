"""Conditions on figures and rows: their syntax tree and its parser."""

from .parser import parse_condition, parse_expression
from .tree import (
    AGGREGATES,
    OF_SAMPLES,
    Aggregate,
    Binary,
    Expression,
    ExpressionError,
    Name,
    Node,
    Number,
    Text,
    Unary,
    format_expression,
    value_type,
    walk_nodes,
)

__all__ = [
    "AGGREGATES",
    "OF_SAMPLES",
    "Aggregate",
    "Binary",
    "Expression",
    "ExpressionError",
    "Name",
    "Node",
    "Number",
    "Text",
    "Unary",
    "format_expression",
    "parse_condition",
    "parse_expression",
    "value_type",
    "walk_nodes",
]
