"""Expressions over rows, as polars': a condition on each request, or what an aggregate is of.

Only columns, numbers, text, arithmetic and comparisons become polars expressions; a name that is
not a column of the table is refused by name. Unknown stays unknown: a comparison with null is null.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import polars as pl

from headrace.jobs import (
    Aggregate,
    Attempt,
    Binary,
    Expression,
    Name,
    Node,
    Number,
    Result,
    Text,
    Unary,
    columns,
)

from .expected_values import expected_number, expected_numbers, expected_texts

# What a column of each type may be used as; a column of any other has no place in an expression.
SORTS = {pl.String: "text", pl.Boolean: "truth"}
# In the place of a column's type: JSON text that compares as the value that it stands for.
JSON_VALUE = object()
# The columns that hold one of a few words: another can be compared with, and never found.
WORDS_OF = {
    column.name: column.values
    for kind in (Result, Attempt)
    for column in columns(kind)
    if column.values is not None
}


class Compiled(NamedTuple):
    """A polars expression, and whether it is a number, text, truth, or a value of any of these."""

    value: pl.Expr
    sort: str


def row_condition(
    expression: Expression, columns: Mapping[str, Any], node: Node | None = None
) -> pl.Expr:
    """A condition on each row of a table with these columns (name -> polars type); never null.

    A row that lacks a figure that the condition needs does not meet it.

    Args:
        expression: the condition.
        columns: the table's columns and their polars types.
        node: the part of the expression that is meant; None is all of it.

    Returns:
        A column of booleans.

    Raises:
        ExpressionError: it is not a condition, or names what is not a column.
    """
    what = compiled(expression, expression.root if node is None else node, columns)
    if what.sort != "truth":
        raise expression.mistake(
            expression.root if node is None else node, "this is not a condition"
        )
    return what.value.fill_null(False)


def compiled(expression: Expression, node: Node, columns: Mapping[str, Any]) -> Compiled:
    """A part of an expression over the rows of a table with these columns. Raises ExpressionError.

    Money is taken as a float here; exact sums are made of a column alone.
    """
    match node:
        case Number(amount=amount):
            return Compiled(pl.lit(float(amount)), "number")
        case Text(value=text):
            return Compiled(pl.lit(text), "text")
        case Name(name=name):
            return _column(expression, node, columns, name)
        case Unary(operator=operator, operand=operand):
            inner = compiled(expression, operand, columns)
            if operator == "not":
                _need(expression, operand, inner, "truth")
                return Compiled(~inner.value, "truth")
            return Compiled(-_number(expression, operand, inner), "number")
        case Binary():
            return _pair(expression, node, columns)
        case Aggregate(function=function):
            said = f"{function} is over many rows; a condition on each row has columns alone"
            raise expression.mistake(node, said)


def _column(expression: Expression, node: Name, columns: Mapping[str, Any], name: str) -> Compiled:
    if name not in columns:
        refuse_name(expression, node, columns, "column")
    dtype = columns[name]
    if dtype is JSON_VALUE:
        return Compiled(pl.col(name), "value")
    if isinstance(dtype, pl.Decimal):
        return Compiled(pl.col(name).cast(pl.Float64), "number")
    if dtype.is_numeric():
        return Compiled(pl.col(name), "number")
    sort = SORTS.get(dtype)
    if sort is None:
        raise expression.mistake(node, f"{name} is neither a number nor text")
    return Compiled(pl.col(name), sort)


def refuse_name(expression: Expression, node: Name, known: Iterable[str], what: str) -> NoReturn:
    """Raise the error for a name that isn't among those known, with the nearest that is."""
    near = difflib.get_close_matches(node.name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "docs/reference/expressions.md has the names"
    raise expression.mistake(node, f"{node.name!r} is not a {what}; {hint}")


def _pair(expression: Expression, node: Binary, columns: Mapping[str, Any]) -> Compiled:
    left = compiled(expression, node.left, columns)
    right = compiled(expression, node.right, columns)
    operator = node.operator
    if operator in ("and", "or"):
        _need(expression, node.left, left, "truth")
        _need(expression, node.right, right, "truth")
        both = left.value & right.value if operator == "and" else left.value | right.value
        return Compiled(both, "truth")
    if operator in ("==", "!="):
        return Compiled(_alike(expression, node, left, right), "truth")
    a = _number(expression, node.left, left)
    b = _number(expression, node.right, right)
    match operator:
        case "+":
            return Compiled(a + b, "number")
        case "-":
            return Compiled(a - b, "number")
        case "*":
            return Compiled(a * b, "number")
        case "/":
            return Compiled(a / b, "number")
        case "<":
            return Compiled(a < b, "truth")
        case "<=":
            return Compiled(a <= b, "truth")
        case ">":
            return Compiled(a > b, "truth")
        case _:
            return Compiled(a >= b, "truth")


def _alike(expression: Expression, node: Binary, left: Compiled, right: Compiled) -> pl.Expr:
    """Whether two are equal, or are not: an expected answer is any of what it may be."""
    for name, text in ((node.left, node.right), (node.right, node.left)):
        if isinstance(name, Name) and isinstance(text, Text):
            refuse_word(expression, text, WORDS_OF.get(name.name.removeprefix("attempts.")))
    equal = node.operator == "=="
    value, other, place = left, right, node.right
    if value.sort != "value":
        value, other, place = right, left, node.left
    if value.sort != "value" or other.sort == "value":
        if value.sort != "value":
            _need(expression, node.right, right, left.sort)
        return left.value == right.value if equal else left.value != right.value
    if other.sort == "text":
        found = expected_texts(value.value).list.contains(other.value)
    else:
        found = expected_numbers(value.value).list.contains(_number(expression, place, other))
    # (A list contains a null, or doesn't, where a comparison with null is null.)
    found = pl.when(other.value.is_not_null()).then(found)
    return found if equal else ~found


def refuse_word(expression: Expression, node: Text, known: Sequence[str] | None) -> None:
    """Raise the error for a text that is none of the few that there are; None are any."""
    if known is None or node.value in known:
        return
    near = difflib.get_close_matches(node.value, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(known)}"
    raise expression.mistake(node, f"this could never be {node.value!r}; {hint}")


WORDS = {
    "number": "a number",
    "text": "text",
    "truth": "true or false",
    "value": "an expected answer",
}


def _number(expression: Expression, node: Node, what: Compiled) -> pl.Expr:
    if what.sort == "value":
        return expected_number(what.value)
    _need(expression, node, what, "number")
    return what.value


def _need(expression: Expression, node: Node, what: Compiled, sort: str) -> None:
    if what.sort != sort:
        said = f"this is {WORDS[what.sort]}, where {WORDS[sort]} is needed"
        raise expression.mistake(node, said)
