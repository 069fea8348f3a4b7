"""What runs saw of an account: what it took between two readings, and what was used meanwhile.

Amounts are whole numbers of 10^-12, prices of 10^-6, and quantities such that a price times a
quantity is an amount: a price is for a million tokens, or for one image or search.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from typing import NamedTuple

import polars as pl

from headrace.jobs import (
    TOKEN_PRICES,
    AccountChange,
    BalanceReading,
    InputError,
    counted,
    printable,
)

from ..run import Run, reading_tables

# Charges may be booked after the answer: a figure counts once it has not changed for so long.
STILL = timedelta(seconds=1.5)
AMOUNT_PLACES = 12
PRICE_PLACES = 6
PIECES = ("image", "search_request")
# All pairs of readings bound the same sums; of a longer chain, each with the next and the first.
ALL_PAIRS_OF = 8
# A note of this kind says what a price list lacks, and not what the answer leaves open.
LACKING = "the price file has no"


class Unit(NamedTuple):
    """What is paid for: a component of a model's price, as the price file calls it, and from how
    many input tokens on."""

    model: str
    component: str
    band: int = 0


class Observation(NamedTuple):
    """What the account took between two readings: `low` to `high`, in 10^-12.

    `used` is what the run's answers used meanwhile, 1 more of each costing its price. `low` is None
    where something else may have been billed that nobody knows the usage of. `billed` is how many
    answers may have been.
    """

    began: datetime
    ended: datetime
    used: dict[Unit, int]
    low: int | None
    high: int
    billed: int = 1


class Observed(NamedTuple):
    """All observations of an account, in order of time, in its `currency`.

    `decimals` is how many the account shows. `notes` say what could not be used, `urls` where the
    runs' requests went.
    """

    currency: str
    decimals: int
    observations: list[Observation]
    attempts: int
    notes: list[str]
    urls: tuple[str, ...] = ()

    @property
    def hides_rounding(self) -> bool:
        """Whether charges may be rounded one by one and nothing shows it: the figures have no more
        decimals, and stretches have several requests."""
        several = any(each.billed > 1 for each in smallest(self.observations))
        return self.decimals < AMOUNT_PLACES and several

    @property
    def perhaps_several(self) -> list[str]:
        """What else may explain that the observations don't go together."""
        if len(self.urls) < 2:
            return []
        return [
            f"the runs went to {', '.join(map(printable, self.urls))}: where these are several "
            "services, look at each by itself"
        ]


Bands = Mapping[str, Sequence[int]]


def observe(runs: Sequence[Run], bands: Bands | None = None) -> Observed:
    """What `runs` saw of one account.

    Runs that were made at the same time, with the same key, count each other's requests. What was
    used is told apart by `bands`: from how many input tokens on a model's prices are others.

    Raises:
        InputError: they have no two readings with a figure, or several currencies.
    """
    readings = {run.directory: _readings(run) for run in runs}
    shown = [reading for each in readings.values() for reading in each]
    currencies = sorted({reading.currency or "" for reading in shown})
    if len(currencies) > 1:
        names = ", ".join(currencies)
        raise InputError(f"the accounts are in {names}: give runs of one currency")
    if not shown:
        raise InputError(
            "no reading of the account has a figure: prices can only be told where the service has "
            "GET /v1/balance"
        )
    decimals = max(reading.places for reading in shown)
    observations, notes, attempts = list[Observation](), list[str](), 0
    for group in _by_service(runs):
        moments = sorted({each.read_at for run in group for each in readings[run.directory]})
        stretches = _Stretches(moments, group, bands or {})
        attempts += stretches.attempts
        for run in group:
            for chain in _chains(readings[run.directory]):
                shown_by_run = readings[run.directory]
                still = [each for each in chain if _is_still(each, chain, shown_by_run, stretches)]
                if len(still) < len(chain):
                    moved = counted(len(chain) - len(still), "reading")
                    notes.append(
                        f"{moved} of {run.directory.name} left out, with requests in flight or "
                        "charges that may still have been under way"
                    )
                observations += _between(still, stretches, decimals)
    observations.sort(key=lambda each: (each.ended, each.began))
    urls = tuple(dict.fromkeys(run.manifest.base_url or "" for run in runs))
    return Observed(currencies[0], decimals, observations, attempts, notes, urls)


def _by_service(runs: Sequence[Run]) -> Iterator[list[Run]]:
    urls = dict.fromkeys(run.manifest.base_url for run in runs)
    for url in urls:
        yield [run for run in runs if run.manifest.base_url == url]


