"""Money that is kept as spent for attempts whose bill is unknown, and what readings released."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
import polars as pl

from headrace.jobs import strip_zeros, unbilled

from ..run import Run
from ..service_runs import by_service
from .suspects import SUSPICION


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the account, made `at`, after which `released` was not kept any more: it had
    taken no more beyond what was computed than `kept` from then on. `service` is whose account it
    was, left out where there is only one."""

    at: datetime
    released: Decimal
    kept: Decimal
    service: str | msgspec.UnsetType = msgspec.UNSET


class KeptMoney(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as spent beside the cost, in `currency`.

    `kept` is what counts now: the `bounds` of `attempts`, by why their bill is unknown, and what is
    `unrecorded`, less what was `released`. `unbounded` of the attempts have no bound, so nothing is
    kept for them. What is unrecorded may have been billed for what machines sent that were lost
    with the end of their journals.
    """

    currency: str
    kept: Decimal
    bounds: Decimal
    attempts: dict[str, int]
    unbounded: int
    unrecorded: Decimal
    released: Decimal
    releases: list[Release]


def kept_money(run: Run) -> KeptMoney | None:
    """What is kept and was released; None where nothing ever was kept."""
    unrecorded, parts = run.manifest.unrecorded, by_service(run)
    if parts:
        nothing = Decimal(0)
        return _in_all({name: _of(each, nothing) for name, each in parts.items()}, unrecorded)
    return _of(run, unrecorded)


def _of(run: Run, unrecorded: Decimal) -> KeptMoney | None:
    """Of one service, where so much is kept without a row."""
    prices = run.manifest.prices
    rows = (
        run.attempts.filter(unbilled())
        .group_by(SUSPICION.fill_null("failed answer").alias("why"))
        .agg(
            pl.len().alias("n"),
            pl.col("cost_bound").sum(),
            pl.col("cost_bound").count().alias("bounded"),
        )
        .sort("n", "why", descending=[True, False])
        .collect()
        .to_dicts()
    )
    bounds = sum((Decimal(row["cost_bound"] or 0) for row in rows), Decimal(0))
    if prices is None or not bounds + unrecorded:
        return None
    releases = [
        Release(at=row["read_at"], released=_plain(row["released"]), kept=_plain(row["kept"]))
        for row in run.readings.filter(pl.col("released").is_not_null()).to_dicts()
    ]
    released = sum((each.released for each in releases), Decimal(0))
    return KeptMoney(
        currency=prices.currency,
        kept=_plain(max(Decimal(0), bounds + unrecorded - released)),
        bounds=_plain(bounds),
        attempts={row["why"]: row["n"] for row in rows},
        unbounded=sum(row["n"] - row["bounded"] for row in rows),
        unrecorded=_plain(unrecorded),
        released=_plain(released),
        releases=releases,
    )


def _in_all(found: Mapping[str, KeptMoney | None], unrecorded: Decimal) -> KeptMoney | None:
    """The same of several services: what one account took says nothing of another's bills, nor of
    what is `unrecorded`, whose account nobody knows."""
    known = {name: each for name, each in found.items() if each is not None}
    if not known:
        return None
    each = list(known.values())
    attempts: Counter[str] = sum((Counter(one.attempts) for one in each), Counter())
    releases = [
        msgspec.structs.replace(release, service=name)
        for name, one in known.items()
        for release in one.releases
    ]
    return KeptMoney(
        currency=each[0].currency,
        kept=_plain(sum((one.kept for one in each), unrecorded)),
        bounds=_plain(sum((one.bounds for one in each), Decimal(0))),
        attempts=dict(attempts.most_common()),
        unbounded=sum(one.unbounded for one in each),
        unrecorded=_plain(unrecorded),
        released=_plain(sum((one.released for one in each), Decimal(0))),
        releases=sorted(releases, key=lambda release: release.at),
    )


def _plain(amount: Decimal | None) -> Decimal:
    return strip_zeros(amount or Decimal(0))
