"""What a run directory holds and what the gateway saw, read without the project, and compared.

Each job asks for a model of its own, so the gateway's log says which job a POST was for.
"""

import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl


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
    cost: Decimal
    charged_beside: Decimal  # for what was lost, or cancelled by a second signal
    violations: list[str]


def books(run: Path, log: Path, models: list[str], finished_at: dict[str, dt.datetime]) -> Books:
    """Compare a run that has ended with the gateway's log.

    `finished_at`: jobs whose result was recorded at that moment.
    """
    mine = set(models)
    seen = [post for post in posts(log) if post.model in mine]
    results = pl.read_parquet(run / "results" / "*.parquet")
    attempts = pl.read_parquet(run / "attempts" / "*.parquet")
    lost = attempts.filter(pl.col("error_kind") == "lost")
    wrong: list[str] = []

    counted = Counter(results["model"])
    wrong += [f"{model} has {counted[model]} results" for model in models if counted[model] != 1]
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
    unsent = Counter(attempts.filter(pl.col("sent_at").is_null())["model"])
    for model in models:
        least = rows[model] - gone[model] - unsent[model]
        if not least <= went[model] <= rows[model] - unsent[model]:
            wrong.append(f"{model}: {went[model]} POSTs, {rows[model]} rows, {gone[model]} lost")
    made = results.join(attempts.group_by("index").len("made"), on="index", how="left")
    unlike = made.filter(pl.col("made") != pl.col("attempts"))
    wrong += [f"{model} counts other attempts than its rows" for model in unlike["model"]]

    answered = set(attempts["request_id"].drop_nulls())
    wrong += [
        f"answer {each} is not in the log" for each in answered - {p.request_id for p in seen}
    ]
    cost = Decimal(attempts["cost"].sum() or 0)
    charged = sum((post.charge for post in seen if post.request_id in answered), Decimal(0))
    if cost != charged:
        wrong.append(f"computed {cost}, charged {charged} for what was answered")
    others = [post for post in seen if post.request_id not in answered and post.charge]
    billed = Counter(post.model for post in others)
    cut = Counter(attempts.filter(pl.col("error_kind").is_in(["lost", "cancelled"]))["model"])
    wrong += [f"{model} was billed beside" for model in billed if billed[model] > cut[model]]
    if lost["cost"].drop_nulls().len():
        wrong.append("a lost attempt has a cost")
    if (run / "journal").exists():
        wrong.append("the journal is still there")
    return Books(
        jobs=len(models),
        results=len(results),
        posts=len(seen),
        attempts=len(attempts),
        lost=len(lost),
        lost_unseen=len(attempts) - sum(unsent.values()) - len(seen),
        cost=cost,
        charged_beside=sum((post.charge for post in others), Decimal(0)),
        violations=wrong,
    )
