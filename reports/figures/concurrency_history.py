"""How many attempts were in flight, and how many might have been, over a run."""

import msgspec

from headrace.jobs import ConcurrencyPoint

from ..run import Run

POINTS_MAX = 480


class ConcurrencyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The history of the limit on attempts in flight, over all sessions that ended.

    `fixed` is the newest session's --concurrency, None where the run found it. `start`, `end`,
    `lowest` and `highest` are limits, `most_in_flight` attempts, of `points`; None without any.
    Of the points (at most 480, oldest first) whole sessions are thinned out evenly.
    """

    fixed: int | None
    start: int | None
    end: int | None
    lowest: int | None
    highest: int | None
    most_in_flight: int | None
    points: list[ConcurrencyPoint]


def concurrency_of(run: Run) -> ConcurrencyFigures:
    """Read the history from concurrency.jsonl; what a crash tore off is passed over."""
    points = _points(run)
    limits = [point.limit for point in points]
    return ConcurrencyFigures(
        fixed=run.manifest.sessions[-1].limits.concurrency,
        start=limits[0] if limits else None,
        end=limits[-1] if limits else None,
        lowest=min(limits, default=None),
        highest=max(limits, default=None),
        most_in_flight=max((point.in_flight for point in points), default=None),
        points=_thinned(points),
    )


def _points(run: Run) -> list[ConcurrencyPoint]:
    path = run.directory / "concurrency.jsonl"
    if not path.exists():
        return []
    points = []
    for line in path.read_bytes().splitlines():
        try:
            points.append(msgspec.json.decode(line, type=ConcurrencyPoint))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
    return points


def _thinned(points: list[ConcurrencyPoint]) -> list[ConcurrencyPoint]:
    """Every second one, or fourth, and so on; the last one always."""
    step = 1
    while len(points) > step * (POINTS_MAX - 1):
        step *= 2
    thinned = points[::step]
    if points and thinned[-1] is not points[-1]:
        thinned.append(points[-1])
    return thinned