def _readings(run: Run) -> list[BalanceReading]:
    rows = run.readings.sort("read_at").iter_rows(named=True)
    found = [BalanceReading(**row) for row in rows]
    return [reading for reading in found if reading.balance is not None]


def _chains(readings: Sequence[BalanceReading]) -> list[list[BalanceReading]]:
    """Readings with the run at work in between. A session's end and another key part them."""
    chains: list[list[BalanceReading]] = [[]]
    for reading in readings:
        last = chains[-1][-1] if chains[-1] else None
        paused = last is not None and last.moment == "after" and reading.moment == "before"
        if last is not None and (paused or reading.key_id != last.key_id):
            chains.append([])
        chains[-1].append(reading)
    return chains


class _Stretches:
    """What was sent between each two moments at which the account was read, summed up.

    Stretch n ends with moment n, and the last one follows the last moment.
    """

    def __init__(self, moments: Sequence[datetime], runs: Sequence[Run], bands: Bands) -> None:
        self._moments = list(moments)
        frames = []
        for run in runs:
            sent = run.attempts.filter(pl.col("sent_at").is_not_null())
            with reading_tables(run.directory):
                frames.append(_summed(_used(sent, bands), self._moments).collect())
        self._rows = pl.concat(frames)
        self.attempts = int(self._rows["attempts"].sum())
        self._by_stretch = {
            number: self._rows.filter(pl.col("stretch") == number)
            for number in self._rows["stretch"].unique()
        }

    def before(self, moment: datetime) -> pl.DataFrame:
        """Sums of what was sent until then."""
        return self._rows.filter(pl.col("stretch") <= bisect_left(self._moments, moment))

    def next_sent(self, moment: datetime) -> datetime | None:
        """When the next request was sent after it."""
        after = self._rows.filter(pl.col("stretch") > bisect_left(self._moments, moment))
        found: datetime | None = after["first_sent_at"].min()  # type: ignore[assignment]
        return found

    def between(self, first: datetime, last: datetime) -> pl.DataFrame:
        """Sums of what was sent after the one moment and until the other."""
        numbers = range(bisect_left(self._moments, first) + 1, bisect_left(self._moments, last) + 1)
        found = [self._by_stretch[number] for number in numbers if number in self._by_stretch]
        return pl.concat(found) if found else self._rows.clear()


def _summed(used: pl.LazyFrame, moments: Sequence[datetime]) -> pl.LazyFrame:
    """Sums by stretch, model and band: nothing of a million rows has to be held.

    What was sent at the very moment of a reading comes after it: its answer was there by then.
    """
    marks = pl.Series(moments, dtype=pl.Datetime("us", "UTC"))
    stretch = pl.lit(marks).search_sorted(pl.col("sent_at"), side="right")
    return used.group_by(stretch.cast(pl.Int64).alias("stretch"), "model", "band").agg(
        pl.len().alias("attempts"),
        pl.col("sent_at").min().alias("first_sent_at"),
        pl.col("ended_at").filter("may_be_billed").max(),
        pl.col("may_be_billed").sum().alias("billed"),
        pl.col("ended_at").null_count().alias("open_ends"),
        pl.col("unknown").any(),
        *(pl.col(name).sum() for name in (*TOKEN_PRICES, *PIECES)),
    )


def _used(attempts: pl.LazyFrame, bands: Bands) -> pl.LazyFrame:
    band = pl.lit(0, pl.Int64)
    for model, begins in bands.items():
        for begin in sorted(begins):
            longer = (pl.col("model") == model) & (pl.col("input_tokens") >= begin)
            band = pl.when(longer).then(begin).otherwise(band)
    cached, written, hourly, reasoning = (
        pl.col(name).fill_null(0)
        for name in (
            "cached_input_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "reasoning_tokens",
        )
    )
    hundreds = pl.col("http_status") // 100
    told = (pl.col("input_tokens").is_not_null() & pl.col("output_tokens").is_not_null()) | pl.col(
        "images"
    ).is_not_null()
    open_note = pl.col("cost_note").is_not_null() & ~pl.col("cost_note").str.starts_with(LACKING)
    answered = pl.col("error_kind").is_null()
    refused = (~answered & hundreds.is_in([3, 4])).fill_null(value=False)
    known = answered & told & ~open_note
    amounts = {
        "input": pl.col("input_tokens").fill_null(0) - cached - written,
        "cached_input": cached,
        "cache_write": written - hourly,
        "cache_write_1h": hourly,
        "output": pl.col("output_tokens").fill_null(0) - reasoning,
        "reasoning": reasoning,
        "image": pl.col("images").fill_null(0).cast(pl.Int64),
        "search_request": pl.col("searches").fill_null(0).cast(pl.Int64),
    }
    contradicts = pl.any_horizontal(amount < 0 for amount in amounts.values())
    usable = known & ~contradicts
    return attempts.select(
        "model",
        band.alias("band"),
        "sent_at",
        (pl.col("sent_at") + pl.duration(microseconds=pl.col("latency_s") * 1e6)).alias("ended_at"),
        *(
            pl.when(usable).then(amount).otherwise(0).alias(name)
            for name, amount in amounts.items()
        ),
        (~usable & ~refused).alias("unknown"),
        (~refused).alias("may_be_billed"),
    )


