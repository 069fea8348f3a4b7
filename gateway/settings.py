"""The configuration file, from TOML to `Config`.

balance = 100.0                  # top-up; what can be spent is balance + gift
gift = 10.0
rpm = 60                         # for each key; "none" for no limit
tpm = 100000
window = "sliding"               # fixed, sliding or bucket
seed = 0
prices = "prices.toml"           # beside this file unless absolute
offline = ["some-model"]         # answered with 404
answers = "answers.jsonl"        # beside this file unless absolute
output_tokens = 200              # natural length of every answer
capacity = 64                    # answers at a time; more requests queue
cache = true                     # bill repeated beginnings of prompts as cached
log_headers = ["user-agent"]
log_chunks = true

[[keys]]
name = "claude-code"
secret = "sk-..."                # made from the seed where left out
id = "1923456789012345678"
rpm = 600
tpm = "none"
daily_budget = 20.0
monthly_budget = 300.0
models = ["deepseek-v4-flash"]
expired = false

[latency]
ttft = "lognormal:300ms:0.4"     # or 300ms, uniform:100ms:500ms, exponential:300ms
itl = "10ms"

[latency.models."gpt-image-2"]
ttft = "8s"

[[faults]]
kind = "429"
rate = 0.02                      # share of the admitted requests, or:
nth = [1, 5]                     # the first and the fifth admitted request
billed = false
for = "30s"                      # duration of a refuse, a stall or a trickle
retry_after = "60"
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from .answers import load_answers
from .config import Config, Key, default_key
from .errors import GatewayError
from .faults import Fault, FaultKind, ProviderKind
from .latency import Latency, Time, parse_duration, parse_time
from .limits import MAX_PER_MINUTE, WindowKind
from .prices import load_prices
from .toml_file import read_toml

Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_MINUTE)] | Literal["none"]
Money = Decimal


class _KeyTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    secret: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    id: str | None = None
    rpm: Limit | None = None
    tpm: Limit | None = None
    daily_budget: Money | None = None
    monthly_budget: Money | None = None
    models: tuple[str, ...] | None = None
    expired: bool = False


class _PaceTable(msgspec.Struct, forbid_unknown_fields=True):
    ttft: str | None = None
    itl: str | None = None


class _LatencyTable(msgspec.Struct, forbid_unknown_fields=True):
    ttft: str | None = None
    itl: str | None = None
    models: dict[str, _PaceTable] = {}


class _FaultTable(msgspec.Struct, forbid_unknown_fields=True):
    kind: FaultKind | ProviderKind
    variant: str | None = None
    rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    nth: tuple[Annotated[int, msgspec.Meta(ge=1)], ...] = ()
    billed: bool | None = None
    lasts: str | None = msgspec.field(name="for", default=None)
    retry_after: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    balance: Money | None = None
    gift: Money | None = None
    rpm: Limit | None = None
    tpm: Limit | None = None
    window: WindowKind | None = None
    seed: int | None = None
    prices: str | None = None
    answers: str | None = None
    offline: tuple[str, ...] | None = None
    output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    capacity: Annotated[int, msgspec.Meta(ge=1)] | None = None
    cache: bool | None = None
    fault_header: bool | None = None
    log_headers: tuple[str, ...] | None = None
    log_chunks: bool | None = None
    keys: list[_KeyTable] = []
    latency: _LatencyTable | None = None
    faults: list[_FaultTable] | None = None


def load_config(path: Path) -> Config:
    """Read a configuration file. Raises GatewayError, naming the file and the key at fault."""
    file = read_toml(path, _File, what="config file")
    try:
        config = _config(file, path.parent)
        config.check()
    except GatewayError as error:
        raise GatewayError(f"{path}: {error}") from error
    return config


def _config(file: _File, folder: Path) -> Config:
    fields: dict[str, Any] = {
        name: value
        for name in (
            "balance",
            "gift",
            "window",
            "seed",
            "offline",
            "output_tokens",
            "capacity",
            "cache",
            "fault_header",
            "log_headers",
            "log_chunks",
        )
        if (value := getattr(file, name)) is not None
    }
    for name in ("rpm", "tpm"):
        limit = getattr(file, name)
        if limit is not None:
            fields[name] = None if limit == "none" else limit
    if file.prices is not None:
        fields["prices"] = load_prices(folder / file.prices)
    if file.answers is not None:
        fields["answers"] = load_answers(folder / file.answers)
    if file.latency is not None:
        fields |= _latency(file.latency)
    if file.faults is not None:
        fields["faults"] = tuple(_fault(table) for table in file.faults)
    seed = fields.get("seed", 0)
    fields["keys"] = tuple(_key(table, seed, number) for number, table in enumerate(file.keys))
    return Config(**fields)


def _key(table: _KeyTable, seed: int, number: int) -> Key:
    made = default_key(seed, table.secret, name=table.name, number=number)
    return Key(
        secret=made.secret,
        id=table.id or made.id,
        name=table.name,
        rpm=_own_limit(table.rpm),
        tpm=_own_limit(table.tpm),
        daily_budget=table.daily_budget,
        monthly_budget=table.monthly_budget,
        models=table.models,
        expired=table.expired,
        from_seed=made.from_seed,
    )


def _own_limit(limit: int | str | None) -> int | msgspec.UnsetType | None:
    if limit is None:
        return msgspec.UNSET
    return limit if isinstance(limit, int) else None


def _latency(table: _LatencyTable) -> dict[str, Any]:
    ttft_s = _time("latency.ttft", table.ttft, 0.0)
    itl_s = _time("latency.itl", table.itl, 0.0)
    models = {
        model: Latency(
            _time(f"latency.models.{model}.ttft", pace.ttft, ttft_s),
            _time(f"latency.models.{model}.itl", pace.itl, itl_s),
        )
        for model, pace in table.models.items()
    }
    return {"ttft_s": ttft_s, "itl_s": itl_s, "latency": models}


def _time(name: str, text: str | None, default: Time) -> Time:
    return default if text is None else parse_time(name, text)


def _fault(table: _FaultTable) -> Fault:
    return Fault(
        table.kind,
        rate=table.rate,
        nth=table.nth,
        billed=table.billed,
        for_s=None if table.lasts is None else parse_duration("faults.for", table.lasts),
        retry_after=table.retry_after,
        variant=table.variant,
    )
