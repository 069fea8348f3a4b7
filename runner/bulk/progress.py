"""The progress of a run, worked out from its totals; and as a line now and then."""

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import trio

from headrace.jobs import counted, printable, show_duration, strip_zeros

from ..clock import RunClock
from ..limits import Lane, Slots
from ..money import Budget
from ..record import Totals
from ..stop import ServiceStop, Stop
from .engine import FileProgress
from .shortage import Shortage, show_shortage

LINE_EVERY_S = 10.0
RATE_WINDOW_S = 60.0


class Progress(NamedTuple):
    """What a display may look at while the run is running. It changes nothing."""

    totals: Totals
    lanes: Iterable[Lane]
    concurrency: Slots
    unfinished: Callable[[], int]  # jobs that were read and have no result
    ahead: Callable[[], FileProgress]
    budget: Budget | None  # over all services; None without prices
    currency: str | None  # None without prices, and so is `projection`
    projection: Callable[[], Shortage | None] | None
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

    `model` None is the lane that models without limits of their own share; `service` names that of
    several services that it leads to. `held` is what holds it up, in words, or None.
    """

    model: str | None
    service: str | None
    requests: int
    rpm: int | None
    tokens: int
    tpm: int | None
    held: str | None

    @property
    def named(self) -> str:
        """What it leads to, as far as that has a name."""
        return _named(self.model, self.service)


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
    stopping: str | None
    shortage: str | None


class Meter:
    """What was done in the last minute, from samples of the run's totals."""

    def __init__(self) -> None:
        self._samples: deque[ProgressSample] = deque()
        self._gained_s = 0.0  # when a sample first showed the latest results

    def look(self, progress: Progress) -> View:
        """Take a sample and work out what to show."""
        totals, in_flight = progress.totals, progress.concurrency.in_flight
        now_s = trio.current_time()
        finished = totals.succeeded + totals.failed
        lanes = list(progress.lanes)
        sent, tokens = [lane.sent for lane in lanes], [lane.used_tokens for lane in lanes]
        if not self._samples or finished != self._samples[-1].finished:
            self._gained_s = now_s
        self._samples.append(ProgressSample(now_s, sent, tokens, finished))
        while self._samples[0].at_s < now_s - RATE_WINDOW_S:
            self._samples.popleft()
        first = self._samples[0]
        stopped = _stopped(progress.stop)
        held = [_held(lane, stopped, now_s) for lane in lanes]
        unfinished = progress.unfinished()
        ahead = progress.ahead()
        done, share = finished + totals.rejected, None
        if ahead.expected_items is not None:
            share = min(1.0, done / max(ahead.expected_items, done + unfinished))
        return View(
            done=totals.succeeded,
            failed=totals.failed,
            rejected=totals.rejected,
            in_flight=in_flight,
            waiting=max(0, unfinished - in_flight),
            lanes=[
                LaneView(
                    model=lane.model,
                    service=lane.service,
                    requests=sent[n] - first.sent[n],
                    rpm=lane.limiter.rpm,
                    tokens=tokens[n] - first.tokens[n],
                    tpm=lane.limiter.tpm,
                    held=held[n],
                )
                for n, lane in enumerate(lanes)
                if lane.sent
                or held[n] is not None
                or (lane.model is lane.service is None and not any(sent))
            ],
            cost=None if progress.currency is None else totals.spent,
            currency=progress.currency or "",
            share=share,
            eta_s=None if share is None else self._eta_s(progress, ahead.left),
            stopping=_stopping(progress),
            shortage=_shortage(progress, now_s),
        )

    def _eta_s(self, progress: Progress, left: Mapping[Lane, float]) -> float | None:
        """How long what is left takes, at the pace of the last minute.

        Where slots are what holds the run back, that is the pace of the results, up to the latest
        of them: they come in bursts. Else it is the pace at which requests leave, of the slowest
        lane: results begin a latency later, and would make a run's beginning look slow.
        """
        first, last = self._samples[0], self._samples[-1]
        gained = last.finished - first.finished
        if last.at_s - first.at_s < 1.0 or not gained:
            return None
        in_flight = progress.concurrency.in_flight
        if in_flight >= progress.concurrency.limit:
            pace_s = (self._gained_s - first.at_s) / gained
            return max(0.0, sum(left.values()) * pace_s - (last.at_s - self._gained_s))
        # Not every request brings a result: some are made again.
        ended = max(1, sum(last.sent) - sum(first.sent) - in_flight)
        attempts_each = max(1.0, ended / gained)
        times_s = [0.0]
        for n, lane in enumerate(progress.lanes):
            sent = last.sent[n] - first.sent[n]
            if left.get(lane) and sent:
                # (The first of all leaves at the start of the time, not at the end of a pause.)
                pace_s = (last.at_s - first.at_s) / max(1, sent - (first.sent[n] == 0))
                times_s.append(left[lane] * attempts_each * pace_s)
        return max(times_s)


def _stopping(progress: Progress) -> str | None:
    """That the whole run stops, where it does."""
    if progress.stop.reason is None:
        return None
    return f"stopping: {progress.concurrency.in_flight} in flight may finish; again: at once"


def _stopped(stop: Stop) -> set[str]:
    """The services that nothing more is sent to, while the others carry on."""
    parts = (each for each in stop.parts if isinstance(each, ServiceStop))
    return {each.service for each in parts if each.alone is not None}


def _held(lane: Lane, stopped: Collection[str], now_s: float) -> str | None:
    """What holds one lane up, if anything does."""
    if lane.service in stopped:
        return "has stopped"
    if lane.outage_since_s is not None:
        since = show_duration(now_s - lane.outage_since_s)
        return f"has failed for {since}; trying one job at a time"
    left_s = lane.held_until_s - now_s
    return None if left_s <= 0 else f"cooling down for {show_duration(left_s)}"


def held_up(view: View) -> str | None:
    """What holds the run up, if anything does: that it stops, or what each lane waits for."""
    if view.stopping is not None:
        return view.stopping
    said: list[str] = []
    for lane in view.lanes:
        if lane.held is not None:
            failing = lane.held.startswith("has ")
            named = lane.named or ("the service" if failing else "")
            said.append(f"{named} {lane.held}".lstrip())
    return "; ".join(dict.fromkeys(said)) or None


def _named(model: str | None, service: str | None) -> str:
    """What a lane leads to, as far as it has a name."""
    return " ".join(
        ([] if service is None else [service]) + ([] if model is None else [printable(model)])
    )


def _shortage(progress: Progress, now_s: float) -> str | None:
    """What money will run out, and when."""
    found = None if progress.projection is None else progress.projection()
    return None if found is None else show_shortage(found, progress.clock.utc(now_s))


def _against(count: int, limit: int | None, noun: str) -> str:
    return counted(count, noun) if limit is None else f"{count:,}/{counted(limit, noun)}"


def last_minute(view: View) -> str:
    lanes = "; ".join(_lane(lane) for lane in view.lanes) or "nothing sent"
    return f"{lanes} in the last minute"


def lane_words(lane: LaneView) -> tuple[str, str]:
    """Requests and tokens of a lane, against its limits."""
    return _against(lane.requests, lane.rpm, "request"), _against(lane.tokens, lane.tpm, "token")


def _lane(lane: LaneView) -> str:
    words = ", ".join(lane_words(lane))
    return f"{lane.named}: {words}" if lane.named else words


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
    if (held := held_up(view)) is not None:
        parts.append(held)
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
