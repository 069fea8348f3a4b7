"""What a comparison means, in plain sentences, and its figures as texts."""

from collections.abc import Callable, Iterator
from itertools import groupby

from headrace.jobs import show_seconds

from ..figures import CostSources
from ..scores import AS_EXPECTED
from ..wording import counted, money_to_read
from .compare import COST, METRICS, Comparison, Difference
from .flips import Flip
from .interval import LEVEL
from .run_figures import RATES
from .scores import ScoreDifference, ScoreGroup

# Which direction is the worse one, to whoever pays and waits; not every figure has one.
WORSE = {
    **dict.fromkeys(("failed", COST, "latency", "TTFT", "TPOT", "total"), "higher"),
    "as expected": "lower",
    **dict.fromkeys((name for _, name in RATES), "lower"),
}
# Whose spread between runs is put into a sentence; that of others is in the data.
SPREADS_TOLD = {("latency", "p95"), ("TTFT", "p95"), ("output tokens per second", "mean")}
# So many questions that changed are named in a sentence.
NAMED_MAX = 10
# How a time is put into words.
Time = Callable[[float], str]
# Metrics of which the mean is all that is compared.
MEANS_ALONE = {
    *(each.name for each in METRICS if not each.percentiles),
    *(name for _, name in RATES),
    COST,
}


def pairing_words(comparison: Comparison) -> str:
    """How the jobs were compared, in a sentence or two."""
    found = comparison.pairing
    a, b = len(comparison.runs_a), len(comparison.runs_b)
    if max(a, b) > 1:
        jobs = f"{found.jobs_a:,} and {counted(found.jobs_b, 'job')}"
        said = f"{counted(a, 'run')} as A and {b:,} as B, of {jobs}: each run counts once"
        if min(a, b) == 1:
            return f"{said}, and the single run is taken to vary as the others do."
        return f"{said}, by the mean of its figures over runs."
    if found.paired:
        words = f"{counted(found.pairs, 'job')} that both did, in pairs."
        left_out = [
            f"{found.changed:,} whose body has changed" if found.changed else "",
            f"{found.only_a:,} in A alone" if found.only_a else "",
            f"{found.only_b:,} in B alone" if found.only_b else "",
        ]
        if any(left_out):
            words += f" Left out: {', '.join(each for each in left_out if each)}."
        return words
    jobs = f"{found.jobs_a:,} and {counted(found.jobs_b, 'job')}"
    return f"Two samples, of {jobs}: {found.unpaired_because}."


def cells(each: Difference, *, time: Time = show_seconds) -> list[str]:
    """A difference as the texts of a line: its name, A, B, B - A, and the interval."""
    interval = "-"
    if each.low is not None and each.high is not None:
        ends = [signed(end, each.unit, time=time) for end in (each.low, each.high)]
        interval = _joined(*ends)
    return [
        name_of(each),
        shown(each.a, each.unit, time=time),
        shown(each.b, each.unit, time=time),
        signed(each.difference, each.unit, time=time),
        interval,
    ]


def unsigned_interval(low: float, high: float, unit: str, *, time: Time = show_seconds) -> str:
    """An interval of a figure itself, not of a difference."""
    return _joined(*(shown(end, unit, time=time) for end in (low, high)))


def _joined(low: str, high: str) -> str:
    """Two ends; the unit once, where both have the same."""
    figure, _, unit = low.partition(" ")
    one_unit = unit == high.partition(" ")[2] and " " not in unit and not unit[:1].isdigit()
    return f"{figure if one_unit else low} to {high}"


def group_cells(each: ScoreGroup, *, share: bool) -> list[str]:
    """One group as the texts of a line: its value, its questions, A, B, B - A, the interval, and
    what B is with all groups counted."""
    unit = "share" if share else ""
    interval = "-"
    if each.low is not None and each.high is not None:
        low, high = signed(each.low, unit), signed(each.high, unit)
        interval = f"{low.removesuffix(' pp')} to {high}"
    count = f"{each.questions_a:,}"
    if each.questions_b != each.questions_a:
        count += f" / {each.questions_b:,}"
    return [
        "(none)" if each.value is None else each.value,
        count,
        shown(each.a, unit),
        shown(each.b, unit),
        signed(each.difference, unit),
        interval,
        group_finding(each),
    ]


