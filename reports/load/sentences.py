"""A load run's figures in words: what it was asked for, intervals, what the machine did."""

from collections.abc import Sequence

from headrace.jobs import MachineFacts, WorkerFacts, counted, printable, show_seconds

from ..wording import endpoint, rate
from .figures import LoadFigures, Rates
from .spread import Percentile, Spread

LOAD_METRIC_NAMES = {
    "ttft_s": "TTFT",
    "content_ttft_s": "to content",
    "latency_s": "latency",
    "itl_s": "ITL",
    "tpot_s": "TPOT",
    "wait_s": "wait",
}
PERCENTILES = ("p50", "p95", "p99")
# Below this share of the time, it is of no interest that others had the core.
CORE_WAIT_TOLD = 0.01
# Units of `show_seconds`, to put an interval in that of its figure.
UNITS_S = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
# From so many of a unit on, three digits are not enough to write an end in it.
IN_UNIT_MAX = 999.5


def asked(figures: LoadFigures) -> str:
    """What the run was asked for, in a line."""
    facts = figures.facts
    said = printable(facts.asked)
    if figures.window_s is not None:
        said += f", measured for {show_seconds(figures.window_s)}"
    if facts.warmup_s:
        said += f" after {show_seconds(facts.warmup_s)} of warm-up"
    if facts.prompts:
        said += f"; {printable(facts.prompts)}"
    if facts.model is not None and facts.url is not None:
        said += f"; {printable(facts.model)} at {endpoint(facts.url)}"
    if facts.stream is not None:
        said += ", streamed" if facts.stream else ", not streamed"
    return said


def token_rates(rates: Rates) -> list[tuple[str, str]]:
    """Tokens per second; without those that no answer told, as embeddings tell no output."""
    named = (
        ("input tokens", rates.input_tokens_per_s),
        ("output tokens", rates.output_tokens_per_s),
    )
    return [(name, rate(figure)) for name, figure in named if figure]


def says_something(figures: LoadFigures, spread: Spread) -> bool:
    """All but what says the same twice: from due where nobody was late, content where all is."""
    if spread.metric == "content_ttft_s":
        first = figures.spread("ttft_s", spread.since)
        if first is not None and first.percentiles == spread.percentiles:
            return False
    return spread.since != "due" or figures.facts.open_loop


def interval(each: Percentile) -> str:
    """An interval in the unit of its figure; of one with an open end its bound. Empty where
    nothing bounds it."""
    return within(each.value, each.low, each.high)


def within(value: float, low: float | None, high: float | None) -> str:
    """The same of a value and the ends of its interval."""
    unit = show_seconds(value).rpartition(" ")[2]
    size = UNITS_S.get(unit)
    known = [end for end in (low, high) if end is not None]
    if size is None or value == 0 or not known:
        return ""
    ends = [f"{end / size:#.3g}".removesuffix(".") for end in known]
    if max(known) / size >= IN_UNIT_MAX:  # 1.04e+03 ms is read by nobody
        ends, unit = [show_seconds(end) for end in known], ""
    if len(ends) == 2:
        return f"{ends[0]}-{ends[1]} {unit}".rstrip()
    return f"{'≤' if low is None else '≥'} {ends[0]} {unit}".rstrip()


def machine_lines(machine: MachineFacts, workers: Sequence[WorkerFacts] = ()) -> list[str]:
    """What the client's machine did; `workers` are the processes that sent, where several did."""
    work = [_processes(workers)] if workers else []
    if machine.cpu_share is not None:
        wait = machine.core_wait_share or 0.0
        waited = f" (it waited {wait:.0%} of the time for it)" if wait >= CORE_WAIT_TOLD else ""
        work.append(f"{machine.cpu_share:.0%} of a core{waited}")
    work.append(f"peak {machine.in_flight_max:,} in flight")
    if machine.open_files_max is not None:
        of = "" if machine.open_files_limit is None else f" of {machine.open_files_limit:,}"
        work.append(f"{machine.open_files_max:,}{of} files")
    if machine.ports_max is not None:
        of = "" if machine.ports_limit is None else f" of {machine.ports_limit:,}"
        work.append(f"{machine.ports_max:,}{of} ports")
    loop = [f"longest stall {show_seconds(machine.longest_stall_s)}"]
    if machine.loop_lag_p99_s is not None:
        loop.insert(0, f"the loop was late by {show_seconds(machine.loop_lag_p99_s)} at p99")
    return [f"this client: {', '.join(work)}", ", ".join(loop)]


def _processes(workers: Sequence[WorkerFacts]) -> str:
    """How many, and on how many machines where these are others; with the worst of their clocks."""
    said = counted(len(workers), "process", "processes")
    errors = [each.clock_error_s for each in workers if each.clock_error_s is not None]
    if not errors:
        return said
    machines = counted(len({each.where for each in workers}), "machine")
    return f"{said} on {machines}, clocks known to {show_seconds(max(errors))}"


def brief(spread: Spread | None) -> str:
    if spread is None:
        return "none"
    half, most = (show_seconds(spread.percentile(name).value) for name in ("p50", "p99"))
    return f"{half} at p50, {most} at p99"
