"""How far another machine's clock is from this one's, and what is not known of it.

Cristian's method ("Probabilistic clock synchronization", Distributed Computing 3, 1989): the other
machine read its clock at some moment of a round trip, so the middle of it is wrong by at most half
of it, whichever way took longer. The least of many round trips says most.
"""

from collections.abc import Sequence
from typing import NamedTuple

# Of so many, one is likely to have met no other traffic.
TRIPS_MIN = 32
# More than so many say nothing more of a way that is long.
TRIPS_MAX = 256


class RoundTrip(NamedTuple):
    """Readings in ns: of this machine's clock before and after, and of the other's between."""

    sent_ns: int
    there_ns: int
    back_ns: int


class ClockOffset(NamedTuple):
    """The other machine's clock minus this one's, and by how much that may be wrong, in ns.

    `round_trip_ns` is the least of `trips`.
    """

    offset_ns: int
    error_ns: int
    round_trip_ns: int
    trips: int


def clock_offset(trips: Sequence[RoundTrip]) -> ClockOffset:
    """The offset by the least of the round trips.

    Raises ValueError where there are fewer than 32, or where a clock of this machine ran backwards.
    """
    if len(trips) < TRIPS_MIN:
        raise ValueError(f"{len(trips)} round trips say too little; {TRIPS_MIN} are the least")
    least = min(trips, key=lambda trip: trip.back_ns - trip.sent_ns)
    round_trip_ns = least.back_ns - least.sent_ns
    if round_trip_ns < 0:
        raise ValueError("a round trip ended before it began: its clock was set back")
    # Halves are rounded: the middle down, the error up, so that it still covers the truth.
    middle_ns = least.sent_ns + round_trip_ns // 2
    return ClockOffset(
        offset_ns=least.there_ns - middle_ns,
        error_ns=-(-round_trip_ns // 2),
        round_trip_ns=round_trip_ns,
        trips=len(trips),
    )


def error_between(began: ClockOffset, ended: ClockOffset) -> int:
    """By how much `began` may be wrong at any moment until `ended` was measured, in ns, where the
    clocks drifted apart evenly."""
    return max(began.error_ns, abs(ended.offset_ns - began.offset_ns) + ended.error_ns)
