"""What a load run can be asked for, and the plan that comes of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from headrace.jobs import WHOLE, InputError, Part, Trace, TraceUnit, read_trace

from ..defaults import ARRIVALS, SPEED, VARIATION
from ..options import SendOptions
from ..scrape import checked_scrape_url
from ..secret import Secret
from ..settings import cap_without_prices, settings_from
from .arrivals import Arrivals
from .cancelling import parse_cancel
from .curve import Point, RateCurve, parse_rate, parse_stages
from .prompt_source import PromptOptions, PromptSource, prompts_for
from .settings import LoadSettings, fresh_directory
from .shapes import NO_THOUGHT, RateShape, ReplayShape, Shape, UsersShape, UserStagesShape
from .think import parse_think
from .user_curve import are_user_stages, parse_user_stages

if TYPE_CHECKING:
    from ..services import ChosenServices


class LoadOptions(SendOptions, total=False):
    """Options of a load run, which docs/guides/load.md explains; one of `users`, `rate`, `stages`
    and `replay` is its shape.

    users: a closed loop of so many users.
    think: a user's pause: "2s", "uniform:1s:3s", "exponential:2s".
    rate: an open loop: "50/s".
    stages: an open loop whose rate changes: "0s:5/s, 60s:50/s"; or users who come and go:
        "0s:1u, 60s:50u".
    replay: a trace's path.
    arrivals: how requests lie about the rate.
    variation: of gamma arrivals; 1 is poisson.
    speed: how many times as fast to replay.
    trace_unit: of a trace's times, "s" or "ms"; None is that of its form.
    block_tokens: the length of the blocks that a trace's hash_ids stand for; None is likewise.
    duration_s, requests: how long, or how many, to measure.
    warmup_s: the time before it is measured.
    model, url, stream: of the requests; None is the default, or what `jobs` say.
    prompt_tokens, output_tokens: lengths: "512", "uniform:100:900".
    shared_prefix: the share of each prompt that is the same in all.
    turns: requests per conversation.
    extra: more fields for each body, as a mapping or JSON.
    jobs: a job file, to be sent in a circle; drawn from with `sample`.
    objectives: what a good request keeps to: "ttft_s < 0.8".
    client_error_s: what the client may be late by; None is what the verdict allows.
    cost_per_hour: what the hardware costs that answers, for the cost of a million tokens.
    require: what the run must meet: "p95(latency_s) < 3", "error_rate < 1%"; exit code 4 where it
        does not.
    unclear: what one of these counts as that can't be told: "met", "missed", or "point", by what
        came out.
    cancel: a share of the requests that is cancelled, and how long after it was sent: "5%@2s".
    scrape: the URL of the server's metrics, which are read once a second into `server.parquet`.
    service: the service instead of `base_url`, as a mapping that `[[services]]` of headrace.toml
        could hold.
    seed: of all chance; None takes one from the clock.
    out: a new run directory; None is a fresh one in the current directory.
    """

    users: int | None
    think: str | None
    rate: str | None
    stages: str | None
    replay: str | None
    arrivals: Arrivals
    variation: float
    speed: float
    trace_unit: TraceUnit | None
    block_tokens: int | None
    duration_s: float | None
    requests: int | None
    warmup_s: float
    model: str | None
    url: str
    stream: bool | None
    prompt_tokens: str | None
    output_tokens: str | None
    shared_prefix: float
    turns: str
    extra: Mapping[str, Any] | str | None
    jobs: str | None
    sample: bool
    objectives: Sequence[str]
    client_error_s: float | None
    cost_per_hour: Decimal | None
    require: Sequence[str]
    unclear: Literal["met", "missed", "point"]
    cancel: str | None
    scrape: str | None
    service: "Mapping[str, Any] | ChosenServices | None"
    seed: int | None
    out: str | Path | None


OF_SETTINGS = {*LoadSettings.__struct_fields__}


class LoadPlan(NamedTuple):
    """A load run that is ready to go: how and what is sent, and where its records go; `asked` is
    what makes the same plan again."""

    settings: LoadSettings
    source: PromptSource
    directory: Path
    asked: LoadOptions


def plan(
    options: LoadOptions,
    key: Secret | str | None,
    now: dt.datetime,
    *,
    part: Part = WHOLE,
) -> LoadPlan:
    """Check all that can be checked beforehand. `now` dates the directory, and is the seed where
    none is given; `part` is what of it this process sends.

    Raises InputError where something can't be used; nothing has been made or sent then.
    """
    given: dict[str, Any] = {**options}
    if unknown := sorted(given.keys() - LoadOptions.__optional_keys__):
        raise TypeError(f"a load run has no option {unknown[0]!r}")
    seed = options.get("seed")
    if seed is None:
        seed = int(now.timestamp() * 1e6)
    replay, out = options.get("replay"), options.get("out")
    trace = None if replay is None else _trace(replay, options)
    scrape, cancel = options.get("scrape"), options.get("cancel")
    settings = settings_from(
        LoadSettings,
        key,
        **{name: given[name] for name in given.keys() & OF_SETTINGS}
        | {
            "shape": _shape(options, trace),
            "objectives": tuple(options.get("objectives", ())),
            "require": tuple(options.get("require", ())),
            "cancel": None if cancel is None else parse_cancel(cancel),
            "scrape": None if scrape is None else checked_scrape_url(scrape),
            "seed": seed,
        },
    )
    own = None if settings.services is None else settings.services.own_prices(settings.service)
    if settings.max_cost is not None and (own or settings.prices) is None:
        raise cap_without_prices(settings.service)
    asked = PromptOptions(
        **{name: given[name] for name in given.keys() & {*PromptOptions._fields}}
        | {"extra": _extra(options.get("extra"))}
    )
    found = prompts_for(asked, seed=seed, trace=trace, part=part, others=settings.others)
    said = None if trace is None else trace.announcement(options.get("speed", SPEED))
    directory = fresh_directory(now.date(), Path()) if out is None else Path(out)
    again: LoadOptions = {**options, "seed": seed, "out": directory}
    return LoadPlan(settings, found._replace(announcement=said), directory, again)


def _trace(path: str, options: LoadOptions) -> Trace:
    return read_trace(
        path, unit=options.get("trace_unit"), block_tokens=options.get("block_tokens")
    )


def _shape(options: LoadOptions, trace: Trace | None) -> Shape:
    users, rate, stages = options.get("users"), options.get("rate"), options.get("stages")
    think = options.get("think")
    given = [
        flag
        for flag, value in (
            ("--users", users),
            ("--rate", rate),
            ("--stages", stages),
            ("--replay", options.get("replay")),
        )
        if value is not None
    ]
    if len(given) != 1:
        what = f"{' and '.join(given)} are two shapes" if given else "no shape"
        raise InputError(
            f"{what}; give one of --users 64, --rate 50/s, --stages '0s:5/s, 60s:50/s' "
            "and --replay FILE"
        )
    for flag, value in (
        ("--trace-unit", options.get("trace_unit")),
        ("--block-tokens", options.get("block_tokens")),
    ):
        if value is not None and trace is None:
            raise InputError(f"only a trace has that: {flag} goes with --replay")
    if users is not None:
        if users < 1:
            raise InputError(f"--users is {users}; give at least 1")
        return UsersShape(users, NO_THOUGHT if think is None else parse_think(think))
    if stages is not None and are_user_stages(stages):
        curve = parse_user_stages(stages)
        return UserStagesShape(curve, stages, NO_THOUGHT if think is None else parse_think(think))
    if think is not None:
        raise InputError("only users think: --think goes with --users, or with stages of users")
    if trace is not None:
        return ReplayShape(trace.times_s, options.get("speed", SPEED))
    arrivals = options.get("arrivals", ARRIVALS)
    variation = options.get("variation", VARIATION)
    if stages is not None:
        return RateShape(parse_stages(stages), arrivals, variation, stages)
    assert rate is not None
    rate_per_s = parse_rate(rate)
    if not rate_per_s:
        raise InputError("the rate is 0; give one above it, such as --rate 50/s")
    return RateShape(RateCurve([Point(0.0, rate_per_s)]), arrivals, variation)


def _extra(given: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if not isinstance(given, str):
        return given or {}
    try:
        return msgspec.json.decode(given, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(
            f"--extra is not a JSON object ({error}); write '{{\"top_p\": 0.9}}'"
        ) from error
