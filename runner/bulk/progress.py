"""The progress of a run, worked out from its totals; and as a line now and then."""

from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple

import trio

from headrace.jobs import printable, show_duration, strip_zeros

from ..clock import RunClock
from ..limits import Concurrency, Lane, Lanes
from ..record import Totals
from ..stop import Stop
from .shortage import SpendProjection, show_shortage

LINE_EVERY_S = 10.0
RATE_WINDOW_S = 60.0


class Progress(NamedTuple):
    """What a display may look at while the run is running. It changes nothing."""

    totals: Totals
    lanes: Lanes
    concurrency: Concurrency
    unfinished: Callable[[], int]  # jobs that were read and have no result
    fraction_read: Callable[[], float | None]
    currency: str | None  # None without prices, and so is `projection`
    projection: SpendProjection | None
    stop: Stop
    clock: RunClock


# Shows the progress of a run, until it is cancelled.
Display = Callable[[Progress], Awaitable[None]]


class ProgressSample(NamedTuple):
    """Counts at a moment on trio's clock; requests and tokens by lane."""

    at_s: float
    sent: list[int]
    tokens: list[int]
    finished: int


class LaneView(NamedTuple):
    """One lane's requests and tokens in the last 60 s, which is what its limits count.

    `model` None is the lane that models without limits of their own share.
    """

    model: str | None
    requests: int
    rpm: int | None
    tokens: int
    tpm: int | None


class View(NamedTuple):
    """What the display says, worked out."""

    done: int
    failed: int
    rejected: int
    in_flight: int
    waiting: int
    lanes: list[LaneView]
    cost: Decimal | None
    currency: str
    share: float | None
    eta_s: float | None
    state: str | None
    shortage: str | None


class Meter:
    """What was done in the last minute, from samples of the run's totals."""

    def __init__(self) -> None:
        self._samples: deque[ProgressSample] = deque()

    def look(self, progress: Progress) -> View:
        """Take a sample and work out what to show."""
        totals, in_flight = progress.totals, progress.concurrency.in_flight
        now_s = trio.current_time()
        finished = totals.succeeded + totals.failed
        lanes = list(progress.lanes)
        sent, tokens = [lane.sent for lane in lanes], [lane.used_tokens for lane in lanes]
        self._samples.append(ProgressSample(now_s, sent, tokens, finished))
        while self._samples[0].at_s < now_s - RATE_WINDOW_S:
            self._samples.popleft()
        first = self._samples[0]
        span_s = now_s - first.at_s
        unfinished = progress.unfinished()
        share = self._share(progress.fraction_read(), finished + totals.rejected, unfinished)
        gained = finished - first.finished
        eta_s = None
        if share and gained and span_s >= 1.0:
            left = finished * (1 - share) / share if share < 1 else 0.0
            eta_s = max(left, float(unfinished if share == 1 else 0)) * span_s / gained
        return View(
            done=totals.succeeded,
            failed=totals.failed,
            rejected=totals.rejected,
            in_flight=in_flight,
            waiting=max(0, unfinished - in_flight),
            lanes=[
                LaneView(
                    model=lane.model,
                    requests=sent[n] - first.sent[n],
                    rpm=lane.limiter.rpm,
                    tokens=tokens[n] - first.tokens[n],
                    tpm=lane.limiter.tpm,
                )
                for n, lane in enumerate(lanes)
                if lane.sent or (lane.model is None and not any(sent))
            ],
            cost=None if progress.currency is None else totals.spent,
            currency=progress.currency or "",
            share=share,
            eta_s=eta_s,
            state=_state(progress, now_s),
            shortage=_shortage(progress, now_s),
        )

    @staticmethod
    def _share(fraction_read: float | None, finished: int, unfinished: int) -> float | None:
        """Share of the whole file's lines that are finished, by how far the reader has come."""
        if fraction_read is None or not fraction_read or not finished + unfinished:
            return None
        return min(1.0, finished / (finished + unfinished) * fraction_read)


def _state(progress: Progress, now_s: float) -> str | None:
    """What holds the run up, if anything does."""
    if progress.stop.reason is not None:
        return f"stopping: {progress.concurrency.in_flight} in flight may finish; again: at once"
    held = [_held(lane, now_s) for lane in progress.lanes]
    return "; ".join(words for words in held if words is not None) or None


def _held(lane: Lane, now_s: float) -> str | None:
    """What holds one lane up, if anything does."""
    if lane.outage_since_s is not None:
        since = show_duration(now_s - lane.outage_since_s)
        what = "the service" if lane.model is None else printable(lane.model)
        return f"{what} has failed for {since}; trying one job at a time"
    left_s = lane.held_until_s - now_s
    if left_s <= 0:
        return None
    what = "" if lane.model is None else f"{printable(lane.model)} "
    return f"{what}cooling down for {show_duration(left_s)}"


def _shortage(progress: Progress, now_s: float) -> str | None:
    """What money will run out, and when."""
    found = None if progress.projection is None else progress.projection.shortage
    return None if found is None else show_shortage(found, progress.clock.utc(now_s))


def _against(count: int, limit: int | None) -> str:
    return f"{count:,}/{limit:,}" if limit is not None else f"{count:,}"


def last_minute(view: View) -> str:
    return "; ".join(_lane(lane) for lane in view.lanes) + " in the last minute"


def _lane(lane: LaneView) -> str:
    requests, tokens = _against(lane.requests, lane.rpm), _against(lane.tokens, lane.tpm)
    words = f"{requests} requests, {tokens} tokens"
    return words if lane.model is None else f"{printable(lane.model)}: {words}"


def in_words(view: View) -> str:
    parts = [
        f"{view.done:,} done",
        f"{view.failed:,} failed",
        f"{view.rejected:,} rejected",
        f"{view.in_flight:,} in flight",
        last_minute(view),
    ]
    if view.cost is not None:
        parts.append(f"{strip_zeros(view.cost):f} {view.currency}")
    if view.eta_s is not None:
        parts.append(f"about {show_duration(view.eta_s)} left")
    if view.state is not None:
        parts.append(view.state)
    if view.shortage is not None:
        parts.append(view.shortage)
    return ", ".join(parts)


def display_in_lines(say: Callable[[str], None]) -> Display:
    """A line every ten seconds."""

    async def lines(progress: Progress) -> None:
        meter = Meter()
        meter.look(progress)
        while True:
            await trio.sleep(LINE_EVERY_S)
            say(in_words(meter.look(progress)))

    return lines
