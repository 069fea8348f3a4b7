"""What a run is told: where, with which key, and within which limits. Typed and checked."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from headrace.jobs import (
    BaseUrls,
    InputError,
    KeySentAs,
    Limits,
    ModelLimits,
    OtherEndpoints,
    PriceTable,
    ServiceRecord,
    UsagePlaces,
    is_stream,
    load_prices,
    usage_places,
)

from .base_url import base_urls_from
from .defaults import BULK, DEADLINE_S, KEY_VARIABLE, LOAD, OUTAGE_S
from .machine_limits import cores_for_workers
from .options import Headers
from .secret import Secret, Secrets, key_in
from .transport import own_authorities, transport_to

if TYPE_CHECKING:
    from .services import Services
else:
    Services = Any  # who decodes settings, a worker, never has any

COUNT_MAX = 10**18  # of larger ones a run.json can't be read
# Endings that name the format of a job file, not the file.
TABLE_ENDINGS = (".csv", ".tsv", ".parquet", ".arrow", ".ipc", ".feather")
FORMAT_ENDINGS = (".gz", ".zst", ".jsonl", ".ndjson", ".json")
# Headers that the transport sets itself; two of them would be two requests in one.
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
# Headers that hold a key or a session: a flag's value is seen by everyone on this machine.
KEY_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
)


# Settings that run.json has apart from the arguments of a session.
RECORDED_ELSEWHERE = frozenset(
    {
        *("base_url", "anthropic_base_url", "service", "auth", "key_variable"),
        *("rpm", "tpm", "concurrency", "prices", "auto_workers"),
    }
)


class SendSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of any run.

    See `runner.options` for what each is; times are seconds. `max_cost` is over all sessions of
    the run. `anthropic_base_url` is that of /v1/messages, None where it is `base_url`; `service`
    names that of several services that it is, whose key came from `key_variable` and is sent as
    `auth` says, None by the url. With `services` of its own a run has empty `base_url` and `key`.
    `endpoints` are those whose usage the user has placed. `seed` None
    takes one from the clock.
    """

    base_url: str
    anthropic_base_url: str | None = None
    key: Secret
    service: str | None = None
    auth: KeySentAs | None = None
    key_variable: str = KEY_VARIABLE
    services: Services | None = None
    rpm: int | None = None
    tpm: int | None = None
    model_limits: Mapping[str, ModelLimits] = {}
    concurrency: int | None = None
    attempts: int
    deadline_s: float = DEADLINE_S
    outage_s: float = OUTAGE_S
    grace_s: float
    headers: tuple[tuple[str, str], ...] = ()
    prices: PriceTable | None = None
    max_cost: Decimal | None = None
    yes: bool = False
    download: bool = False
    http2: bool = False
    share: bool = False
    metrics: str | None = None
    any_endpoint: bool = False
    endpoints: Mapping[str, UsagePlaces] = {}
    seed: int | None = None
    workers: int = 1
    auto_workers: bool = False  # on machines of a cluster: as many as each of them has cores for
    cluster: str | None = None

    def __post_init__(self) -> None:
        for name in ("rpm", "tpm", "concurrency", "attempts", "workers"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= COUNT_MAX:
                raise InputError(f"{name} is {value}; it is a whole number of at least 1")
        if self.max_cost is not None and not (self.max_cost.is_finite() and self.max_cost > 0):
            raise InputError(f"max_cost is {self.max_cost}; it is an amount above zero")
        for name in ("deadline_s", "outage_s", "grace_s"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}; it is zero seconds or more")

    def recorded_arguments(self) -> dict[str, str | int | float | bool | None]:
        """Whatever a flag says, for run.json: no key, no header's value, and no limits or prices,
        which have places of their own there."""
        values = {
            name: str(value) if isinstance(value, Decimal) else value
            for name in self.__struct_fields__
            if name not in RECORDED_ELSEWHERE
            and isinstance(value := getattr(self, name), str | int | float | Decimal | None)
        }
        if self.workers == 1:
            del values["workers"]
        if self.cluster is None:
            del values["cluster"]
        return {**values, "headers": ", ".join(name for name, _ in self.headers) or None}

    @property
    def base_urls(self) -> BaseUrls:
        """Where each protocol's requests go."""
        return BaseUrls(self.base_url, self.anthropic_base_url or self.base_url)

    @property
    def hidden(self) -> Secret | Secrets:
        """The keys that are taken out of whatever a server says."""
        return self.key if self.services is None else self.services.keys

    @property
    def service_records(self) -> list[ServiceRecord]:
        """The services, as run.json has them; none where there is one base URL."""
        services = () if self.services is None else self.services.each
        return [each.record(self.concurrency) for each in services]

    @property
    def others(self) -> OtherEndpoints:
        """The endpoints that jobs may name besides those of the table."""
        return OtherEndpoints(self.any_endpoint, self.endpoints)

    @property
    def limits(self) -> Limits:
        """As run.json has them. Where there are several services, each has its own."""
        if self.services is not None and self.service is None:
            return Limits(rpm=None, tpm=None, concurrency=self.concurrency)
        return Limits(
            rpm=self.rpm,
            tpm=self.tpm,
            concurrency=self.concurrency,
            models=dict(self.model_limits),
        )


class RunSettings(SendSettings, frozen=True, kw_only=True):
    """Settings of a bulk run; the defaults are those of the command.

    `estimate_first` reads the whole file before anything is sent. `retry_failed` opens failed jobs
    again, `rerun_changed` those whose line has changed. `skip_damaged` leaves out what of the
    journal can't be read, and sends its jobs again. `wait_for_reset` sleeps until a spent budget of
    the key has its reset, instead of stopping. `reask` is how often a job is asked again whose
    answer does not fit the schema.
    """

    rpm: int | None = BULK.rpm
    tpm: int | None = BULK.tpm
    attempts: int = BULK.attempts
    grace_s: float = BULK.grace_s
    strict: bool = False
    estimate_first: bool = False
    retry_failed: bool = False
    rerun_changed: bool = False
    skip_damaged: bool = False
    wait_for_reset: bool = False
    dedupe: bool = False
    reask: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reask < 0:
            raise InputError(f"reask is {self.reask}; it is a whole number of at least 0")


Settings = TypeVar("Settings", bound=SendSettings)


def key_from(given: str | None, environment: Mapping[str, str] = os.environ) -> Secret:
    """The key. Raises InputError where there is none, or one that no header can carry."""
    return key_in(KEY_VARIABLE, environment if given is None else {KEY_VARIABLE: given})


def settings_from(kind: type[Settings], key: Secret | str | None, **options: Any) -> Settings:
    """Settings of any kind of run from its options (`runner.options`); others pass as they are.

    A `key` of None is that of the environment. Raises InputError where something can't be used.
    """
    services, one = options.pop("services", None), options.pop("service", None)
    if services is not None or one is not None:
        if one is not None:  # also as it was chosen from others
            services = one if isinstance(one, tuple) else [one]
        return _for_services(kind, key, services, options, one=one)
    urls = base_urls_from(options.pop("base_url", None))  # first: `demo` needs neither
    transport_to(*urls, http2=bool(options.get("http2")))  # so far as that says what is wrong
    if options.get("download"):
        own_authorities()
    if options.get("workers") == "auto":
        options |= {"workers": cores_for_workers(), "auto_workers": True}
    return kind(
        base_url=urls.openai,
        anthropic_base_url=None if urls.anthropic == urls.openai else urls.anthropic,
        key=key if isinstance(key, Secret) else key_from(key),
        **_common(options),
    )


def _for_services(
    kind: type[Settings],
    key: Secret | str | None,
    given: Any,
    options: dict[str, Any],
    *,
    one: Any,
) -> Settings:
    """Settings of a run that goes to services; where it can only be `one`, to that."""
    if options.pop("base_url", None):
        raise InputError("services have base URLs of their own; leave base_url out")
    if options.get("workers", 1) != 1 or options.get("cluster") is not None:
        raise InputError(
            "--workers and --cluster send to one base URL, and these are [[services]]; leave them "
            "out"
        )
    if options.get("download"):
        own_authorities()
    from .services import services_from  # loaded where there are services

    common = _common(options)
    defaults = BULK if issubclass(kind, RunSettings) else LOAD
    services = services_from(
        given,
        key,
        rpm=common.get("rpm", defaults.rpm),
        tpm=common.get("tpm", defaults.tpm),
        model_limits=common.get("model_limits"),
        prices=common["prices"],
        http2=bool(common.get("http2")),
    )
    if one is not None:
        return kind(services=services, **{**common, **services.each[0].as_settings})
    return kind(base_url="", key=Secret(""), services=services, **common)


def _common(options: dict[str, Any]) -> dict[str, Any]:
    """What is of all services, read and checked."""
    prices = options.pop("prices", None)
    return {
        "prices": None if prices is None else load_prices(Path(prices)),
        "headers": headers_from(options.pop("headers", None) or ()),
        "endpoints": usage_places(options.pop("endpoints", None) or {}),
        **options,
    }


def cap_without_prices(service: str | None) -> InputError:
    """What is said where --max-cost has no prices: of one of several services, which one."""
    its = "" if service is None else f", or prices in the [[services]] table of {service}"
    return InputError(f"--max-cost needs prices: give --prices FILE{its}")


def headers_from(given: Headers) -> tuple[tuple[str, str], ...]:
    """Names and values, of a mapping or of `K: V` lines. Raises InputError, and shows no value."""
    lines = [f"{k}: {v}" for k, v in given.items()] if isinstance(given, Mapping) else given
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not name or not all(c.isalnum() or c in "-_" for c in name):
            raise InputError("a header is written as 'Name: value'")
        if name.lower().replace("_", "-") in KEY_HEADERS:
            raise InputError(
                f"the header {name} would hold a key, which belongs in {KEY_VARIABLE}; "
                "headrace sends it as the service wants it"
            )
        if not (value.isascii() and value.isprintable()) or name.lower() in OWN_HEADERS:
            raise InputError(f"the header {name} can't be set to that")
        headers.append((name, value))
    return tuple(headers)


def default_run_directory(jobs: str, *, recipe: str | None = None) -> Path:
    """jobs.jsonl -> jobs.run, beside it; of a table, data.csv and r.toml -> data.r.run.

    Raises InputError for a directory, and for what has no place of its own beside it: standard
    input, a pipe, a device, a URL, several files.
    """
    if jobs == "-":
        raise InputError("--out is needed when the jobs come from standard input")
    path = Path(jobs)
    if path.is_dir():
        raise InputError(f"{jobs} is a directory; name a job file")
    if recipe is not None and ("://" in jobs or not path.exists()):
        raise InputError(f"--out is needed: {jobs} is not the name of one file")
    if is_stream(jobs) or path.absolute().is_relative_to("/dev"):
        raise InputError(f"--out is needed when the jobs come from {jobs}, which is not a file")
    if path.absolute().is_relative_to("/proc"):
        raise InputError(f"--out is needed when the jobs come from {jobs}: /proc keeps no files")
    name = path.name
    for ending in FORMAT_ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    if recipe is not None:
        for ending in TABLE_ENDINGS:
            if name.lower().endswith(ending) and len(name) > len(ending):
                name = name[: -len(ending)]
        name = f"{name}.{Path(recipe).stem}"
    return path.with_name(name + ".run")
