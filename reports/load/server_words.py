"""What the server said of itself, in a few lines."""

from collections.abc import Iterator

from headrace.jobs import ScrapeFacts, counted, printable

from .figures import LoadFigures
from .server_figures import ServerSeries, What

REASONS_SHOWN = 3


def server_lines(figures: LoadFigures) -> list[str]:
    """How its metrics were read, and what they were in the measured window; nothing where nobody
    read them."""
    scrape = figures.facts.scrape
    if scrape is None:
        return []
    by_what = {each.what: each for each in figures.server if each.mean is not None}
    said = [*_requests(by_what), *_tokens(by_what)]
    lines = [_readings(scrape)]
    if said:
        lines.append(f"the server: {'; '.join(said)}")
    elif scrape.rows:
        lines.append("none of the server's metrics are known by name; they are in server.parquet")
    return lines


def _readings(scrape: ScrapeFacts) -> str:
    read = scrape.readings - scrape.failed
    said = f"the server's metrics were read {counted(read, 'time')}"
    if scrape.failed:
        reasons = list(scrape.reasons.items())
        shown = ", ".join(
            printable(reason) if len(reasons) == 1 else f"{printable(reason)} {count:,} times"
            for reason, count in reasons[:REASONS_SHOWN]
        )
        said += f"; {counted(scrape.failed, 'reading')} failed ({shown})"
    if scrape.unread:
        said += f"; {counted(scrape.unread, 'line')} could not be understood"
    return said


def _requests(by_what: dict[What, ServerSeries]) -> Iterator[str]:
    counted_at_once: tuple[What, ...] = ("running", "waiting")
    for what in counted_at_once:
        if (each := by_what.get(what)) is not None:
            yield f"{_number(each.mean)} {what} on average (peak {_number(each.peak)})"
    if (each := by_what.get("kv_cache")) is not None:
        yield f"KV cache {each.mean:.0%} full (peak {each.peak:.0%})"
    each = by_what.get("preemptions")
    if each is not None and each.peak:
        yield f"{_number(each.mean)} preemptions per second"


def _tokens(by_what: dict[What, ServerSeries]) -> Iterator[str]:
    into, out = by_what.get("input_tokens"), by_what.get("output_tokens")
    words = [
        f"{_number(each.mean)} {name}"
        for each, name in ((into, "in"), (out, "out"))
        if each is not None
    ]
    if words:
        yield f"tokens per second: {', '.join(words)}"


def _number(value: float | None) -> str:
    """A count or a rate with three digits where it is small."""
    assert value is not None
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
