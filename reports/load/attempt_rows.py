"""A load run's attempts, read once: each with its phase, its times, and which objectives it met."""

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from headrace.jobs import (
    Aggregate,
    Attempt,
    Expression,
    LoadFacts,
    parse_condition,
    schema,
    walk_nodes,
)

from ..row_conditions import row_condition
from ..run import Run
from ..unpacked import check_gaps_unpack

if TYPE_CHECKING:
    from .intervals import Floats, Ints

TPOT = pl.when(pl.col("output_tokens") >= 2).then(
    (pl.col("latency_s") - pl.col("ttft_s")) / (pl.col("output_tokens") - 1)
)
# What an objective may speak of: a request's row, and its time per output token.
COLUMNS: dict[str, Any] = {**schema(Attempt), "tpot_s": pl.Float64}
KEPT = (
    *("index", "attempt", "due_at", "sent_at", "wait_s", "connect_s", "connection_reused"),
    *("ttft_s", "content_ttft_s", "latency_s", "client_lag_s", "http_status", "error_kind"),
    *("error_code", "retry_after_s", "input_tokens", "output_tokens", "phase", "stream"),
)


class LoadRows(NamedTuple):
    """`everything` has all attempts with `good` (answered, and every objective met) and `met_0`,
    `met_1`, ... (each objective); `attempts` those that were due in the measured phase, `answers`
    the ones among these that came back whole."""

    facts: LoadFacts
    objectives: list[Expression]
    everything: pl.DataFrame
    attempts: pl.DataFrame
    answers: pl.DataFrame

    def values(self, column: str, *plus: str) -> "Floats":
        """A column of the answers, without its nulls, each with what is to be added to it."""
        total = pl.sum_horizontal(column, *plus, ignore_nulls=False)
        return self.answers.select(total).to_series().drop_nulls().to_numpy()


class Gaps(NamedTuple):
    """Gaps between the tokens of measured answers, stream by stream, and how many each has."""

    values: "Floats"
    lengths: "Ints"


def request_condition(expression: Expression) -> pl.Expr:
    """An objective as a condition on a row of attempts. Raises ExpressionError, for a name that is
    not a column too."""
    for node in walk_nodes(expression.root):
        if isinstance(node, Aggregate):
            said = (
                f"{node.function} is over many requests, and this is a condition on each; for many "
                "there are --find and `headrace gate RUN --require`"
            )
            raise expression.mistake(node, said)
    return row_condition(expression, COLUMNS)


def read_rows(run: Run, facts: LoadFacts, *, tpot: pl.Expr = TPOT) -> LoadRows:
    """Read the attempts of a load run; `facts` is its part of run.json, `tpot` the time per output
    token."""
    objectives = [parse_condition(text, recorded=True) for text in facts.objectives]
    answered = pl.col("error_kind").is_null() & pl.col("sent_at").is_not_null()
    met = [
        (answered & request_condition(each)).alias(f"met_{n}") for n, each in enumerate(objectives)
    ]
    everything = (
        run.attempts.with_columns(tpot_s=tpot)
        .select(*KEPT, "tpot_s", answered.alias("answered"), *met)
        .with_columns(good=_all_of(len(met)))
        .collect()
    )
    attempts = everything.filter(pl.col("phase") == "measure")
    return LoadRows(facts, objectives, everything, attempts, attempts.filter("answered"))


def _all_of(objectives: int) -> pl.Expr:
    return pl.all_horizontal("answered", *(f"met_{n}" for n in range(objectives)))


def read_gaps(run: Run) -> Gaps:
    """The gaps of measured answers. Raises InputError where no run can have had so many."""
    check_gaps_unpack(run)
    measured = (pl.col("phase") == "measure") & pl.col("error_kind").is_null()
    column = run.attempts.filter(measured).select("gaps_s").drop_nulls().collect().to_series()
    lengths = column.list.len().cast(pl.Int64)
    flat = column.explode(empty_as_null=False, keep_nulls=False)
    return Gaps(flat.to_numpy(), lengths.to_numpy())
