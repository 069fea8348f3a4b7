"""What a load run was asked for and whether it was held, in a sentence or two."""

from collections.abc import Iterator

from headrace.jobs import Name, parse_condition, printable, show_seconds, walk_nodes

from ..wording import rate
from .figures import LoadFigures, ObjectiveMet
from .sentences import LOAD_METRIC_NAMES, interval

# What is said of a run without objectives, and of one whose objectives speak of no time.
TOLD = ("ttft_s", "latency_s")


def lead(figures: LoadFigures) -> str:
    """ "20/s asked, 20.8 answered; TTFT p95 538 ms (509-599): misses `ttft_s < 0.5` in 7.7 %"."""
    failed = figures.requests.error_rate
    asked = _asked(figures) + (f", {_percent(failed)} % failed" if failed else "")
    return "; ".join(each for each in (asked, *_held(figures)) if each)


def _asked(figures: LoadFigures) -> str:
    facts, rates = figures.facts, figures.rates
    by_rate = facts.shape == "rate" and facts.rate_per_s is not None
    asked = f"{rate(facts.rate_per_s or 0)}/s asked" if by_rate else printable(facts.asked)
    if rates is None:
        return f"{asked}, nothing measured"
    if by_rate:
        return f"{asked}, {_answered(rates.requests_per_s)} answered"
    due = f", {_answered(rates.due_per_s)}/s due" if facts.open_loop else ""
    return f"{asked}{due}, {_answered(rates.requests_per_s)}/s answered"


def _answered(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 1000 else f"{per_s:.3g}"


def _held(figures: LoadFigures) -> Iterator[str]:
    """Each objective with the time that it speaks of; without any, the times alone."""
    if not figures.objectives:
        for metric in TOLD:
            yield _time(figures, metric)
        return
    for each in figures.objectives:
        time = _time(figures, _metric_of(each.objective))
        yield f"{time}: {_verdict(each)}" if time else _verdict(each)


def _verdict(each: ObjectiveMet) -> str:
    objective = f"`{printable(each.objective)}`"
    if each.share is None:
        return f"nothing to hold {objective} against"
    if each.share == 1:
        return f"every request meets {objective}"
    if each.share == 0:
        return f"no request meets {objective}"
    return f"misses {objective} in {_percent(1 - each.share)} %"


def _percent(share: float) -> str:
    """A share in percent with two digits; never a 0 or a 100 that is not one."""
    if share == 1:
        return "100"
    percent = share * 100
    return f"{percent:.2g}" if percent < 10 else f"{min(percent, 99.9):.3g}"


def _metric_of(objective: str) -> str | None:
    """The time that an objective speaks of first."""
    names = (each for each in walk_nodes(parse_condition(objective).root) if isinstance(each, Name))
    return next((each.name for each in names if each.name in LOAD_METRIC_NAMES), None)


def _bare(interval: str) -> str:
    """An interval without its unit, where both ends are in that of the figure."""
    ends, _, unit = interval.rpartition(" ")
    return interval if unit and " " in ends else ends


def _time(figures: LoadFigures, metric: str | None) -> str:
    """A p95 with its interval: TTFT p95 538 ms (509-599)."""
    since = "sent" if metric in ("ttft_s", "content_ttft_s", "latency_s") else None
    spread = None if metric is None else figures.spread(metric, since)
    if metric is None or spread is None:
        return ""
    found = spread.percentile("p95")
    is_closed = found.low is not None and found.high is not None
    bounds = _bare(interval(found)) if is_closed else ""
    within = f" ({bounds})" if bounds else ""
    return f"{LOAD_METRIC_NAMES[metric]} p95 {show_seconds(found.value)}{within}"
