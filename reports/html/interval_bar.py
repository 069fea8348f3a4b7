"""The interval of a difference as a small drawing: a bar across zero, and a point in it."""

from collections.abc import Iterable

from markupsafe import Markup

from ..comparison import Difference

WIDE, HIGH = 160, 18
MARGIN = 4


def reach_of(differences: Iterable[Difference]) -> float:
    """How far from zero the drawings of these reach; they share a scale."""
    ends = [
        abs(end) for each in differences for end in (each.low, each.high, each.difference) if end
    ]
    return max(ends, default=0.0)


def interval_bar(each: Difference, reach: float, words: str) -> Markup:
    """The drawing as SVG; `words` say the same for whoever can't see it. Empty without an
    interval."""
    if each.low is None or each.high is None or not reach:
        return Markup("")

    def at(value: float) -> str:
        return f"{WIDE / 2 + value / reach * (WIDE / 2 - MARGIN):.1f}"

    kind = "sure" if each.finding in ("higher", "lower") else "unsure"
    middle, left, right = HIGH / 2, at(each.low), at(each.high)
    return Markup(
        '<svg class="interval {kind}" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'role="img" aria-label="{words}">'
        '<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="{high}"/>'
        '<line class="bar" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
        '<circle cx="{point}" cy="{middle}" r="3.5"/></svg>'
    ).format(
        kind=kind,
        wide=WIDE,
        high=HIGH,
        words=words,
        zero=at(0.0),
        left=left,
        right=right,
        middle=middle,
        point=at(each.difference),
    )
