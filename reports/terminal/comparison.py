"""A comparison on a terminal, and the plain sentences that say what it means."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import safe

from ..comparison import COST, METRICS, Comparison, Difference
from .summary import duration, money

# What the last column says, where the finding's own words are too long for it.
SHORT = {"perhaps higher": "higher?", "perhaps lower": "lower?", "none found": "unclear"}
COLOURS = {"higher": "bold", "lower": "bold", "perhaps higher": "yellow", "perhaps lower": "yellow"}
# Which direction is the worse one, to whoever pays and waits; not every figure has one.
WORSE = {
    **dict.fromkeys(("failed", COST, "latency", "TTFT", "TPOT", "total"), "higher"),
    "as expected": "lower",
}
# Metrics of which the mean is all that is compared.
MEANS_ALONE = {each.name for each in METRICS if not each.percentiles} | {COST}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table of differences and what it means. Fits 80 columns and wider."""
    console.print(
        Text.assemble("A  ", (safe(comparison.a), "bold"), "\nB  ", (safe(comparison.b), "bold"))
    )
    console.print(Padding(Text(pairing_words(comparison)), (0, 0, 1, 3), expand=False))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("A", "B", "B - A", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for each in comparison.differences:
        word = SHORT.get(each.finding, each.finding)
        table.add_row(*cells(each), Text(word, COLOURS.get(each.finding, "dim")))
    if table.row_count:
        console.print(Padding(table, (0, 0, 1, 3), expand=False))
    for sentence in sentences(comparison):
        console.print(Padding(Text(sentence), (0, 0, 0, 3), expand=False))


def pairing_words(comparison: Comparison) -> str:
    """How the jobs were compared, in a sentence or two."""
    found = comparison.pairing
    if found.paired:
        words = f"{found.pairs:,} jobs that both did, in pairs."
        left_out = [
            f"{found.changed:,} whose body has changed" if found.changed else "",
            f"{found.only_a:,} in A alone" if found.only_a else "",
            f"{found.only_b:,} in B alone" if found.only_b else "",
        ]
        if any(left_out):
            words += f" Left out: {', '.join(each for each in left_out if each)}."
        return words
    return f"Two samples, of {found.jobs_a:,} and {found.jobs_b:,} jobs: {found.unpaired_because}."


def cells(each: Difference) -> list[str]:
    """A difference as the texts of a line: its name, A, B, B - A, and the interval."""
    interval = "-"
    if each.low is not None and each.high is not None:
        low, high = signed(each.low, each.unit), signed(each.high, each.unit)
        figure, _, unit = low.partition(" ")
        interval = f"{figure if unit == high.partition(' ')[2] else low} to {high}"
    return [
        name_of(each),
        shown(each.a, each.unit),
        shown(each.b, each.unit),
        signed(each.difference, each.unit),
        interval,
    ]


def shown(value: float, unit: str) -> str:
    """A figure with about three digits, in its unit where that is a time or a share."""
    if unit == "s":
        return duration(value)
    return f"{value:.2%}" if unit == "share" else f"{value:,.4g}"


def signed(value: float, unit: str) -> str:
    """A difference, with its sign."""
    text = shown(abs(value), unit)
    return text if value == 0 else f"{'+' if value > 0 else '-'}{text}"


def sentences(comparison: Comparison) -> Iterator[str]:
    """What the comparison means, in plain words."""
    if comparison.total_cost_a is not None and comparison.total_cost_b is not None:
        currency = comparison.currency
        yield (
            f"In all A cost {money(comparison.total_cost_a, currency)} and B "
            f"{money(comparison.total_cost_b, currency)}."
        )
    elif comparison.currency is None:
        yield "The costs are not compared: the runs have no currency in common."
    judged = [each for each in comparison.differences if each.finding != "too few"]
    clear = [each for each in judged if each.finding in ("higher", "lower")]
    if not judged:
        yield "There are too few jobs to tell a difference from chance."
        return
    for _, group in groupby(clear, key=lambda each: (each.metric, each.finding)):
        yield _clear(list(group))
    perhaps = [each for each in judged if each.finding.startswith("perhaps")]
    if perhaps:
        names = ", ".join(name_of(each) for each in perhaps)
        yield (
            f"Perhaps chance: {names}. Of {len(judged)} comparisons, one in twenty is expected to "
            "look like that where nothing has changed."
        )
    if not clear:
        yield "No difference was found that chance does not explain."
    elif len(clear) + len(perhaps) < len(judged):
        yield "Nothing else differs by more than chance explains."


def name_of(each: Difference) -> str:
    """What a line is called: the metric, and which statistic where it has several."""
    plain = each.statistic == "share" or each.metric in MEANS_ALONE
    return each.metric if plain else f"{each.metric} {each.statistic}"


def _clear(group: list[Difference]) -> str:
    """What a metric's clear differences say, all of one direction."""
    metric, word = group[0].metric, str(group[0].finding)
    worse = WORSE.get(metric)
    judgement = "" if worse is None else ", so worse" if word == worse else ", so better"
    by = ", ".join(f"{_statistic(each)}by {_by(each)}" for each in group)
    return f"{metric[0].upper()}{metric[1:]}: {word} in B{judgement}: {by}."


def _statistic(each: Difference) -> str:
    return "" if name_of(each) == each.metric else f"{each.statistic} "


def _by(each: Difference) -> str:
    by = shown(abs(each.difference), each.unit)
    if not each.a or each.unit == "share":
        return by
    change = each.difference / each.a
    # 3,200 % more says less than 33 times as much.
    said = f"{change + 1:.1f} times A's" if change >= 1 else f"{abs(change):.1%}"
    return f"{by} ({said})"
