"""A load run's figures on a terminal: the verdict first, then rates, times, and what went wrong."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import MachineFacts, safe

from ..load import LoadFigures, Percentile, Spread
from .layout import columns, counted, duration, endpoint, heading, show

STYLES = {"valid": "green", "client-limited": "bold red", "unknown": "yellow"}
NAMES = {
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
# Units of `duration`, to put an interval in that of its figure.
UNITS_S = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


def print_load(figures: LoadFigures, console: Console) -> None:
    """Print a load run's section. Fits 80 columns and wider."""
    heading(console, "Load")
    show(console, asked(figures))
    verdict = figures.verdict
    show(console, verdict.verdict, STYLES[verdict.verdict])
    for reason in verdict.why:
        show(console, safe(reason), STYLES[verdict.verdict].removeprefix("bold "))
    _print_rates(figures, console)
    _print_times(figures, console)
    _print_objectives(figures, console)
    _print_remarks(figures, console)


def asked(figures: LoadFigures) -> str:
    """What the run was asked for, in a line."""
    facts = figures.facts
    said = safe(facts.asked)
    if figures.window_s is not None:
        said += f", measured for {duration(figures.window_s)}"
    if facts.warmup_s:
        said += f" after {duration(facts.warmup_s)} of warm-up"
    if facts.prompts:
        said += f"; {safe(facts.prompts)}"
    if facts.model is not None and facts.url is not None:
        said += f"; {safe(facts.model)} at {endpoint(facts.url)}"
    if facts.stream is not None:
        said += ", streamed" if facts.stream else ", not streamed"
    return said


def _print_rates(figures: LoadFigures, console: Console) -> None:
    rates, requests = figures.rates, figures.requests
    if rates is not None:
        good = [] if rates.goodput_per_s is None else [rate(rates.goodput_per_s)]
        table = columns("a second", "due", "answered", *(["goodput"] if good else []))
        table.add_row("requests", rate(rates.due_per_s), rate(rates.requests_per_s), *good)
        table.add_row("input tokens", "", rate(rates.input_tokens_per_s))
        table.add_row("output tokens", "", rate(rates.output_tokens_per_s))
        table.add_row("in flight, mean", "", rate(rates.in_flight))
        console.print()
        show(console, table)
    said = f"{requests.answered:,} of {counted(requests.measured, 'measured attempt')} answered"
    if requests.failed:
        said += f", {requests.failed:,} failed ({requests.error_rate or 0:.2%})"
    show(console, said, "red" if requests.failed else "")
    if requests.cut:
        show(
            console,
            f"{requests.cut:,} cut off at the end of the run; the figures lack them",
            "yellow",
        )


def _print_times(figures: LoadFigures, console: Console) -> None:
    if not figures.times:
        return
    heading(console, "Times of measured answers, with 95 % intervals")
    table = columns("", "n", *PERCENTILES, "max")
    for spread in figures.times:
        if not says_something(figures, spread):
            continue
        name = NAMES[spread.metric]
        if spread.since == "due":
            name += " from due"
        found = [spread.percentile(each) for each in PERCENTILES]
        figures_of = (duration(each.value) for each in found)
        table.add_row(name, f"{spread.count:,}", *figures_of, duration(spread.max))
        intervals = [interval(each) for each in found]
        if any(intervals):
            table.add_row("", "", *(Text(each, "dim") for each in intervals), "")
    show(console, table)
    if figures.coalesced_share:
        share = figures.coalesced_share
        show(console, f"{share:.1%} of the gaps lay within one read and count as 0", "dim")


def says_something(figures: LoadFigures, spread: Spread) -> bool:
    """All but what says the same twice: from due where nobody was late, content where all is."""
    if spread.metric == "content_ttft_s":
        first = figures.spread("ttft_s", spread.since)
        if first is not None and first.percentiles == spread.percentiles:
            return False
    return spread.since != "due" or figures.facts.open_loop


def interval(each: Percentile) -> str:
    """An interval in the unit of its figure; an open end is left open."""
    unit = duration(each.value).rpartition(" ")[2]
    size = UNITS_S.get(unit)
    if size is None or each.value == 0:
        return ""
    low, high = (
        "?" if end is None else f"{end / size:#.3g}".removesuffix(".")
        for end in (each.low, each.high)
    )
    return f"{low}-{high} {unit}"


def _print_objectives(figures: LoadFigures, console: Console) -> None:
    if not figures.objectives:
        return
    heading(console, "Objectives")
    table = columns("a request meets", "met by", "share")
    for each in figures.objectives:
        table.add_row(Text(safe(each.objective)), f"{each.met:,}", share_of(each.share))
    if len(figures.objectives) > 1:
        table.add_row("all of them", "", share_of(figures.goodput_share))
    show(console, table)


def _print_remarks(figures: LoadFigures, console: Console) -> None:
    heading(console, "Beside it")
    refusals, connections = figures.refusals, figures.connections
    if refusals.refused:
        said = f"{counted(refusals.refused, 'answer')} of 429 ({share_of(refusals.share)})"
        if refusals.retry_after is not None:
            least, most = duration(refusals.retry_after.min), duration(refusals.retry_after.max)
            said += f"; Retry-After of {least}" + (f" to {most}" if most != least else "")
        show(console, said, "yellow")
        if refusals.recovered_jobs:
            show(
                console,
                f"latency at the first attempt: {_brief(refusals.first_attempt)}; "
                f"with retries: {_brief(refusals.with_retries)}",
            )
    said = f"{counted(connections.opened, 'connection')} opened, {connections.reused:,} used again"
    if connections.set_up is not None:
        said += f"; set up in {_brief(connections.set_up)}"
    show(console, said)
    machine = figures.facts.machine
    if machine is not None:
        for line in machine_lines(machine):
            show(console, line, "dim")


def machine_lines(machine: MachineFacts) -> list[str]:
    work = []
    if machine.cpu_share is not None:
        wait = machine.core_wait_share or 0.0
        waited = f" (it waited {wait:.0%} of the time for it)" if wait >= CORE_WAIT_TOLD else ""
        work.append(f"{machine.cpu_share:.0%} of a core{waited}")
    work.append(f"{machine.in_flight_max:,} in flight at most")
    if machine.open_files_max is not None:
        of = "" if machine.open_files_limit is None else f" of {machine.open_files_limit:,}"
        work.append(f"{machine.open_files_max:,}{of} files")
    if machine.ports_max is not None:
        of = "" if machine.ports_limit is None else f" of {machine.ports_limit:,}"
        work.append(f"{machine.ports_max:,}{of} ports")
    loop = [f"longest stall {duration(machine.longest_stall_s)}"]
    if machine.loop_lag_p99_s is not None:
        loop.insert(0, f"the loop was late by {duration(machine.loop_lag_p99_s)} at p99")
    return [f"this client: {', '.join(work)}", ", ".join(loop)]


def _brief(spread: Spread | None) -> str:
    if spread is None:
        return "none"
    half, most = (duration(spread.percentile(name).value) for name in ("p50", "p99"))
    return f"{half} at p50, {most} at p99"


def rate(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.4g}"


def share_of(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
