"""What became of the jobs: how many of which end, and the errors behind those that failed."""

import msgspec
import polars as pl

from headrace.jobs import RejectedLines, masked

from ..run import Run
from .hints import hints_of
from .rejects import commonest_rejects

MESSAGE_CHARACTERS_MAX = 300
# Groups beyond so many are put together: a service may word each failure differently.
GROUPS_MAX = 100


class FailedJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Failed jobs of one status, code and message, and one of them to look up.

    Messages that differ in digits and ids alone count as one; `message` is the first job's.
    """

    http_status: int | None
    error_code: str | None
    jobs: int
    message: str | None
    custom_id: str
    request_id: str | None


class FailedAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """Failed attempts of one kind, retried or not, and one of them to look up."""

    error_kind: str
    http_status: int | None
    error_code: str | None
    attempts: int
    request_id: str | None


class OutcomeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of jobs and attempts.

    `unfinished` is None where the run did not end: how much of the file is left is not recorded.
    `reasks` are attempts that asked again, since an answer did not fit the schema, and `retries`
    all others beyond each job's first; `lost` attempts were sent and never ended,
    `in_flight` ones are under way now. `left_out` results, which count in no figure but those of
    money, are of rows that the run's table no longer has. `rejects` are the three commonest reasons
    of lines that are not jobs. `hints` say what the attempts suggest, taken together.
    `cut_at_max_tokens` counts the answers that ended for their length: of the succeeded jobs.
    """

    succeeded: int
    failed: int
    rejected: int
    unfinished: int | None
    attempts: int
    retries: int
    lost: int
    cancelled: int
    in_flight: int
    errors: list[FailedJobs]
    attempt_errors: list[FailedAttempts]
    rejects: list[RejectedLines] = []
    hints: list[str] = []
    left_out: int = 0
    cut_at_max_tokens: int = 0
    reasks: int = 0


def count_outcomes(run: Run, reasks: int = 0) -> OutcomeCounts:
    """Count results and attempts, and group their errors, the most frequent first.

    Args:
        run: the run.
        reasks: how many of its attempts asked again for an answer that fits.
    """
    attempts = run.made.select("attempt", "error_kind", "http_status", "error_code", "request_id")
    by_status = run.results.group_by("status").agg(
        pl.len().alias("jobs"),
        (pl.col("finish_reason") == "length").sum().alias("cut"),
        pl.col("error_message").count().alias("messages"),
    )
    ended = {row["status"]: row for row in by_status.collect().to_dicts()}
    succeeded = ended.get("succeeded", {})
    kinds = attempts.group_by("error_kind").agg(
        pl.len().alias("attempts"), (pl.col("attempt") > 1).sum().alias("retries")
    )
    by_kind = {row["error_kind"]: row for row in kinds.collect().to_dicts()}
    finished = run.manifest.sessions[-1].state == "finished"
    return OutcomeCounts(
        succeeded=succeeded.get("jobs", 0),
        failed=ended.get("failed", {}).get("jobs", 0),
        rejected=run.rejected,
        unfinished=0 if finished else None,
        attempts=sum(row["attempts"] for row in by_kind.values()),
        retries=sum(row["retries"] for row in by_kind.values()) - reasks,
        reasks=reasks,
        lost=by_kind.get("lost", {}).get("attempts", 0),
        cancelled=by_kind.get("cancelled", {}).get("attempts", 0),
        in_flight=run.in_flight,
        errors=_failed_jobs(run.results),
        attempt_errors=_failed_attempts(attempts),
        rejects=commonest_rejects(run.directory) if run.rejected else [],
        hints=hints_of(run, odd_answers=succeeded.get("messages", 0) > 0),
        left_out=run.left_out,
        cut_at_max_tokens=succeeded.get("cut", 0),
    )


def _failed_jobs(results: pl.LazyFrame) -> list[FailedJobs]:
    same = ("http_status", "error_code")
    first = [pl.col(name).first() for name in ("index", "custom_id", "request_id")]
    exact = (
        results.filter(pl.col("status") == "failed")
        .select(
            *same,
            pl.col("error_message").str.head(MESSAGE_CHARACTERS_MAX).alias("message"),
            *("index", "custom_id", "request_id"),
        )
        .sort("index")
        .group_by(*same, "message")
        .agg(pl.len().alias("jobs"), *first)
        .sort("index")
        .collect()
    )
    kinds = [None if each is None else masked(each) for each in exact["message"]]
    groups = (
        exact.with_columns(pl.Series("kind", kinds, dtype=pl.String))
        .group_by(*same, "kind", maintain_order=True)
        .agg(pl.col("jobs").sum(), pl.col("message").first(), *first)
        .sort("jobs", *same, "index", descending=[True, False, False, False])
    )
    rest = (
        groups[GROUPS_MAX:]
        .group_by(*same, maintain_order=True)
        .agg(
            pl.col("jobs").sum(),
            pl.format("{} other messages", pl.len()).alias("message"),
            *first,
        )
    )
    rows = [*groups[:GROUPS_MAX].drop("kind").to_dicts(), *rest.to_dicts()]
    return [
        FailedJobs(**{name: row[name] for name in FailedJobs.__struct_fields__}) for row in rows
    ]


def _failed_attempts(attempts: pl.LazyFrame) -> list[FailedAttempts]:
    groups = (
        attempts.filter(pl.col("error_kind").is_not_null())
        .group_by("error_kind", "http_status", "error_code")
        .agg(pl.len().alias("attempts"), pl.col("request_id").drop_nulls().sort().first())
        .sort(
            "attempts",
            "error_kind",
            "http_status",
            "error_code",
            descending=[True, False, False, False],
        )
    )
    return [FailedAttempts(**row) for row in groups.collect().to_dicts()]
