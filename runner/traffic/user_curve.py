"""How many users there are over time, and when each of them is there."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from headrace.jobs import InputError

from .curve import is_course, stage_at_s

USERS_MAX = 100_000
_USERS = re.compile(r"(\d{1,6}) *(?:u|users?)", re.ASCII)


class UsersAt(NamedTuple):
    """So many users at a moment, in seconds from the beginning of the window."""

    at_s: float
    users: int


class Stay(NamedTuple):
    """A stretch in which a user is there; -inf and inf where there is no beginning or end."""

    from_s: float
    to_s: float


class UserCurve:
    """Numbers of users that change in straight lines from one point to the next; before the first,
    which is at 0 s, and beyond the last, they hold. Two points at one moment make a step."""

    def __init__(self, points: Sequence[UsersAt]) -> None:
        self.points = tuple(points)

    @property
    def end_s(self) -> float:
        """When the last point is reached."""
        return self.points[-1].at_s

    @property
    def most(self) -> int:
        """The most users that are there at once."""
        return max(point.users for point in self.points)

    def stays(self, user: int) -> list[Stay]:
        """When that user is there, counted from 0: whenever there are more users than that."""
        level = user + 1
        found: list[Stay] = []
        from_s: float | None = -math.inf if self.points[0].users >= level else None
        for before, after in itertools.pairwise(self.points):
            if from_s is None and after.users >= level:
                from_s = _crossing_s(before, after, level)
            elif from_s is not None and after.users < level:
                to_s = _crossing_s(before, after, level)
                if to_s > from_s:
                    found.append(Stay(from_s, to_s))
                from_s = None
        if from_s is not None:
            found.append(Stay(from_s, math.inf))
        return found


def _crossing_s(before: UsersAt, after: UsersAt, level: int) -> float:
    share = (level - before.users) / (after.users - before.users)
    return before.at_s + share * (after.at_s - before.at_s)


def are_user_stages(text: str) -> bool:
    """Whether stages speak of users, and not of rates."""
    return any(_USERS.fullmatch(part.partition(":")[2].strip().lower()) for part in text.split(","))


def parse_user_stages(text: str) -> UserCurve:
    """`0s:1u, 60s:50u`: moments from the start, and how many users there are at each.

    Raises InputError where a stage can't be read, they are not in order, the first is not at 0 s,
    or nobody is ever there.
    """
    points: list[UsersAt] = []
    for stage in text.split(","):
        moment, _, said = stage.partition(":")
        users = _USERS.fullmatch(said.strip().lower())
        if users is None:
            raise InputError(
                f"{stage.strip()!r} is not a stage of users; write all stages like '0s:1u, 60s:50u'"
            )
        at_s = stage_at_s(moment, points[-1].at_s if points else 0.0)
        points.append(UsersAt(at_s, int(users[1])))
    if not is_course([point.at_s for point in points]):
        raise InputError("one number makes no stages; write '0s:1u, 60s:50u', or give --users")
    curve = UserCurve(points)
    if not 0 < curve.most <= USERS_MAX:
        raise InputError(
            f"the stages have {curve.most:,} users at the most; let that be 1 to {USERS_MAX:,}"
        )
    return curve
