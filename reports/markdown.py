"""The report as Markdown, for a comment on a pull request.

What others wrote stands in code spans, in which nothing is a link, a mention or markup.
"""

import re
from collections.abc import Iterable, Sequence

from headrace.jobs import printable, reasons_in_words, show_seconds

from .figures import QUANTILES, Summary, worth_comparing
from .headline import headline, kept_words, reported_words
from .load import (
    PERCENTILES,
    WITH_FAILURES,
    WITH_FAILURES_WORDS,
    LoadFigures,
    asked,
    hardware_words,
    times_table,
)
from .score_words import (
    interval_words,
    sample_words,
    score_value,
    scorer_words,
    unscored_words,
)
from .service_words import service_table, stopped_words
from .wording import METRIC_NAMES, counted, cut_words, endpoint, money, rate, taken_words

ROWS_MAX = 10
CHARACTERS_MAX = 160
SENTENCE_CHARACTERS_MAX = 600


def markdown(summary: Summary) -> str:
    """The outcome in a sentence, then a table each of cost, times and errors, and the balance."""
    parts = [f"### {code(summary.run.directory)}", " ".join(headline(summary))]
    parts += [
        _load(summary),
        _scores(summary),
        _services(summary),
        _cost(summary),
        _unpriced(summary),
        _balance(summary),
        _cost_sources(summary),
    ]
    parts += [_notes(summary), _hints(summary), _times(summary)]
    parts += [_errors(summary), _rejects(summary)]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: object, *, most: int = CHARACTERS_MAX) -> str:
    """A text of others as a code span, on one line, that no backtick and no `|` in it can leave.
    It is cut past `most` characters."""
    shown = printable(text)
    if len(shown) > most:
        shown = shown[:most] + "…"
    if not shown.strip():
        return ""
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}".replace("|", "\\|")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int) -> str:
    """A table whose first `left` columns are to the left and whose numbers are to the right."""
    marks = [":--" if n < left else "--:" for n in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows))


def _load(summary: Summary) -> str:
    """What a load run was asked for and had per second, and why its figures may not be trusted."""
    figures = summary.load
    if figures is None:
        return ""
    said = [*figures.verdict.why, *figures.verdict.notes]
    parts = [code(asked(figures)) + "".join(f"\n- {code(each)}" for each in said)]
    if (rates := figures.rates) is not None:
        good = [] if rates.goodput_per_s is None else [rate(rates.goodput_per_s)]
        header = (
            "due per second",
            "answered per second",
            *(["goodput per second"] if good else []),
        )
        row = (rate(rates.due_per_s), rate(rates.requests_per_s), *good)
        parts.append(table(header, [row], left=0))
    if figures.hardware is not None:
        parts.append(f"- {hardware_words(figures.hardware)}")
    if (adjusted := _with_failures(figures)) is not None:
        parts.append(adjusted)
    if cut := summary.outcome.cut_at_max_tokens:
        parts.append(f"- {cut_words(cut, summary.outcome.succeeded)}")
    return "\n\n".join(parts)


def _scores(summary: Summary) -> str:
    if not summary.scores:
        return ""
    header = ("score", "scorer", "mean", "95 % interval", "scored", "jobs")
    rows = [
        (
            code(each.name),
            code(scorer_words(each)),
            score_value(each.mean, share=each.share),
            interval_words(each),
            f"{each.scored:,}",
            f"{each.jobs:,}",
        )
        for each in summary.scores
    ]
    notes = [
        f"- {code(each.name)}: {code(words)}"
        for each in summary.scores
        for words in [*sample_words(each), *unscored_words(each)]
    ]
    return "\n\n".join(part for part in (table(header, rows, left=2), "\n".join(notes)) if part)


def _with_failures(figures: LoadFigures) -> str | None:
    """The times of a load run whose failures count; None where answers are all there is."""
    rows = [*times_table(figures, show_seconds)]
    if all(row.name != WITH_FAILURES for row in rows):
        return None
    shown = [(row.name, row.requests, *(value for value, _ in row.percentiles)) for row in rows]
    measured = table(("measured requests", "n", *PERCENTILES), shown, left=1)
    return f"{measured}\n\n{WITH_FAILURES_WORDS[0].upper()}{WITH_FAILURES_WORDS[1:]}."


