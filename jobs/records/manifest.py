"""run.json: who, what and when of a run. It never holds a key or a header's value."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ..costs import EstimateTotals, PriceTable
from .dataset import Dataset, Recipe
from .load_facts import LoadFacts
from .rows import SCHEMA_VERSION

State = Literal["running", "finished", "interrupted", "stopped"]


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one job file from another. `path` is as the user wrote it ("-": standard input).

    `digest` is BLAKE2b-128 of the first MiB as stored, in hex. Of standard input and pipes,
    `size_bytes` is None and `digest` that of the first line: no more can be known in time.
    """

    path: str
    size_bytes: int | None
    digest: str


class ModelLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Requests and tokens per minute of a model that has its own; None is without a limit."""

    rpm: int | None
    tpm: int | None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The client's own limits; None is without one.

    `rpm` and `tpm` are for all models together that are not in `models`.
    """

    rpm: int | None
    tpm: int | None
    concurrency: int | None  # None: found by the run
    models: dict[str, ModelLimits] = {}


class ConcurrencyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One line of concurrency.jsonl: slots at a moment, and the most attempts in flight from then
    to the next line, all lanes together.

    A session leaves at most 240 of them, evenly spaced, when it ends.
    """

    at: datetime
    limit: int
    in_flight: int


class DownloadTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Linked images that became files in a session, and those that did not, by reason."""

    fetched: int
    failed: int
    reasons: dict[str, int]


class Session(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One process that worked on the run. A `running` one with no process behind it was killed.

    `journal` names the segments that hold attempts which no table has yet; `notes` say what of an
    earlier session's journal was gone when this one began.
    """

    started_at: datetime
    ended_at: datetime | None = None
    state: State = "running"
    reason: str | None = None
    limits: Limits
    arguments: dict[str, str | int | float | bool | None] = {}
    downloads: DownloadTotals | None = None  # of a session that was asked for them
    journal: list[int] = []
    notes: list[str] = []


class Manifest(msgspec.Struct, kw_only=True):
    """The whole of run.json. The newest session comes last; its state is the run's.

    `anthropic_base_url` is that of /v1/messages, None where it is `base_url`. `job_file` is None
    where the prompts were made up; `load` is that of a load run. `dataset` and `recipe` are those
    that the jobs were made of, where they were.
    """

    headrace: str
    schema_version: int
    kind: Literal["bulk", "load"]
    base_url: str
    anthropic_base_url: str | None = None
    job_file: JobFile | None
    load: LoadFacts | None = None
    dataset: Dataset | None = None
    recipe: Recipe | None = None
    prices: PriceTable | None = None
    estimates: dict[str, EstimateTotals] = {}
    sessions: list[Session] = []


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    """What tells which headrace can read a run.json, whatever else is in it."""

    schema_version: int
    headrace: Any = None


def newer_schema(text: bytes) -> str | None:
    """What is to be said of a run.json before anything else of it is decoded.

    Args:
        text: the file.

    Returns:
        That a later headrace wrote it, in words that follow the directory's name; None where this
        one can read it, or where it is damaged.
    """
    try:
        found = msgspec.json.decode(text, type=_Version)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.schema_version <= SCHEMA_VERSION:
        return None
    by = f" by headrace {found.headrace}" if isinstance(found.headrace, str) else ""
    return (
        f"was recorded in schema {found.schema_version}{by}; this one reads up to "
        f"{SCHEMA_VERSION}: install a newer headrace"
    )