def _is_still(
    reading: BalanceReading,
    chain: Sequence[BalanceReading],
    all_readings: Sequence[BalanceReading],
    stretches: _Stretches,
) -> bool:
    """Whether nothing was in flight at a reading, and what was billed before was booked by then: a
    later reading says the same, be it of the run's next session."""
    at, before = reading.read_at, stretches.before(reading.read_at)
    if reading.moment == "during" and before["open_ends"].sum():
        return False
    ended: datetime | None = before["ended_at"].max()  # type: ignore[assignment]
    if ended is None:
        return True
    if ended > at:
        return False
    if at - ended >= STILL or _agrees(reading, chain):
        return True
    after = stretches.next_sent(at)
    return any(
        later.key_id == reading.key_id and _same_figures(reading, later)
        for later in all_readings
        if later.read_at - ended >= STILL and (after is None or later.read_at < after)
    )


def _agrees(reading: BalanceReading, chain: Sequence[BalanceReading]) -> bool:
    """Whether all that was computed, which is more than nothing, is in the account's figures."""
    change = AccountChange(chain[0], reading)
    return change.computed > 0 and _taken(change) == change.computed


def _taken(change: AccountChange) -> Decimal | None:
    """What the key used; of a service that shows no key's use, the fall of the balance. None where
    that was reset, or the balance rose."""
    if change.own is not None:
        return change.own
    shown = any(
        budget.used is not None for reading in change for budget in reading.budgets.values()
    )
    return None if shown or change.fall < 0 else change.fall


def _same_figures(one: BalanceReading, other: BalanceReading) -> bool:
    return (one.balance, one.daily_used, one.monthly_used) == (
        other.balance,
        other.daily_used,
        other.monthly_used,
    )


def _between(
    readings: Sequence[BalanceReading], stretches: _Stretches, decimals: int
) -> Iterator[Observation]:
    """What was taken and used between each two of the readings of a chain."""
    pairs = (
        combinations(readings, 2)
        if len(readings) <= ALL_PAIRS_OF
        else [*pairwise(readings), *((readings[0], later) for later in readings[2:])]
    )
    unit = shown_unit(decimals)
    for first, last in pairs:
        taken = _taken(AccountChange(first, last))
        meanwhile = stretches.between(first.read_at, last.read_at)
        if taken is None or meanwhile.is_empty():
            continue
        amount = int(taken.scaleb(AMOUNT_PLACES))
        open_bill = bool(meanwhile["unknown"].any())
        yield Observation(
            first.read_at,
            last.read_at,
            _sums(meanwhile),
            None if open_bill else amount - unit,
            amount + unit,
            int(meanwhile["billed"].sum()),
        )


def shown_unit(decimals: int) -> int:
    """How far the difference of two figures can be off, in 10^-12: what is shown may be cut off or
    rounded, at either end."""
    return 10 ** (AMOUNT_PLACES - decimals) if decimals < AMOUNT_PLACES else 0


def _sums(attempts: pl.DataFrame) -> dict[Unit, int]:
    factors = dict.fromkeys(TOKEN_PRICES, 1) | dict.fromkeys(PIECES, 10**PRICE_PLACES)
    sums = attempts.group_by("model", "band").agg(pl.col(*factors).sum())
    return {
        Unit(row["model"], name, row["band"]): row[name] * factor
        for row in sums.sort("model", "band").iter_rows(named=True)
        for name, factor in factors.items()
        if row[name]
    }


def smallest(observations: Sequence[Observation]) -> list[Observation]:
    """Those that span no other one, in order of time."""
    spans = {(each.began, each.ended) for each in observations}
    return [
        each
        for each in observations
        if not any(
            each.began <= began and ended <= each.ended and (began, ended) != each[:2]
            for began, ended in spans
        )
    ]


def as_price(value: int) -> Decimal:
    """A price of `value` millionths."""
    return Decimal(value).scaleb(-PRICE_PLACES)


def as_amount(value: int) -> Decimal:
    """An amount of `value` times 10^-12."""
    return Decimal(value).scaleb(-AMOUNT_PLACES)
