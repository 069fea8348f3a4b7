"""run.json: who, what and when of a run. It never holds a key or a header's value."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from ..costs import EstimateTotals, PriceTable
from .dataset import Dataset, Recipe
from .journal import WorkersSegment
from .load_facts import LoadFacts
from .rows import SCHEMA_VERSION, Moment, is_amount

State = Literal["running", "finished", "interrupted", "stopped"]
# At least one: what is not limited is None.
PerMinute = Annotated[int, msgspec.Meta(ge=1)]
# What a number in a run.json may be.
NUMBER_MAX = 2**63
YEARS = range(1970, 9000)


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

    rpm: PerMinute | None
    tpm: PerMinute | None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The client's own limits; None is without one.

    `rpm` and `tpm` are for all models together that are not in `models`.
    """

    rpm: PerMinute | None
    tpm: PerMinute | None
    concurrency: PerMinute | None  # None: found by the run
    models: dict[str, ModelLimits] = {}


# What a service of headrace.toml may be called: a word that stands in tables, rows and flags.
ServiceName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]*\Z", max_length=40)]
KeySentAs = Literal["bearer", "x-api-key", "api-key"]
# The share of a service among those that have a model: above 0, and no digits that can't be shared.
Weight = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the services that a run's jobs go to, as `[[services]]` of headrace.toml has them.

    `models` are exact names, `*` for whatever no other service has; `weight` is its share of those
    that others have too. `anthropic_base_url` is None where it is `base_url`, `auth` where the url
    says how the key is sent, `prices` where they are the run's.
    """

    name: ServiceName
    base_url: str
    anthropic_base_url: str | None = None
    auth: KeySentAs | None = None
    models: list[str]
    weight: Weight | None = None
    limits: Limits
    prices: PriceTable | None = None


class ConcurrencyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One line of concurrency.jsonl: slots at a moment, and the most attempts in flight from then
    to the next line, all lanes together.

    A session leaves at most 240 of them, evenly spaced, when it ends.
    """

    at: Moment
    limit: int
    in_flight: int


class DownloadTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Linked images that became files in a session, and those that did not, by reason."""

    fetched: int
    failed: int
    reasons: dict[str, int]


class Session(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One process that worked on the run. A `running` one with no process behind it was killed.

    `journal` names the segments that hold attempts which no table has yet: numbers, and names such
    as `w03-000007` of workers'. `notes` say what of an earlier session's journal was gone when this
    one began. `stopped_services` has why a service stopped before its jobs were done, by its name.
    `service_limits` are those that it held each of several services to.
    `shared_accounts` are services, those of one account together, that were neither watched nor can
    be checked, since it doesn't tell them apart.
    `unrecorded` is the most that may have been billed for attempts without a row, sent by machines
    that went with the end of their journals. It is kept as spent.
    """

    started_at: Moment
    ended_at: Moment | None = None
    state: State = "running"
    reason: str | None = None
    limits: Limits
    arguments: dict[str, str | int | float | bool | None] = {}
    downloads: DownloadTotals | None = None  # of a session that was asked for them
    journal: list[int | WorkersSegment] = []
    notes: list[str] = []
    stopped_services: dict[ServiceName, str] = {}
    shared_accounts: list[list[ServiceName]] = []
    service_limits: dict[ServiceName, Limits] = {}
    unrecorded: Decimal = Decimal(0)


class Manifest(msgspec.Struct, kw_only=True):
    """The whole of run.json. The newest session comes last; its state is the run's.

    `anthropic_base_url` is that of /v1/messages, None where it is `base_url`. With `services`,
    which have their own, both are None, and `prices` are those of services without. `job_file` is
    None where the prompts were made up; `load` is that of a load run. `dataset` and `recipe` are
    those that the jobs were made of, where they were.
    """

    headrace: str
    schema_version: int
    kind: Literal["bulk", "load"]
    base_url: str | None
    anthropic_base_url: str | None = None
    services: list[ServiceRecord] = []
    job_file: JobFile | None
    load: LoadFacts | None = None
    dataset: Dataset | None = None
    recipe: Recipe | None = None
    prices: PriceTable | None = None
    estimates: dict[str, EstimateTotals] = {}
    sessions: list[Session] = []

    def prices_of(self, service: str | None) -> PriceTable | None:
        """The prices of the attempts whose `service` this is; None where they have none."""
        own = next((each.prices for each in self.services if each.name == service), None)
        return own or self.prices

    @property
    def currency(self) -> str | None:
        """What the run counts in; None where it has no prices."""
        tables = [self.prices, *(each.prices for each in self.services)]
        return next((table.currency for table in tables if table is not None), None)

    @property
    def unrecorded(self) -> Decimal:
        """Of all sessions."""
        return sum((each.unrecorded for each in self.sessions), Decimal(0))


class DamagedManifestError(ValueError):
    """A run.json that no headrace wrote; the text says what is wrong with it."""


def decode_manifest(text: bytes) -> Manifest:
    """What a run.json says, with no number or moment in it that nothing can be counted with.

    Raises:
        DamagedManifestError: it is not a manifest.
    """
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except RecursionError as error:
        raise DamagedManifestError("it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
        raise DamagedManifestError(str(error)) from error
    names = [each.name for each in found.services]
    if len(set(names)) < len(names):
        raise DamagedManifestError("two of its services have one name")
    if (found.base_url is None) != bool(names):
        raise DamagedManifestError("it has neither a base URL nor services, or both")
    known = msgspec.to_builtins(found, builtin_types=[datetime, Decimal])
    known.pop("recipe", None)  # whose body and schema may name any number
    for value in _leaves(known):
        if not _counts(value):
            shown = str(value)
            shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
            raise DamagedManifestError(f"{shown} in it is out of range")
    return found


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _counts(value: Any) -> bool:
    """Whether a moment or a number is one that can be counted with."""
    if isinstance(value, datetime):
        return value.tzinfo is not None and value.year in YEARS
    if isinstance(value, Decimal):
        return is_amount(value)
    return not isinstance(value, int | float) or -NUMBER_MAX <= value <= NUMBER_MAX


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.schema_version <= SCHEMA_VERSION:
        return None
    by = f" by headrace {found.headrace}" if isinstance(found.headrace, str) else ""
    return (
        f"was recorded in schema {found.schema_version}{by}; this one reads up to "
        f"{SCHEMA_VERSION}: install a newer headrace"
    )
