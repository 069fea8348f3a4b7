"""What each service did in a run, by its rows and by the gateways' own logs, and compared."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tests.crash.gateway import model_of
from tests.crash.services import LIMITS, WEIGHTS, ServiceGateway, served_by

# The moment of sending is a little before that of arrival: a minute on one clock is less on another
# by what that varies.
MINUTE_S = 59.0
# How far a service's part of the jobs may be from its share.
OFF_BY = 6


class Logged(NamedTuple):
    """What a gateway logged of a run's models, and of everything."""

    posts: list[dict[str, Any]]
    every: list[dict[str, Any]]


def logged_by(gateway: ServiceGateway, models: set[str]) -> Logged:
    """Read its log."""
    every = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    posts = [row for row in every if row["method"] == "POST" and row["model"] in models]
    return Logged(posts, every)


def wrong_services(
    run: Path, gateways: Sequence[ServiceGateway], numbers: set[int], *, dedupe: bool
) -> list[str]:
    """What of a run that has ended is not as each of these gateways saw it."""
    models = {model_of(number): number for number in numbers}
    logs = {each.name: logged_by(each, {*models}) for each in gateways}
    results = pl.read_parquet(run / "results" / "*.parquet")
    attempts = pl.read_parquet(run / "attempts" / "*.parquet")
    wrong = []
    for each in gateways:
        wrong += wrong_keys(each, logs[each.name].every)
        wrong += too_many(each, logs[each.name].posts)
        wrong += wrong_costs(each, logs[each.name].posts, attempts)
    wrong += wrong_places(logs, models, results, attempts, len(gateways))
    wrong += wrong_shares(results, models, len(gateways), dedupe=dedupe)
    return wrong + wrong_readings(run, gateways, attempts)


