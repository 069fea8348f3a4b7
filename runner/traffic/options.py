"""What a load run can be asked for, and the plan that comes of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from headrace.jobs import InputError, ModelLimits, Trace, read_trace

from ..options import Headers
from ..secret import Secret
from ..settings import settings_from
from .arrivals import Arrivals
from .curve import Point, RateCurve, parse_rate, parse_stages
from .settings import LoadSettings, fresh_directory
from .shapes import NO_THOUGHT, RateShape, ReplayShape, Shape, UsersShape
from .supply import Asked, Supply, supply
from .think import parse_think


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """As the flags of `headrace load`, which docs/guides/load.md explains; times are seconds.

    The shape is one of `users`, `rate` ("50/s"), `stages` ("0s:5/s, 60s:50/s") and `replay`, a
    trace's path. `prices` and `jobs` are paths, `headers` lines of "Name: value", and `own_limits`
    those of single models. `base_url` None is HEADRACE_BASE_URL, `seed` None takes one from the
    clock, and `out` None a fresh directory in the current one.
    """

    users: int | None = None
    think: str | None = None
    rate: str | None = None
    stages: str | None = None
    replay: str | None = None
    arrivals: Arrivals = "constant"
    variation: float = 2.0
    speed: float = 1.0
    duration_s: float | None = None
    requests: int | None = None
    warmup_s: float = 0.0
    grace_s: float = 120.0
    model: str | None = None
    url: str = "/v1/chat/completions"
    stream: bool | None = None
    prompt_tokens: str | None = None
    output_tokens: str | None = None
    shared_prefix: float = 0.0
    turns: str = "1"
    extra: Mapping[str, Any] | str | None = None
    jobs: str | None = None
    sample: bool = False
    objectives: Sequence[str] = ()
    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    own_limits: Mapping[str, ModelLimits] = {}
    attempts: int = 1
    prices: str | Path | None = None
    max_cost: Decimal | None = None
    yes: bool = False
    seed: int | None = None
    headers: Headers = ()
    http2: bool = False
    base_url: str | None = None
    out: str | Path | None = None


class LoadPlan(NamedTuple):
    """A load run that is ready to go: how and what is sent, and where its records go."""

    settings: LoadSettings
    supply: Supply
    directory: Path


def plan(options: LoadOptions, key: Secret | str | None, now: dt.datetime) -> LoadPlan:
    """Check all that can be checked beforehand. `now` dates the directory, and is the seed where
    none is given.

    Raises InputError where something can't be used; nothing has been made or sent then.
    """
    seed = int(now.timestamp() * 1e6) if options.seed is None else options.seed
    trace = None if options.replay is None else read_trace(options.replay)
    if options.max_cost is not None and options.prices is None:
        raise InputError("--max-cost needs prices: give --prices FILE")
    given = {name: getattr(options, name) for name in options.__struct_fields__}
    settings = settings_from(
        LoadSettings,
        key,
        **{name: given[name] for name in given.keys() & {*LoadSettings.__struct_fields__}}
        | {"shape": _shape(options, trace), "objectives": tuple(options.objectives), "seed": seed},
    )
    asked = Asked(
        **{name: given[name] for name in given.keys() & {*Asked._fields}}
        | {"extra": _extra(options.extra)}
    )
    found = supply(asked, seed=seed, trace=trace)
    out = options.out
    directory = fresh_directory(now.date(), Path()) if out is None else Path(out)
    return LoadPlan(settings, found, directory)


def _shape(options: LoadOptions, trace: Trace | None) -> Shape:
    given = [
        flag
        for flag, value in (
            ("--users", options.users),
            ("--rate", options.rate),
            ("--stages", options.stages),
            ("--replay", options.replay),
        )
        if value is not None
    ]
    if len(given) != 1:
        what = f"{' and '.join(given)} are two shapes" if given else "no shape"
        raise InputError(
            f"{what}; give one of --users 64, --rate 50/s, --stages '0s:5/s, 60s:50/s' "
            "and --replay FILE"
        )
    if options.users is not None:
        if options.users < 1:
            raise InputError(f"{options.users} users are none; give at least 1")
        think = NO_THOUGHT if options.think is None else parse_think(options.think)
        return UsersShape(options.users, think)
    if options.think is not None:
        raise InputError("only users think: --think goes with --users")
    if trace is not None:
        return ReplayShape(trace.times_s, options.speed)
    if options.stages is not None:
        return RateShape(
            parse_stages(options.stages), options.arrivals, options.variation, options.stages
        )
    assert options.rate is not None
    rate_per_s = parse_rate(options.rate)
    if not rate_per_s:
        raise InputError("the rate is 0; give one above it, such as --rate 50/s")
    return RateShape(RateCurve([Point(0.0, rate_per_s)]), options.arrivals, options.variation)


def _extra(given: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if not isinstance(given, str):
        return given or {}
    try:
        return msgspec.json.decode(given, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(
            f"--extra is not a JSON object ({error}); write '{{\"top_p\": 0.9}}'"
        ) from error
