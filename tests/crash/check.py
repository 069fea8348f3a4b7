"""What a run directory holds and what the gateway saw, read without the project, and compared.

Each job asks for a model of its own, so the gateway's log says which job a POST was for.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

REASKS = {"index": pl.Int64, "attempt": pl.Int32, "text": pl.String, "why": pl.String}


class Post(NamedTuple):
    """One POST as the gateway logged it."""

    model: str
    request_id: str
    arrival: dt.datetime
    charge: Decimal


def posts(log: Path) -> list[Post]:
    """Every POST whose body came whole."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        Post(
            row["model"],
            row["request_id"],
            dt.datetime.fromisoformat(row["arrival"]),
            Decimal(row["charge"]),
        )
        for row in rows
        if row["method"] == "POST" and row["model"] is not None
    ]


class Left(NamedTuple):
    """What a killed session left: the models of jobs with a result, and what it was in the middle
    of, in words."""

    finished: set[str]
    amid: list[str]


def left_by(run: Path) -> Left:
    """Read a directory as the kill left it."""
    finished: set[str] = set()
    amid: list[str] = []
    for part in sorted(run.glob("results/part-*.parquet")):
        finished |= set(pl.read_parquet(part, columns=["model"])["model"])
    segments = sorted(run.glob("journal/*.jsonl"))
    sealed = {part.stem.removeprefix("part-") for part in run.glob("attempts/part-*.parquet")}
    sent = 0
    for segment in segments:
        data = segment.read_bytes()
        *lines, torn = data.split(b"\n")
        if torn:
            amid.append("half a record at the journal's end")
            lines += [torn] if torn.endswith(b"}") else []
        sent = 0
        for line in lines:
            record = _decoded(line)
            sent += record.get("type") == "sent"
            if record.get("type") == "finished":
                finished.add(record["attempt"]["model"])
            elif (result := record.get("result")) is not None:
                finished.add(result["model"])
    if any(segment.stem in sealed for segment in segments):
        amid.append("a segment in Parquet and still in the journal")
    if len(segments) > 1:
        amid.append("a full segment not yet sealed")
    if any(run.rglob("*.partial")):
        amid.append("a file written beside, not yet renamed")
    if run.exists() and not sent:
        amid.append("a session that had sent nothing yet (recovery)")
    return Left(finished, amid)


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return record


class Books(NamedTuple):
    """Counts of a run that has ended, and everything in which it breaks its promises."""

    jobs: int
    results: int
    posts: int
    attempts: int
    lost: int
    lost_unseen: int  # journalled as sent, killed before the gateway had the whole request
    unrecorded: int  # sent by a machine of a cluster, and gone with it, or with who heard of it
    cost: Decimal
    charged_beside: Decimal  # for what was lost, or cancelled by a second signal
    copies: int
    reasks: int
    violations: list[str]