def wrong_keys(gateway: ServiceGateway, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that came to a gateway and that nobody was told for it."""
    keys = {
        value.removeprefix("Bearer ") for row in rows for value in (row["headers"] or {}).values()
    }
    return [f"{gateway.name} was sent {each}" for each in keys - gateway.sent_as]


def too_many(gateway: ServiceGateway, posts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether more requests came to it in a minute than its limit allows."""
    limit = LIMITS[gateway.at % len(LIMITS)]
    came = sorted(dt.datetime.fromisoformat(row["arrival"]).timestamp() for row in posts)
    if limit is None or all(
        late - early >= MINUTE_S for early, late in zip(came, came[limit:], strict=False)
    ):
        return []
    return [f"{gateway.name} was sent more than {limit} requests in a minute"]


def wrong_costs(
    gateway: ServiceGateway, posts: Sequence[Mapping[str, Any]], attempts: pl.DataFrame
) -> list[str]:
    """Whether what it charged for answers is what the rows of its service cost."""
    own = attempts.filter(pl.col("service") == gateway.name)
    priced = set(own.filter(pl.col("cost").is_not_null())["request_id"])
    charged = sum((Decimal(row["charge"]) for row in posts if row["request_id"] in priced), _NONE)
    cost = Decimal(own["cost"].sum() or 0)
    wrong = []
    if cost != charged:
        wrong.append(f"{gateway.name}: computed {cost}, charged {charged} for answers")
    kept = own.filter(pl.col("cost").is_null())["cost_bound"].sum() or 0
    others = sum((Decimal(row["charge"]) for row in posts), _NONE) - cost
    if others > Decimal(kept):
        wrong.append(f"{gateway.name} charged {others} beside, at most {kept} is kept for it")
    return wrong


_NONE = Decimal(0)


def wrong_places(
    logs: Mapping[str, Logged],
    models: Mapping[str, int],
    results: pl.DataFrame,
    attempts: pl.DataFrame,
    count: int,
) -> list[str]:
    """Jobs that came to a service which has not their model, or to two; rows that name another."""
    names = [*logs]
    came: dict[str, set[str]] = defaultdict(set)
    for name, log in logs.items():
        for row in log.posts:
            came[row["model"]].add(name)
    wrong = []
    for model, number in models.items():
        allowed = {names[each] for each in served_by(number, count)}
        if not came[model] <= allowed or len(came[model]) > 1:
            wrong.append(f"{model} of {sorted(allowed)} came to {sorted(came[model])}")
    for table, rows in (("results", results), ("attempts", attempts)):
        for model, service in set(rows.select("model", "service").iter_rows()):
            if came[model] and came[model] != {service}:
                wrong.append(f"{table} of {model} say {service}, it came to {came[model]}")
    at = {row["request_id"]: name for name, log in logs.items() for row in log.posts}
    answers = attempts.filter(pl.col("request_id").is_not_null())
    wrong += [
        f"answer {request} is said to be of {service}"
        for request, service in answers.select("request_id", "service").iter_rows()
        if at.get(request) != service and request in at
    ]
    return wrong


def wrong_shares(
    results: pl.DataFrame, models: Mapping[str, int], count: int, *, dedupe: bool
) -> list[str]:
    """Services whose part of the jobs of shared models is not their share, to within a few; equal
    jobs are shared out by what they ask, so right on average alone."""
    sent = results.filter(pl.col("copy_of").is_null())
    service_of = dict(sent.select("model", "service").iter_rows())
    kinds: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number in models.values():
        kinds[tuple(served_by(number, count))].append(number)
    wrong = []
    for services, numbers in kinds.items():
        whole = sum(WEIGHTS[each % len(WEIGHTS)] for each in services)
        got = Counter(service_of.get(model_of(number)) for number in numbers)
        off_by = OFF_BY + (len(numbers) / 3 if dedupe else 0)
        for each in services:
            share = len(numbers) * WEIGHTS[each % len(WEIGHTS)] / whole
            if abs(got[f"s{each}"] - share) > off_by:
                wrong.append(f"s{each} has {got[f's{each}']} of {len(numbers)}, not {share:.0f}")
    return wrong


def wrong_readings(
    run: Path, gateways: Sequence[ServiceGateway], attempts: pl.DataFrame
) -> list[str]:
    """Readings of no service, and last ones by which another amount was spent than the rows say."""
    readings = pl.read_parquet(run / "balance.parquet").sort("read_at")
    names = {each.name for each in gateways}
    wrong = [f"a reading of {each}" for each in set(readings["service"]) - names]
    for name in names:
        spent = readings.filter(service=name)["spent"].to_list()
        last = spent[-1] if spent else None
        cost = Decimal(attempts.filter(service=name)["cost"].sum() or 0)
        if last != cost:
            wrong.append(f"the last reading of {name} says {last} was spent, its rows {cost}")
    return wrong


def wrong_report(run: Path, gateways: Sequence[ServiceGateway], shown: dict[str, Any]) -> list[str]:
    """What a report says otherwise than the rows of a run that has ended."""
    attempts = pl.read_parquet(run / "attempts" / "*.parquet")
    results = pl.read_parquet(run / "results" / "*.parquet")
    wrong = []
    for each, gateway in zip(shown["services"], gateways, strict=True):
        own = attempts.filter(service=gateway.name)
        told = (each["name"], Decimal(each["cost"] or 0), each["jobs"], each["stopped"])
        found = (gateway.name, Decimal(own["cost"].sum() or 0))
        there = (*found, len(results.filter(service=gateway.name)), None)
        if told != there:
            wrong.append(f"the report says {told}, the rows {there}")
    return wrong


def adds_up(shown: dict[str, Any]) -> list[str]:
    """Figures of the services in a report that don't add up to those of all."""
    total = shown["usage"]["total"]
    services = shown["services"]
    sums = {
        "cost": (sum(Decimal(each["cost"] or 0) for each in services), Decimal(total["cost"] or 0)),
        "jobs": (
            sum(each["jobs"] for each in services),
            shown["outcome"]["succeeded"] + shown["outcome"]["failed"],
        ),
        "output": (
            sum(each["output_tokens"] or 0 for each in services),
            total["output_tokens"] or 0,
        ),
    }
    return [f"{name}: {a} of services, {b} in all" for name, (a, b) in sums.items() if a != b]
