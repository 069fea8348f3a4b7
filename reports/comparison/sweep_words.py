"""Sweeps beside each other in words: a row for each load of each, and what each comes to."""

from collections.abc import Iterator, Sequence

from headrace.jobs import show_seconds

from .sentences import Time
from .step_sentences import Remark, load_words, mark
from .steps import Step, Steps
from .sweeps import Sweeps, last_of_each, per_user

COLUMNS = ("done/s", "goodput/s", "errors", "tokens/s", "per user", "TTFT p95", "latency p95")
GOODPUT = COLUMNS.index("goodput/s")


def sweep_columns(sweeps: Sweeps) -> tuple[str, ...]:
    """What stands above the rows; goodput only where a sweep has objectives."""
    return ("asked", "", *_chosen(sweeps, COLUMNS))


def _chosen(sweeps: Sweeps, cells: Sequence[str]) -> list[str]:
    known = any(step.goodput_per_s is not None for each in sweeps.sweeps for step in each.steps)
    return [each for n, each in enumerate(cells) if known or n != GOODPUT]


def sweep_rows(sweeps: Sweeps, *, time: Time = show_seconds) -> list[list[str]]:
    """A row under `sweep_columns` for each load of each sweep, those of one load together."""
    found = [
        (step.load, number, step, name)
        for number, (name, steps) in enumerate(sweeps.lettered)
        for step in last_of_each(steps)
    ]
    found.sort(key=lambda each: each[:2])
    rows, before = [], None
    for load, _, step, name in found:
        asked = "" if load == before else load_words(step)
        rows.append([asked, name, *_chosen(sweeps, _cells(step, time))])
        before = load
    return rows


def _cells(step: Step, time: Time) -> list[str]:
    return [
        _rate(step.requests_per_s),
        _rate(step.goodput_per_s),
        "-" if step.error_rate is None else f"{step.error_rate:.1%}",
        _rate(step.output_tokens_per_s),
        _rate(per_user(step)),
        "-" if step.ttft_p95_s is None else time(step.ttft_p95_s),
        "-" if step.latency_p95_s is None else time(step.latency_p95_s),
    ]


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"


def _change(ratio: float) -> str:
    return f"{ratio:.1f} times A's" if ratio >= 2 else f"{ratio - 1:+.1%}"


def sweep_remarks(sweeps: Sweeps) -> Iterator[Remark]:
    """What each answers at most, how the others differ from A at the same loads, and how sure."""
    for name, steps in sweeps.lettered:
        yield from _most(name, steps)
    first, *others = sweeps.lettered
    shared = False
    for name, steps in others:
        for said in _beside(first[1], name, steps):
            shared = True
            yield Remark(said, "plain")
    if not shared:
        yield Remark("no load was asked of both that has answers; compare the curves", "plain")
    yield Remark(
        "one run for each load: noise between runs is not known; load --repeats tells it", "doubt"
    )
    for name, steps in sweeps.lettered:
        doubtful = [(load_words(step), mark(steps, step).text) for step in last_of_each(steps)]
        for load, words in doubtful:
            if words in ("client-limited", "unknown", "still rising"):
                yield Remark(f"{name} at {load}: {words}", "doubt")


def _most(name: str, steps: Steps) -> Iterator[Remark]:
    known = [step for step in last_of_each(steps) if step.requests_per_s]
    if not known:
        yield Remark(f"{name}: nothing was answered", "bad")
        return
    best = max(known, key=lambda step: step.requests_per_s or 0.0)
    said = f"{name} answers at most {_rate(best.requests_per_s)}/s, at {load_words(best)}"
    if best.latency_p95_s is not None:
        said += f" with a latency p95 of {show_seconds(best.latency_p95_s)}"
    good = [step for step in known if step.goodput_per_s]
    if good:
        most = max(good, key=lambda step: step.goodput_per_s or 0.0)
        said += f"; its goodput is at most {_rate(most.goodput_per_s)}/s, at {load_words(most)}"
    if steps.knee is not None:
        knee = next(step for step in known if step.load == steps.knee)
        said += f"; its knee is {load_words(knee)}"
    yield Remark(said, "plain")


def _beside(a: Steps, name: str, b: Steps) -> Iterator[str]:
    """The largest load that both were asked for, at which the two are told apart."""
    of_a = {(step.users is None, step.load): step for step in last_of_each(a)}
    pairs = [
        (of_a[key], step)
        for step in last_of_each(b)
        if (key := (step.users is None, step.load)) in of_a
    ]
    pairs = [(one, other) for one, other in pairs if one.latency_p95_s and other.latency_p95_s]
    for one, other in pairs[-1:]:
        assert one.latency_p95_s is not None
        assert other.latency_p95_s is not None
        said = (
            f"at {load_words(one)} {name}'s latency p95 is {show_seconds(other.latency_p95_s)}, "
            f"A's {show_seconds(one.latency_p95_s)} "
            f"({_change(other.latency_p95_s / one.latency_p95_s)})"
        )
        mine, theirs = per_user(other), per_user(one)
        if mine and theirs:
            said += f"; a user gets {_rate(mine)} tokens/s, of A {_rate(theirs)}"
        yield said