def books(
    run: Path,
    logs: Sequence[Path],
    asked: Counter[str],
    finished_at: dict[str, dt.datetime],
    *,
    on_machines: bool = False,
) -> Books:
    """Compare a run that has ended with the log of the gateway, or of each.

    `asked`: how many jobs ask for each model, all the same. `finished_at`: models whose result was
    recorded at that moment. `on_machines`: some of what was sent last may have no row.
    """
    mine, models = set(asked), list(asked)
    seen = [post for log in logs for post in posts(log) if post.model in mine]
    results = pl.read_parquet(run / "results" / "*.parquet")
    attempts = pl.read_parquet(run / "attempts" / "*.parquet")
    lost = attempts.filter(pl.col("error_kind") == "lost")
    wrong: list[str] = []

    counted = Counter(results["model"])
    wrong += [
        f"{model} has {counted[model]} results of {jobs}"
        for model, jobs in asked.items()
        if counted[model] != jobs
    ]
    wrong += [f"a result of {model}, which is not a job" for model in counted.keys() - mine]
    if not attempts.select("index", "attempt").is_unique().all():
        wrong.append("an attempt has two rows")
    wrong += [
        f"{post.model} was sent again at {post.arrival}, and had its result at {known}"
        for post in seen
        if (known := finished_at.get(post.model)) is not None and post.arrival > known
    ]

    rows, went = Counter(attempts["model"]), Counter(post.model for post in seen)
    gone = Counter(lost["model"])
    # (Whose key is refused is not asked what for: the log names no model.)
    nameless = pl.col("sent_at").is_null() | (pl.col("http_status") == 401)
    unsent = Counter(attempts.filter(nameless)["model"])
    lost_unseen, unrecorded = 0, Counter[str]()
    for model in models:
        most = rows[model] - unsent[model]
        lost_unseen += max(0, most - went[model])
        unrecorded[model] = max(0, went[model] - most)
        if went[model] < most - gone[model] or (unrecorded[model] and not on_machines):
            wrong.append(f"{model}: {went[model]} POSTs, {rows[model]} rows, {gone[model]} lost")
    made = results.join(attempts.group_by("index").len("made"), on="index", how="left")
    unlike = made.filter(pl.col("made") != pl.col("attempts"))
    wrong += [f"{model} counts other attempts than its rows" for model in unlike["model"]]

    answered = set(attempts["request_id"].drop_nulls())
    wrong += [
        f"answer {each} is not in the log" for each in answered - {p.request_id for p in seen}
    ]
    cost = Decimal(attempts["cost"].sum() or 0)
    # Where a stream was cut before its usage, or the usage is missing, nobody knows the cost.
    unpriced = pl.col("cost").is_null() & pl.col("request_id").is_not_null()
    priced = answered - {*attempts.filter(unpriced)["request_id"]}
    charged = sum((post.charge for post in seen if post.request_id in priced), Decimal(0))
    if cost != charged:
        wrong.append(f"computed {cost}, charged {charged} for what was answered")
    others = [post for post in seen if post.request_id not in priced and post.charge]
    billed = Counter(post.model for post in others)
    ended = pl.col("error_kind").is_in(["lost", "cancelled"])
    cut = Counter(attempts.filter(ended | unpriced)["model"])
    wrong += [
        f"{model} was billed beside"
        for model in billed
        if billed[model] > cut[model] + unrecorded[model]
    ]
    if lost["cost"].drop_nulls().len():
        wrong.append("a lost attempt has a cost")
    if (run / "journal").exists():
        wrong.append("the journal is still there")
    copies = results.filter(pl.col("copy_of").is_not_null())
    wrong += wrong_copies(results, copies)
    reasks = _reasks(run)
    wrong += wrong_reasks(results, attempts, reasks)
    return Books(
        jobs=asked.total(),
        results=len(results),
        posts=len(seen),
        attempts=len(attempts),
        lost=len(lost),
        lost_unseen=lost_unseen,
        unrecorded=unrecorded.total(),
        cost=cost,
        charged_beside=sum((post.charge for post in others), Decimal(0)),
        copies=len(copies),
        reasks=len(reasks),
        violations=wrong,
    )


def wrong_copies(results: pl.DataFrame, copies: pl.DataFrame) -> list[str]:
    """What is wrong with jobs that were given the outcome of an equal one."""
    same = ("model", "status", "text", "error_code")
    originals = results.filter(pl.col("copy_of").is_null()).select("custom_id", *same)
    both = copies.join(originals, left_on="copy_of", right_on="custom_id", how="left")
    unlike = pl.any_horizontal(
        *(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in same),
        pl.col("attempts") != 0,
        pl.col("cost").fill_null(0) != 0,
    )
    wrong = [f"{each} is not as what it copies" for each in both.filter(unlike)["custom_id"]]
    if len(originals) != results["model"].n_unique():
        wrong.append(f"{len(originals)} jobs were sent of {results['model'].n_unique()}")
    return wrong


def _reasks(run: Path) -> pl.DataFrame:
    path = run / "reasks.parquet"
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=REASKS)


def wrong_reasks(results: pl.DataFrame, attempts: pl.DataFrame, reasks: pl.DataFrame) -> list[str]:
    """Each answer that did not fit is that of its job, or stands in reasks.parquet once."""
    unfit = attempts.filter(pl.col("error_code") == "SCHEMA").select("index", "attempt")
    last = results.filter(pl.col("error_code") == "SCHEMA", pl.col("copy_of").is_null())
    kept = pl.concat(
        [
            reasks.select("index", pl.col("attempt").cast(pl.Int32)),
            last.select("index", pl.col("attempts").cast(pl.Int32).alias("attempt")),
        ]
    )
    wrong = []
    if kept.is_duplicated().any():
        wrong.append("an answer that did not fit is kept twice")
    missing = unfit.with_columns(pl.col("attempt").cast(pl.Int32)).join(
        kept, on=["index", "attempt"], how="anti"
    )
    wrong += [f"attempt {n} of line {i} did not fit, and is gone" for i, n in missing.iter_rows()]
    if len(kept) != len(unfit):
        wrong.append(f"{len(kept)} answers are kept as unfit, {len(unfit)} attempts were")
    if reasks["text"].null_count():
        wrong.append("an answer that did not fit has no text")
    return wrong