def _cost(summary: Summary) -> str:
    usage = summary.usage
    if not usage.rows:
        return ""
    total = usage.total
    reported = total.reported_cost is not None
    rows = [
        (
            code(row.model),
            code(endpoint(row.url or "")),
            f"{row.jobs:,}",
            f"{row.input_tokens:,}",
            f"{row.output_tokens:,}",
            money(row.cost, None),
            *([money(row.reported_cost, None)] if reported else []),
        )
        for row in usage.rows[:ROWS_MAX]
    ]
    if len(usage.rows) > 1:
        counts = (f"{total.jobs:,}", f"{total.input_tokens:,}", f"{total.output_tokens:,}")
        by_service = [f"**{money(total.reported_cost, None)}**"] if reported else []
        rows.append(("**all**", "", *counts, f"**{money(total.cost, None)}**", *by_service))
    cost = "cost" if usage.currency is None else f"cost, {printable(usage.currency)}"
    header = ("model", "endpoint", "jobs", "input", "output", cost)
    found = table((*header, "reported") if reported else header, rows, left=2)
    words = reported_words(usage)
    return found if words is None else f"{found}\n\n- {words}"


def _services(summary: Summary) -> str:
    """What went to each service, and which of them stopped; "" without any."""
    found = service_table(summary)
    if found is None:
        return ""
    names = [code(row[0]) for row in found.rows]
    if found.has_total:
        names[-1] = "**all**"
    rows = [[name, *row[1:]] for name, row in zip(names, found.rows, strict=True)]
    stopped = [f"- {code(words)}" for words in stopped_words(summary.by_service)]
    shown = table([printable(each) for each in found.header], rows, left=1)
    return "\n\n".join(part for part in (shown, "\n".join(stopped)) if part)


def _unpriced(summary: Summary) -> str:
    """The answers without a cost by reason, where there are prices to judge by."""
    usage = summary.usage
    reasons = {} if usage.currency is None else usage.unpriced_reasons
    return "\n".join(
        f"- {counted(answers, 'answer')} without a cost: {code(reason)}"
        for reason, answers in list(reasons.items())[:ROWS_MAX]
    )


def _notes(summary: Summary) -> str:
    return "\n".join(f"- {code(note)}" for note in summary.run.notes)


def _rejects(summary: Summary) -> str:
    said = reasons_in_words(summary.outcome.rejects)
    return "\n".join(f"- rejected: {code(words)}" for words in said)


def _hints(summary: Summary) -> str:
    return "\n".join(f"- {code(hint)}" for hint in summary.outcome.hints)


def _balance(summary: Summary) -> str:
    check = summary.balance
    said = f"Balance check: **{check.verdict}**"
    if check.verdict == "differs" and check.difference:
        said += f" by {money(check.difference, check.currency)}"
    if check.currency is not None and check.computed is None:
        said += "\n- computed from the usage: unknown"
    if check.reported is not None:
        said += f"\n- reported by the service: {money(check.reported, None)}"
    kept = [] if summary.kept is None else kept_words(summary.kept)
    return said + "".join(f"\n- {code(reason)}" for reason in [*check.why, *kept])


def _cost_sources(summary: Summary) -> str:
    """What each model cost by three sources, where that says more than the rest."""
    if not worth_comparing(summary.cost_sources):
        return ""
    services = ["service"] if summary.by_service else []
    rows = [
        (
            *([code(each.service or "")] if services else []),
            "**all**" if each.model is None else code(each.model),
            money(each.computed, None),
            money(each.reported, None),
            taken_words(each.account_low, each.account_high),
        )
        for each in [*summary.cost_sources[:ROWS_MAX], *summary.cost_sources[ROWS_MAX:][-1:]]
    ]
    header = (*services, "model", "computed", "reported", "account")
    return table(header, rows, left=1 + len(services))


def _times(summary: Summary) -> str:
    rows = [
        (
            METRIC_NAMES[each.metric],
            f"{each.count:,}",
            *(show_seconds(getattr(each, name)) for name in (*QUANTILES, "max")),
        )
        for each in summary.latency
        if each.url is None
    ]
    return table(("", "n", *QUANTILES, "max"), rows, left=1) if rows else ""


def _errors(summary: Summary) -> str:
    outcome = summary.outcome
    if not outcome.attempt_errors:
        return ""
    rows = [
        (
            code(" ".join(str(each) for each in (error.http_status, error.error_code) if each))
            if error.error_kind == "http"
            else error.error_kind,
            f"{error.attempts:,}",
            code(error.request_id or ""),
        )
        for error in outcome.attempt_errors[:ROWS_MAX]
    ]
    failed = table(("failed attempts", "n", "for example"), rows, left=1)
    return f"<details><summary>Errors</summary>\n\n{failed}\n\n</details>"
