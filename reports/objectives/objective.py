"""Objectives: what a run must meet, checked before it is read, and judged with each value."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

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
    format_expression,
    schema,
    strip_zeros,
    value_type,
    walk_nodes,
)

from ..row_conditions import refuse_name
from .aggregate import OF_ATTEMPTS, AggregateQuery
from .evaluate import BASE, COMPARE, Figures, has_base
from .figure_names import FIGURES, UnknownError, Value
from .possible import check_possible
from .ranges import Range
from .weighing import FigureInterval, Outcome


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What an objective compares, as it came out; None is unknown. `base` is the same in the base
    run, where it is compared with that. `unit` is share, s, the currency, or empty."""

    figure: str
    value: Decimal | float | int | str | bool | None
    base: Decimal | float | int | str | bool | None = None
    unit: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One objective and whether it was met; `why` says in words why it can't be told, which counts
    as not met.

    `outcome` is what its figures' `intervals` say (None: it was judged by its point alone), and
    `met` what is made of it. Where it is unclear, `would_settle` is how many `settled_by`
    (questions, requests or jobs) in all would settle it, should the figures stay; None where a
    hundred times as many as there are would not. `depends_on_client`: a load run's client was late,
    and that may have decided it, so `met` says nothing of the service.
    """

    objective: str
    met: bool
    measured: list[Measured]
    why: str | None = None
    outcome: Outcome | None = None
    intervals: list[FigureInterval] = []
    would_settle: int | None = None
    settled_by: str | None = None
    depends_on_client: bool = False


def check_objective(
    expression: Expression,
    *,
    with_base: bool,
    scores: Mapping[str, Range] | None = None,
    to_have_base: str = "give --base RUN",
) -> None:
    """Refuse what has no meaning for any run.

    Args:
        expression: the objective.
        with_base: whether there is a run that `base` stands for.
        scores: the names of the run's scores, and what each is never beyond.
        to_have_base: what to do for a condition with `base`, where there is no such run.

    Raises:
        ExpressionError: it has unknown names, columns without a function, or `base` out of place,
            or could never be true.
    """
    root = expression.root
    outer = walk_nodes(root, into_aggregates=False)
    bases = [node for node in outer if isinstance(node, Name) and node.name == BASE]
    if bases and not with_base:
        raise expression.mistake(bases[0], f"there is no run to compare with; {to_have_base}")
    _check(expression, root, in_comparison=False, scores=scores or {})
    check_possible(expression, scores or {})


def _check(
    expression: Expression, node: Node, *, in_comparison: bool, scores: Mapping[str, Range]
) -> str:
    """Check a part, and say what it is: number, text, truth, or any (of a `base`)."""
    match node:
        case Name(name=name):
            if name == BASE:
                if not in_comparison:
                    raise expression.mistake(node, "base stands on one side of a comparison")
                return "any"
            if name not in FIGURES:
                _refuse_figure(expression, node, scores)
            return "text" if FIGURES[name].is_text else "number"
        case Aggregate():
            AggregateQuery.of(expression, node, scores)
            return "number"
        case Unary(operand=operand):
            needed = "truth" if node.operator == "not" else "number"
            _need(expression, operand, needed, in_comparison, scores)
        case Binary(operator=sign, left=left, right=right) if sign in COMPARE:
            if has_base(left) and has_base(right):
                said = "base stands on one side of a comparison, for the other side"
                raise expression.mistake(node, said)
            sides = (left, right)
            found = {_check(expression, each, in_comparison=True, scores=scores) for each in sides}
            if len(found - {"any"}) > 1 or (sign not in ("==", "!=") and "text" in found):
                raise expression.mistake(node, "these two can't be compared")
        case Binary(operator=sign, left=left, right=right):
            needed = "truth" if sign in ("and", "or") else "number"
            _need(expression, left, needed, in_comparison, scores)
            _need(expression, right, needed, in_comparison, scores)
        case Number() | Text():
            pass
    return value_type(node)


def _need(
    expression: Expression,
    node: Node,
    sort: str,
    in_comparison: bool,
    scores: Mapping[str, Range],
) -> None:
    found = _check(expression, node, in_comparison=in_comparison, scores=scores)
    if found not in (sort, "any"):
        wanted = {"truth": "a condition", "number": "a number"}.get(sort, sort)
        raise expression.mistake(node, f"this is not {wanted}")


def _refuse_figure(expression: Expression, node: Name, scores: Mapping[str, Range]) -> None:
    name = node.name.removeprefix(OF_ATTEMPTS)
    if node.name in scores:
        said = f"{node.name} is a score of many answers; write mean({node.name}) or the like"
        raise expression.mistake(node, said)
    if name in schema(Result) or name in schema(Attempt):
        said = f"{node.name} is a column of many rows; write p95({node.name}) or the like"
        raise expression.mistake(node, said)
    refuse_name(expression, node, FIGURES, "figure of a run")


def judge(
    objectives: Iterable[Expression], figures: Figures, base: Figures | None = None
) -> list[Judgement]:
    """Whether a run meets each objective, in their order, with the figures that they name.

    Args:
        objectives: conditions on a run.
        figures: the run.
        base: the run that `base` in an objective stands for.

    Raises:
        ExpressionError: an objective has no meaning.
    """
    found = []
    for each in objectives:
        check_objective(each, with_base=base is not None, scores=figures.scores)
        why = None
        try:
            met = bool(figures.value(each, each.root, base))
        except UnknownError as unknown:
            met, why = False, str(unknown)
        measured = list(_measured(each, figures, base))
        found.append(Judgement(objective=each.text.strip(), met=met, measured=measured, why=why))
    return found


def _measured(expression: Expression, figures: Figures, base: Figures | None) -> Iterator[Measured]:
    """Each side of each comparison that is not a constant and has no `base` in it."""
    for node in walk_nodes(expression.root, into_aggregates=False):
        if not isinstance(node, Binary) or node.operator not in COMPARE:
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            constant = not any(isinstance(each, Name | Aggregate) for each in walk_nodes(side))
            if constant or has_base(side):
                continue
            before = _known(expression, side, base) if base and has_base(other) else None
            value = _known(expression, side, figures)
            yield Measured(
                figure=format_expression(side), value=value, base=before, unit=figures.unit(side)
            )


def _known(expression: Expression, node: Node, figures: Figures) -> Value | None:
    try:
        value = figures.value(expression, node)
    except UnknownError:
        return None
    return strip_zeros(value) if isinstance(value, Decimal) else value
