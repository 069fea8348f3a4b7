"""The traffic shapes that can be asked for, each of which makes the demand of a run."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from headrace.jobs import WHOLE, Part, counted
from headrace.jobs import Shape as ShapeKind

from .arrivals import Arrivals, arrivals_of, due_times
from .curve import Point, RateCurve
from .demand import Demand, MeasureWindow, OpenLoop, Users
from .think import Think
from .user_curve import UserCurve

NO_THOUGHT = Think("constant", 0.0)


class _ClosedLoop:
    """What shapes of users have in common."""

    think: Think

    open_loop: ClassVar[bool] = False
    rate_per_s: ClassVar[float | None] = None

    def rate_at(self, at_s: float) -> float | None:
        """Users have no rate of their own."""
        return None

    def _asked(self, users: str) -> str:
        return f"{users}, think time {self.think.words}" if self.think != NO_THOUGHT else users

    def _users(
        self,
        window: MeasureWindow,
        count: int,
        curve: UserCurve | None = None,
        *,
        warmup_s: float,
        seed: int,
        part: Part,
    ) -> Users:
        """They come one after another over the first half of a warm-up; without one, at once."""
        return Users(
            window,
            count=count,
            think=self.think,
            seed=seed,
            start_s=window.from_s - warmup_s,
            spread_s=warmup_s / 2,
            part=part,
            curve=curve,
        )


@dataclass(frozen=True)
class UsersShape(_ClosedLoop):
    """A closed loop of so many users."""

    users: int
    think: Think = NO_THOUGHT

    kind: ClassVar[ShapeKind] = "users"
    length_s: ClassVar[float | None] = None

    @property
    def asked(self) -> str:
        """The shape in words."""
        return self._asked(counted(self.users, "user"))

    def demand(
        self, window: MeasureWindow, *, warmup_s: float, seed: int, part: Part = WHOLE
    ) -> Demand:
        """Users come one after another over the first half of a warm-up; without one, at once."""
        return self._users(window, self.users, warmup_s=warmup_s, seed=seed, part=part)


@dataclass(frozen=True)
class UserStagesShape(_ClosedLoop):
    """A closed loop whose users come and go; `text` is how the stages were written."""

    curve: UserCurve
    text: str
    think: Think = NO_THOUGHT

    kind: ClassVar[ShapeKind] = "stages"
    users: ClassVar[int | None] = None

    @property
    def length_s(self) -> float:
        """When the shape ends by itself."""
        return self.curve.end_s

    @property
    def asked(self) -> str:
        """The shape in words."""
        return self._asked(self.text)

    def demand(
        self, window: MeasureWindow, *, warmup_s: float, seed: int, part: Part = WHOLE
    ) -> Demand:
        """The users of the first stage come one after another over the first half of a warm-up."""
        most = self.curve.most
        return self._users(window, most, self.curve, warmup_s=warmup_s, seed=seed, part=part)


@dataclass(frozen=True)
class RateShape:
    """An open loop: a rate, or stages of rates, and how the arrivals lie about it.

    `variation` is that of gamma arrivals. `text` is how the stages were written.
    """

    curve: RateCurve
    arrivals: Arrivals = "constant"
    variation: float = 1.0
    text: str | None = None

    users: ClassVar[int | None] = None
    open_loop: ClassVar[bool] = True

    @property
    def kind(self) -> ShapeKind:
        return "rate" if self.text is None else "stages"

    @property
    def rate_per_s(self) -> float | None:
        """The rate, where it is the same throughout."""
        return self.curve.points[0].rate_per_s if self.text is None else None

    @property
    def length_s(self) -> float | None:
        """When the shape ends by itself; None where it never does."""
        return None if self.text is None else self.curve.end_s

    @property
    def asked(self) -> str:
        """The shape in words."""
        rate = f"{self.curve.points[0].rate_per_s:g}/s" if self.text is None else self.text
        bursts = f", variation {self.variation:g}" if self.arrivals == "gamma" else ""
        return f"{rate} {self.arrivals}{bursts}"

    def rate_at(self, at_s: float) -> float | None:
        """The rate so many seconds from the beginning of the window."""
        return self.curve.rate(max(0.0, at_s))

    def demand(
        self, window: MeasureWindow, *, warmup_s: float, seed: int, part: Part = WHOLE
    ) -> Demand:
        """The first rate holds through the warm-up."""
        first = RateCurve([Point(0.0, self.curve.points[0].rate_per_s)])
        return OpenLoop(
            window,
            warm_up=(due_s - warmup_s for due_s in due_times(first, self._moments(f"{seed}/0"))),
            measured=due_times(self.curve, self._moments(f"{seed}/1")),
            part=part,
        )

    def _moments(self, seed: str) -> Iterator[float]:
        return arrivals_of(self.arrivals, rng=random.Random(seed), variation=self.variation)


@dataclass(frozen=True)
class ReplayShape:
    """An open loop: the moments of a trace, in seconds from its first, `speed` times as fast."""

    times_s: Sequence[float]
    speed: float = 1.0

    users: ClassVar[int | None] = None
    kind: ClassVar[ShapeKind] = "replay"
    open_loop: ClassVar[bool] = True
    rate_per_s: ClassVar[float | None] = None

    @property
    def length_s(self) -> float:
        """When the trace is over, the warm-up included."""
        return self.times_s[-1] / self.speed

    @property
    def asked(self) -> str:
        """The shape in words."""
        faster = f", {self.speed:g} times as fast" if self.speed != 1 else ""
        return f"replay of {counted(len(self.times_s), 'request')}{faster}"

    def rate_at(self, at_s: float) -> float | None:
        """It changes with every request."""
        return None

    def demand(
        self, window: MeasureWindow, *, warmup_s: float, seed: int, part: Part = WHOLE
    ) -> Demand:
        """The trace's own beginning is the warm-up."""
        times_s = [time_s / self.speed - warmup_s for time_s in self.times_s]
        return OpenLoop(
            window,
            warm_up=(time_s for time_s in times_s if time_s < 0),
            measured=(time_s for time_s in times_s if time_s >= 0),
            part=part,
        )


Shape = UsersShape | UserStagesShape | RateShape | ReplayShape
