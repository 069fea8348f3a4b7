"""How much of each limit a run used, and what the service refused."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import polars as pl

from headrace.jobs import EstimateTotals, Session, printable

from ..run import Run
from ..service_runs import by_service
from .concurrency_history import ConcurrencyFigures, concurrency_of

MINUTE = timedelta(seconds=60)
JUDGED_FROM_S = 10.0
MEAN_FROM_S = 1.0


class LimitUse(msgspec.Struct, frozen=True, kw_only=True):
    """Use of one limit per minute. `limit` None is none; `model` is the one that has it for itself,
    None where all models without limits of their own share it; `service` is whose it is, left out
    where there is only one.

    `peak` is the most in any 60 s, `rate` the mean per minute from the first request to the last
    (None under a second, and for a single one); `share` is that rate as a share of the limit. Where
    no 60 s held more than the limit, it is None under 10 s and for a rate above the limit:
    stretched to a minute, a short time's first requests say nothing of its use.

    All are of the requests since the session that began with these limits: `since`, left out where
    all sessions had them. Older requests kept to others.
    """

    what: str
    model: str | None = None
    limit: float | None
    peak: int
    rate: float | None
    share: float | None
    service: str | msgspec.UnsetType = msgspec.UNSET
    since: datetime | msgspec.UnsetType = msgspec.UNSET

    @property
    def words(self) -> str:
        """What is limited, such as `requests, deepseek, deepseek-chat`."""
        names = (each for each in (self.service, self.model) if isinstance(each, str))
        return ", ".join([self.what, *map(printable, names)])


class LimitsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Use of the limits, refusals for exceeding them, and estimates beside what was used.

    `refused` counts answers of 429, `asked_pause_s` is the longest pause that one asked for.
    """

    uses: list[LimitUse]
    refused: int
    asked_pause_s: float | None
    estimates: dict[str, EstimateTotals]
    concurrency: ConcurrencyFigures

    @property
    def changes(self) -> list[str]:
        """A sentence for each service, or for the run, whose limits a session changed."""
        changed = {use.service: use.since for use in self.uses if isinstance(use.since, datetime)}
        return [
            f"The limits{f' of {service}' if isinstance(service, str) else ''} were changed: the "
            f"figures are of the requests since {since:%Y-%m-%d %H:%M:%S} UTC."
            for service, since in changed.items()
        ]

    @property
    def too_short(self) -> bool:
        """Whether several requests left that no share of a limit was made of."""
        several = any(use.what == "requests" and use.peak > 1 for use in self.uses)
        return several and any(use.limit is not None and use.share is None for use in self.uses)


def limits_of(run: Run) -> LimitsReport:
    """Work out the use of the newest session's limits by the requests that were held to them."""
    refused = (
        run.attempts.filter(pl.col("http_status") == 429)
        .select(pl.len().alias("refused"), pl.col("retry_after_s").max())
        .collect()
    )
    parts = by_service(run)
    return LimitsReport(
        uses=[
            msgspec.structs.replace(use, service=name)
            for name, part in parts.items()
            for use in _limit_uses(part)
        ]
        if parts
        else _limit_uses(run),
        refused=refused["refused"][0],
        asked_pause_s=refused["retry_after_s"][0],
        estimates=run.manifest.estimates,
        concurrency=concurrency_of(run),
    )


def _limit_uses(run: Run) -> list[LimitUse]:
    """The use of each limit of a run that has one service."""
    limits = run.manifest.sessions[-1].limits
    tokens = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    since = _since(run.manifest.sessions)
    own = pl.col("model").is_in(pl.Series(list(limits.models), dtype=pl.String).implode())
    of_these = pl.col("sent_at").is_not_null()
    if since is not None:
        of_these &= pl.col("sent_at") >= since
    sent = (
        run.attempts.filter(of_these)
        .select(
            "sent_at",
            tokens.alias("tokens"),
            pl.when(own).then("model").alias("lane"),
        )
        .sort("sent_at")
        .collect()
    )
    uses = []
    shared = sent.filter(pl.col("lane").is_null())
    if len(shared) or not limits.models:
        uses = _uses(shared, None, rpm=limits.rpm, tpm=limits.tpm)
    for model, each in limits.models.items():
        lane = sent.filter(pl.col("lane") == model)
        if len(lane):
            uses += _uses(lane, model, rpm=each.rpm, tpm=each.tpm)
    if since is None:
        return uses
    return [msgspec.structs.replace(each, since=since) for each in uses]


def _since(sessions: Sequence[Session]) -> datetime | None:
    """When the first of the newest sessions in a row that had these limits began; None where all
    had them."""
    held = [msgspec.structs.replace(each.limits, concurrency=None) for each in sessions]
    others = [number for number, limits in enumerate(held) if limits != held[-1]]
    return sessions[others[-1] + 1].started_at if others else None


def _uses(
    sent: pl.DataFrame, model: str | None, *, rpm: int | None, tpm: int | None
) -> list[LimitUse]:
    """The use of one lane's two limits by the requests that it let out."""
    peaks, span_s = _peaks(sent), _span_s(sent)
    totals = {"requests": len(sent), "tokens": int(sent["tokens"].sum())}
    uses = []
    for what, limit in (("requests", rpm), ("tokens", tpm)):
        rate = totals[what] / span_s * 60 if span_s >= MEAN_FROM_S else None
        share = None
        if rate is not None and limit is not None:
            within = span_s >= JUDGED_FROM_S and rate <= limit
            share = rate / limit if within or peaks[what] > limit else None
        uses.append(
            LimitUse(
                what=what,
                model=model,
                limit=limit,
                peak=peaks[what],
                rate=rate,
                share=share,
            )
        )
    return uses


def _peaks(sent: pl.DataFrame) -> dict[str, int]:
    if not len(sent):
        return {"requests": 0, "tokens": 0}
    windows = sent.rolling("sent_at", period=MINUTE).agg(
        pl.len().alias("requests"), pl.col("tokens").sum()
    )
    peaks: dict[str, int] = windows.select(pl.col("requests", "tokens").max()).row(0, named=True)
    return peaks


def _span_s(sent: pl.DataFrame) -> float:
    """Time that the requests took up: n of them have n - 1 gaps, and each counts one."""
    if len(sent) < 2:
        return 0.0
    gaps_s: float = (sent["sent_at"][-1] - sent["sent_at"][0]).total_seconds()
    return gaps_s * len(sent) / (len(sent) - 1)
