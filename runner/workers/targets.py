"""Who of the workers gets how much of a limit, by what each can use. Pure.

Few large shares use a limit better than many small ones: a share that is too small leaves its
worker unable to send evenly, or to fit its next job. So where a limit is too small for all, some
get none.
"""

from collections.abc import Sequence
from typing import NamedTuple

# What does not wait for its limit may keep so much more than it uses.
MARGIN = 1.25
# Shares that are so near to what would be dealt stay: each move costs a moment of it.
NEAR = 0.9


class Want(NamedTuple):
    """What a worker has of a limit, uses of it lately; whether it waits for more."""

    has: int
    used: int
    waits: bool


def choose(holders: Sequence[bool], waits: Sequence[bool], *, most: int) -> list[int] | None:
    """Who of the workers is to have a share, by their places.

    Args:
        holders: which have one and use it.
        waits: which wait for one, or for more.
        most: how many may have one, at least 1.

    Returns:
        At most `most` places: who has a share keeps it, and if nobody waits None, for all is well.
        Where those that don't wait fill all places, one that waits takes the place of the last.
    """
    if not any(waits):
        return None
    busy = [n for n in range(len(waits)) if holders[n] or waits[n]]
    busy.sort(key=lambda n: (not holders[n], n))
    chosen = busy[:most]
    if not any(waits[n] for n in chosen):
        chosen[-1] = next(n for n in busy if waits[n])
    return chosen


def targets(limit: int, wants: Sequence[Want], chosen: Sequence[int], *, least: int) -> list[int]:
    """The share of each worker: whole numbers, whose sum is `limit`, and 0 for who is not chosen.

    Args:
        limit: a limit per minute, or of slots.
        wants: of all workers.
        chosen: the places of those that are to have a share, at least one.
        least: what stays with one that uses less.

    Returns:
        The shares, in the order of `wants`. Those that are near enough already stay as they are.
    """
    have = [each.has for each in wants]
    waiting = [n for n in chosen if wants[n].waits or not wants[n].has]
    dealt = [0] * len(wants)
    for n in chosen:
        if n not in waiting:
            dealt[n] = _modest(wants[n], least)
    if not waiting or limit - sum(dealt) < len(waiting):
        waiting, dealt = list(chosen), [0] * len(wants)
    rest = limit - sum(dealt)
    for place, n in enumerate(waiting):
        dealt[n] = rest // len(waiting) + (place < rest % len(waiting))
    return have if _near(have, dealt, limit) else dealt


def _modest(want: Want, least: int) -> int:
    """What stays with a worker that has enough."""
    enough = max(least, int(want.used * MARGIN) + 1)
    return want.has if enough >= NEAR * want.has else enough


def _near(have: Sequence[int], dealt: Sequence[int], limit: int) -> bool:
    """Whether what is held is as good: all of it dealt, and to nobody much less."""
    return sum(have) == limit and all(
        bool(old) == bool(new) and old >= NEAR * new for old, new in zip(have, dealt, strict=True)
    )
