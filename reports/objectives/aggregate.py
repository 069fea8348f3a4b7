"""Aggregates: one figure over a run's rows, such as `p95(ttft_s)` or `sum(cost, model == "x")`.

An aggregate takes the results of succeeded jobs, as the report does; those of all jobs where it
speaks of what became of them (`status`, `http_status`, `error_code`); and all attempts where its
columns are written `attempts.NAME`. Of a load run only what was due in the measured phase counts.
Percentiles are those of `reports.figures.latency`.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import polars as pl

from headrace.jobs import (
    OF_SAMPLES,
    Aggregate,
    Attempt,
    Expression,
    Name,
    Result,
    format_expression,
    schema,
    walk_nodes,
)

from ..expected_values import expected_number
from ..figures import measured_results
from ..row_conditions import JSON_VALUE, compiled, row_condition
from ..run import Run
from ..samples import samples_of
from ..scores import (
    AS_EXPECTED,
    Question,
    pass_all,
    pass_at,
    reading_of,
    right_or_wrong,
    score_names,
    score_table,
    votes_of,
    with_scores,
)
from ..unpacked import check_gaps_unpack
from .figure_names import UnknownError, Value

OF_ATTEMPTS = "attempts."
STATED = "status"
# Columns that say how a job ended: whoever speaks of one of them means the failed jobs too.
OF_ANY_END = {STATED, "http_status", "error_code", "error_message", AS_EXPECTED}


class AggregateQuery(NamedTuple):
    """An aggregate, ready for a table: the attempts, or the results of succeeded or all jobs."""

    of_attempts: bool
    of_all: bool
    where: pl.Expr | None
    figures: list[pl.Expr]  # value, known (values that are not null), rows
    argument: pl.Expr | None  # what it is of, row by row
    exploded: str | None
    scores: list[str]  # that it names

    @classmethod
    def of(
        cls, expression: Expression, node: Aggregate, scores: Iterable[str] = ()
    ) -> "AggregateQuery":
        """`scores` are the names of those that the run has. Raises ExpressionError."""
        names = [each for each in walk_nodes(node) if isinstance(each, Name)]
        marked = [each for each in names if each.name.startswith(OF_ATTEMPTS)]
        if marked and len(marked) < len(names):
            other = next(each for each in names if each not in marked)
            said = f"{other.name} is of the jobs and {marked[0].name} of the attempts; choose one"
            raise expression.mistake(other, said)
        scored = dict.fromkeys((AS_EXPECTED, *scores), pl.Float64())
        columns: dict[str, Any] = {**schema(Result), "expected": JSON_VALUE, **scored}
        if marked:
            columns = {OF_ATTEMPTS + name: dtype for name, dtype in schema(Attempt).items()}
        if node.function in OF_SAMPLES:
            _need_score(expression, node, scored)
        listed = isinstance(node.argument, Name) and _is_list(columns.get(node.argument.name))
        where = None if node.where is None else row_condition(expression, columns, node.where)
        exploded = None
        if listed:
            assert isinstance(node.argument, Name)
            exploded = node.argument.name
            columns[exploded] = columns[exploded].inner
        return cls(
            of_attempts=bool(marked),
            of_all=any(each.name in OF_ANY_END for each in names),
            where=where,
            figures=_figures(expression, node, columns),
            argument=_argument(expression, node, columns),
            exploded=exploded,
            scores=sorted({each.name for each in names} & scored.keys()),
        )


def _need_score(expression: Expression, node: Aggregate, scores: Collection[str]) -> None:
    if not isinstance(node.argument, Name) or node.argument.name not in scores:
        said = f"{node.function} takes one of the run's scores"
        made = sorted(set(scores) - {AS_EXPECTED})
        said += f": {', '.join(made)}" if made else "; make one with headrace score"
        raise expression.mistake(node.argument or node, said)


def _is_list(dtype: Any) -> bool:
    return isinstance(dtype, pl.List)


def _figures(expression: Expression, node: Aggregate, columns: dict[str, Any]) -> list[pl.Expr]:
    if node.function in OF_SAMPLES:
        return []
    if node.argument is None:
        rows = pl.len()
        return [rows.alias("value"), rows.alias("known"), rows.alias("rows")]
    value, sort = compiled(expression, node.argument, columns)
    known = value.count().alias("known")
    exact = isinstance(node.argument, Name) and isinstance(columns[node.argument.name], pl.Decimal)
    if exact and node.function in ("sum", "min", "max"):
        assert isinstance(node.argument, Name)
        value = pl.col(node.argument.name)
    if sort == "truth":
        value = value.cast(pl.Int64)
    elif sort == "value" and node.function != "count":
        value = expected_number(value)
        known = value.count().alias("known")
    elif sort == "text" and node.function != "count":
        raise expression.mistake(node.argument, f"{node.function} of text; only count takes it")
    match node.function:
        case "count":
            value = value.sum() if sort == "truth" else value.count()
        case "sum" | "rate":
            value = value.sum()
        case "mean":
            value = value.mean()
        case "min":
            value = value.min()
        case "max":
            value = value.max()
        case _:
            share = node.quantile
            assert share is not None
            value = value.cast(pl.Float64).quantile(float(share), interpolation="linear")
    return [value.alias("value"), known, pl.len().alias("rows")]


def _argument(expression: Expression, node: Aggregate, columns: dict[str, Any]) -> pl.Expr | None:
    if node.argument is None:
        return None
    value, sort = compiled(expression, node.argument, columns)
    return expected_number(value) if sort == "value" else value


def values_of(run: Run, expression: Expression, node: Aggregate) -> pl.DataFrame:
    """The values that an aggregate with an argument is of, without nulls: `value` (a float), and
    the `index` and `custom_id` of the job that each is of."""
    prepared = AggregateQuery.of(expression, node, score_names(run.directory))
    assert prepared.argument is not None
    of_attempts = OF_ATTEMPTS if prepared.of_attempts else ""
    keys = [f"{of_attempts}{name}" for name in ("index", "custom_id")]
    table = _rows(run, prepared, keys).select(
        prepared.argument.cast(pl.Float64).alias("value"),
        pl.col(keys[0]).alias("index"),
        pl.col(keys[1]).alias("custom_id"),
    )
    return table.drop_nulls("value").collect()


def aggregate(run: Run, expression: Expression, node: Aggregate, span_s: float | None) -> Value:
    """The figure for this run; `span_s` is the time that a rate is over.

    Raises UnknownError where no row has what it is of, and ExpressionError for a name that is not a
    column.
    """
    if node.function in OF_SAMPLES:
        return _of_samples(run, expression, node)
    prepared = AggregateQuery.of(expression, node, score_names(run.directory))
    found = _rows(run, prepared).select(prepared.figures).collect().row(0, named=True)
    value, known, rows = found["value"], found["known"], found["rows"]
    if node.function == "count":
        return int(value or 0)
    # A sum over no rows is 0; one over rows that all lack the figure is not known.
    if not known and (rows or node.function not in ("sum", "rate")):
        noun = "attempt" if prepared.of_attempts else "job"
        said = f"of {rows:,} {noun}s none has it" if rows else f"there is no such {noun}"
        raise UnknownError(f"{format_expression(node)} is not known: {said}")
    if node.function == "rate":
        if not span_s:
            raise UnknownError(f"{format_expression(node)} is not known: the run took no time")
        value = value / span_s
    if isinstance(value, float) and not math.isfinite(value):
        raise UnknownError(f"{format_expression(node)} is not known: there is a division by zero")
    result: Value = value
    return result


def _of_samples(run: Run, expression: Expression, node: Aggregate) -> float:
    """The figure of a score over the samples of each question. Raises UnknownError."""
    found = sampled_values(run, expression, node)
    if len(found):
        return fmean(found["value"])
    assert isinstance(node.argument, Name)
    said = f"no answer has the score {node.argument.name}"
    if node.samples is not None:
        said = f"no question has {node.samples} scored samples"
    raise UnknownError(f"{format_expression(node)} is not known: {said}")


def sampled_values(run: Run, expression: Expression, node: Aggregate) -> pl.DataFrame:
    """What a figure of samples is the mean of: the `question` and the `value` of each question,
    of pass_at and pass_all of those with samples enough.

    Raises UnknownError where a score is not of the kind that the figure is of.
    """
    assert isinstance(node.argument, Name)
    prepared = AggregateQuery.of(expression, node, score_names(run.directory))
    question = samples_of(run).question.alias("question")
    score = pl.col(node.argument.name).alias("score")
    rows = _rows(run, prepared).select(question, score, "text").drop_nulls("score")
    if node.samples is None:
        reading = reading_of(_scorer(run, node.argument.name))
        votes = votes_of(rows.collect(engine="streaming"), reading)
        values = [(each.question, getattr(each, node.function)) for each in votes]
    else:
        scored = rows.drop("text").collect(engine="streaming")
        if not right_or_wrong(scored["score"]):
            said = f"{format_expression(node)} is not known: it is of scores that are 0 or 1"
            raise UnknownError(said)
        values = list(_passed(scored, node.function, node.samples))
    named = {"question": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(values, schema=named, orient="row")


def _scorer(run: Run, name: str) -> str | None:
    return "exact" if name == AS_EXPECTED else score_table(run, name).scorer


def _passed(scored: pl.DataFrame, function: str, k: int) -> Iterator[tuple[int, float]]:
    """The pass_at or pass_all of each question that has k samples."""
    found = pass_at if function == "pass_at" else pass_all
    counted = scored.group_by("question", maintain_order=True).agg(
        pl.len(), pl.col("score").sum().cast(pl.Int64).alias("right")
    )
    for question, samples, right in counted.iter_rows():
        value = found([Question(samples, right)], k)
        if value is not None:
            yield question, value


def _rows(run: Run, prepared: AggregateQuery, keys: Sequence[str] = ()) -> pl.LazyFrame:
    """The rows that the aggregate is over; the columns are the table's, or the list's values
    with `keys` beside them."""
    table = _table(run, prepared)
    if prepared.where is not None:
        table = table.filter(prepared.where)
    if prepared.exploded is not None:
        check_gaps_unpack(run)
        table = table.select(*keys, prepared.exploded).explode(prepared.exploded)
    return table


def _table(run: Run, prepared: AggregateQuery) -> pl.LazyFrame:
    if prepared.of_attempts:
        attempts = run.attempts
        if run.manifest.kind == "load":
            attempts = attempts.filter(pl.col("phase") == "measure")
        return attempts.select(pl.all().name.prefix(OF_ATTEMPTS))
    results = with_scores(run, measured_results(run), prepared.scores)
    return results if prepared.of_all else results.filter(pl.col(STATED) == "succeeded")