def group_finding(each: ScoreGroup) -> str:
    """Whether a group differs, with all groups counted: as the findings of whole runs."""
    if each.low is None or each.high is None:
        return "too few"
    if each.low <= 0 <= each.high:
        return "the same" if each.low == each.high else "none found"
    perhaps = "" if each.p_holm is not None and each.p_holm < 1 - LEVEL else "perhaps "
    return perhaps + ("higher" if each.low > 0 else "lower")


def shown(value: float, unit: str, *, time: Time = show_seconds) -> str:
    """A figure with about three digits, in its unit where that is a time or a share."""
    if unit == "s":
        return time(value)
    return f"{value:.2%}" if unit == "share" else f"{value:,.4g}"


def signed(value: float, unit: str, *, time: Time = show_seconds) -> str:
    """A difference, with its sign; of two shares in percentage points."""
    text = distance(abs(value), unit, time=time)
    return text if value == 0 else f"{'+' if value > 0 else '-'}{text}"


def distance(value: float, unit: str, *, time: Time = show_seconds) -> str:
    """The size of a difference, in its unit; of two shares in percentage points."""
    return f"{value * 100:.2f} pp" if unit == "share" else shown(value, unit, time=time)


def _by_others(comparison: Comparison) -> Iterator[str]:
    """What the services report and their accounts took, in all."""
    sides = [each[-1] if each else None for each in (comparison.sources_a, comparison.sources_b)]
    reported = [None if each is None else each.reported for each in sides]
    taken = [None if each is None else each.account_high for each in sides]
    if any(amount is not None for amount in reported):
        shown = [
            money_to_read(amount, None) + _unreported(each)
            for amount, each in zip(reported, sides, strict=True)
        ]
        yield f"By what the services report A cost {shown[0]} and B {shown[1]}."
    if any(amount is not None for amount in taken):
        shown = [money_to_read(amount, None) for amount in taken]
        yield f"From their accounts A took {shown[0]} and B {shown[1]}."


def _unreported(sources: CostSources | None) -> str:
    """That a service says the cost of some answers alone."""
    if sources is None or sources.reported is None or not sources.unreported:
        return ""
    return f" (nothing is reported of {counted(sources.unreported, 'answer')})"


def sentences(comparison: Comparison) -> Iterator[str]:
    """What the comparison means, in plain words."""
    if comparison.total_cost_a is not None and comparison.total_cost_b is not None:
        currency = comparison.currency
        yield (
            f"In all A cost {money_to_read(comparison.total_cost_a, currency)} and B "
            f"{money_to_read(comparison.total_cost_b, currency)}."
        )
    elif comparison.currency is None:
        yield "The costs are not compared: the runs have no currency in common."
    yield from _by_others(comparison)
    judged = [each for each in comparison.differences if each.finding != "too few"]
    clear = [each for each in judged if each.finding in ("higher", "lower")]
    if not judged:
        yield "There are too few jobs to tell a difference from chance."
        return
    for _, group in groupby(clear, key=lambda each: (each.metric, each.finding)):
        yield _clear(list(group))
    within = [each for each in judged if each.clear_within_runs]
    for _, group in groupby(within, key=lambda each: (each.metric, each.finding)):
        yield _clear(list(group))
    if within:
        yield (
            "Noise between runs is not known: with one run a side what differs by the hour is no "
            "more than perhaps. Several runs tell: compare --a A1 --a A2 --b B1 --b B2."
        )
    yield from _spreads(comparison)
    for each in comparison.scores:
        yield from score_sentences(each)
    perhaps = [
        each for each in judged if each.finding.startswith("perhaps") and not each.clear_within_runs
    ]
    if perhaps:
        names = ", ".join(name_of(each) for each in perhaps)
        yield (
            f"Perhaps chance: {names}. Of {len(judged)} comparisons, one in twenty is expected to "
            "look like that where nothing has changed."
        )
    if not clear and not within:
        yield "No difference was found that chance does not explain."
    elif len(clear) + len(within) + len(perhaps) < len(judged):
        yield "Nothing else differs by more than chance explains."


