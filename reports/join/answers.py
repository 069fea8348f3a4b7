"""The columns that a job's answer is, in types that do not depend on what the answers say."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from headrace.jobs import IMAGE_URLS, SCHEMA_CODE

from ..reject_rows import reject_rows
from ..run import Run
from ..scores import score_names, with_scores
from .fields import fields_of, taken_apart

MONEY = pl.Decimal(38, 12)
# How a row's job stands; where it has a result, by the result.
OK, INVALID, FAILED, REJECTED = "ok", "invalid", "failed", "rejected"
UNFINISHED, NOT_CHOSEN, MISSING = "unfinished", "not chosen", "missing"
# What the names of fields begin with here, so that none is one of another column.
FIELD = "="
PLAIN = ("finish_reason", "input_tokens", "output_tokens")


class Answers:
    """The answers of a run, by the lines of their jobs; a range of lines at a time.

    `schema` is the form that they have, whose fields are columns too.

    `columns` are those that they are, with `index` before them. Images are a column where any job
    asked for some, vectors where any answer has one.
    """

    def __init__(self, run: Run, schema: dict[str, Any] | None = None) -> None:
        self._run = run
        self._fields = fields_of(schema)
        facts = run.results.select(
            pl.col("url").is_in(IMAGE_URLS).any().alias("images"),
            pl.col("vectors").list.len().max().alias("vectors"),
        )
        self.has_images, self._vectors = facts.collect(engine="streaming").row(0)
        self._scores = score_names(run.directory)
        self.rejects = reject_rows(run.directory)

    def columns(self) -> dict[str, Any]:
        """The names and types of the columns, in order."""
        found: dict[str, Any] = {
            "answer": pl.String(),
            "answer_status": pl.String(),
            "answer_error": pl.String(),
            "finish_reason": pl.String(),
            "input_tokens": pl.Int64(),
            "output_tokens": pl.Int64(),
            "cost": MONEY,
        }
        found |= dict.fromkeys(self._scores, pl.Float64())
        if self._vectors == 1:
            found["embedding"] = pl.List(pl.Float32())
        elif self._vectors:
            found["embeddings"] = pl.List(pl.List(pl.Float32()))
        if self.has_images:
            found["images"] = pl.List(pl.String())
        return found | {FIELD + name: field.dtype for name, field in self._fields.items()}

    def shown(self) -> dict[str, str]:
        """What the columns are called. A field by the name of a column of ours has another."""
        names = {name: name for name in self.columns() if not name.startswith(FIELD)}
        for name in self._fields:
            free = name
            while free in names.values() or (free != name and free in self._fields):
                free = f"field_{free}"
            names[FIELD + name] = free
        return names

    def between(self, first: int, last: int, among: pl.Series | None = None) -> pl.DataFrame:
        """The answers of the jobs at these lines (of those `among` them), a row for each that has a
        result; `answer_status` is that of the result."""
        here = pl.col("index").is_between(first, last)
        if among is not None:
            here &= pl.col("index").is_in(among.implode())
        names = ["index", "status", "text", "error_code", "error_message", "cost", *PLAIN]
        names += self._scores
        names += ["vectors"] if self._vectors else []
        names += ["response"] if self.has_images else []
        scored = with_scores(self._run, self._run.results.filter(here), self._scores)
        results = scored.select(names).collect(engine="streaming")
        spent = self._run.attempts.filter(here).select("index", "cost")
        costs = spent.drop_nulls("cost").group_by("index").agg(pl.col("cost").sum().alias("spent"))
        joined = results.join(costs.collect(engine="streaming"), on="index", how="left")
        return self._shaped(joined)

    def _shaped(self, rows: pl.DataFrame) -> pl.DataFrame:
        failed = pl.col("status") == "failed"
        invalid = failed & (pl.col("error_code") == SCHEMA_CODE).fill_null(value=False)
        status = pl.when(invalid).then(pl.lit(INVALID)).when(failed).then(pl.lit(FAILED))
        shaped = [
            pl.col("index"),
            pl.col("text").alias("answer"),
            status.otherwise(pl.lit(OK)).alias("answer_status"),
            pl.when(failed).then(pl.coalesce("error_message", "error_code")).alias("answer_error"),
            *map(pl.col, PLAIN),
            pl.coalesce("spent", "cost").cast(MONEY).alias("cost"),
            *map(pl.col, self._scores),
        ]
        if self._vectors == 1:
            shaped.append(pl.col("vectors").list.first().alias("embedding"))
        elif self._vectors:
            shaped.append(pl.col("vectors").alias("embeddings"))
        found = rows.select(shaped)
        if self._fields:
            fits = found["answer_status"] == OK
            texts = found.select(pl.when(fits).then("answer"))["answer"]
            parts = taken_apart(texts, self._fields)
            found = found.with_columns(each.alias(FIELD + each.name) for each in parts)
        if not self.has_images:
            return found
        paths = [_images(text, self._run.directory) for text in rows["response"]]
        images = pl.Series("images", paths, dtype=pl.List(pl.String))
        first = pl.coalesce("answer", pl.col("images").list.first()).alias("answer")
        return found.with_columns(images).with_columns(first)


def _images(response: str | None, run: Path) -> list[str] | None:
    """The files of an answer's images, or their links where they have none."""
    try:
        data = msgspec.json.decode(response or "{}")["data"]
        found = [_image(each, run) for each in data]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return [each for each in found if each is not None] or None


def _image(image: dict[str, Any], run: Path) -> str | None:
    for name in ("path", "b64_json"):
        value = image.get(name)
        if isinstance(value, str) and value.startswith("images/"):
            return str(run / value)
    link = image.get("url")
    return link if isinstance(link, str) else None