def _spreads(comparison: Comparison) -> Iterator[str]:
    """How far the runs of a side differ in the times that are looked at first."""
    for each in comparison.differences:
        if (each.metric, each.statistic) not in SPREADS_TOLD:
            continue
        sides = [
            f"{distance(between, each.unit)} in {name}"
            for name, between in (("A", each.between_a), ("B", each.between_b))
            if between is not None
        ]
        if not sides:
            continue
        said = f"{name_of(each)} varies between runs by {' and '.join(sides)}"
        known = [within for within in (each.within_a, each.within_b) if within is not None]
        if known:
            said += f"; chance within a run explains {distance(max(known), each.unit)}"
        yield f"{said[0].upper()}{said[1:]} (standard deviations)."


def score_sentences(each: ScoreDifference) -> Iterator[str]:
    """Which answers of a score changed, whether by more than chance, and what could have shown."""
    about = "" if each.name == AS_EXPECTED else f"{each.name}: "
    if None not in (each.scorer_a, each.scorer_b) and each.scorer_a != each.scorer_b:
        by = f"by {each.scorer_a} in A and by {each.scorer_b} in B"
        yield f"{about}scored {by}, which may be all the difference."
    if each.right_to_wrong or each.wrong_to_right:
        lost, gained = each.right_to_wrong or 0, each.wrong_to_right or 0
        if each.binary:
            yield (
                f"{about}{counted(lost, 'answer')} changed from right to wrong, and "
                f"{gained:,} from wrong to right."
            )
        else:
            yield f"{about}{counted(lost, 'question')} scored lower in B, and {gained:,} higher."
        yield from _named(about, each.flips)
    if each.mcnemar_p is not None:
        adjusted = ""
        if each.mcnemar_p_holm is not None and each.mcnemar_p_holm != each.mcnemar_p:
            adjusted = f", {_p(each.mcnemar_p_holm)} with all scores counted"
        yield f"{about}McNemar's exact test: p = {_p(each.mcnemar_p)}{adjusted}."
    if each.smallest_difference is not None:
        unit = "share" if each.share else ""
        yield (
            f"{about}{counted(each.questions_b, 'question')} would have shown a difference of "
            f"{distance(each.smallest_difference, unit)} in four of five comparisons."
        )


def _named(about: str, flips: list[Flip]) -> Iterator[str]:
    """The names of the questions that changed, the first few of each direction."""
    for change, group in groupby(flips, key=lambda each: each.change):
        names = [each.custom_id for each in group]
        more = f" and {len(names) - NAMED_MAX:,} more" if len(names) > NAMED_MAX else ""
        listed = ", ".join(names[:NAMED_MAX])
        yield f"{about}{change[0].upper()}{change[1:]}: {listed}{more}."


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "below 0.0001"


def name_of(each: Difference) -> str:
    """What a line is called: the metric, and which statistic where it has several."""
    plain = each.statistic == "share" or each.metric in MEANS_ALONE
    return each.metric if plain else f"{each.metric} {each.statistic}"


def _clear(group: list[Difference]) -> str:
    """What a metric's clear differences say, all of one direction."""
    metric, word = group[0].metric, str(group[0].finding)
    worse = WORSE.get(metric)
    so = ", so worse" if word.removeprefix("perhaps ") == worse else ", so better"
    judgement = "" if worse is None else so
    by = ", ".join(f"{_statistic(each)}by {_by(each)}" for each in group)
    return f"{metric[0].upper()}{metric[1:]}: {word} in B{judgement}: {by}."


def _statistic(each: Difference) -> str:
    return "" if name_of(each) == each.metric else f"{each.statistic} "


def _by(each: Difference) -> str:
    by = distance(abs(each.difference), each.unit)
    if not each.a or each.unit == "share":
        return by
    change = each.difference / each.a
    # 3,200 % more says less than 33 times as much.
    said = f"{change + 1:.1f} times A's" if change >= 1 else f"{abs(change):.1%}"
    return f"{by} ({said})"
