"""A summary on a terminal, or in a pipe: what a person reads first comes first.

What models, users and gateways wrote is untrusted: it is shown as text, never as markup, and
without control characters.
"""

from rich.console import Console
from rich.text import Text

from headrace.jobs import (
    CLIENT_CANCELLED,
    printable,
    reasons_in_words,
    show_seconds,
    show_seconds_short,
)

from ..figures import (
    QUANTILES,
    SUSPICIONS,
    BalanceCheck,
    ConcurrencyFigures,
    Summary,
    worth_comparing,
    worth_showing,
)
from ..headline import kept_words, reported_words, unfit_words
from ..wording import (
    METRIC_NAMES,
    TOO_SHORT,
    aligned,
    attempt_words,
    counted,
    cut_words,
    endpoint,
    money,
    state_words,
    taken_words,
)
from .layout import STATE_STYLES, columns, heading, print_body
from .load import print_load
from .scores import print_scores
from .services import print_accounts, print_services

SUSPECTS_PRINTED = 5
REASONS_PRINTED = 5
VERDICTS = {
    "agrees": "green",
    "too small to tell": "yellow",
    "differs": "red",
    "cannot be checked": "yellow",
}
# Columns of the usage table that are left out where all is zero.
COUNTED = {
    "input": "input_tokens",
    "cached": "cached_input_tokens",
    "written": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "images": "images",
}


def print_summary(summary: Summary, console: Console) -> None:
    """Print every section that has something to say. Fits 80 columns and wider.

    Args:
        summary: of the run.
        console: where to.
    """
    _print_headline(summary, console)
    if summary.load is not None:
        print_load(summary.load, console)
    _print_errors(summary, console)
    print_scores(summary.scores, console)
    print_services(summary, console)
    _print_usage(summary, console)
    _print_images(summary, console)
    if summary.load is None:
        _print_latency(summary, console)
    _print_limits(summary, console)
    _print_balance(summary, console)
    _print_cost_sources(summary, console)
    if summary.kept is not None:
        for words in kept_words(summary.kept):
            print_body(console, printable(words), "yellow" if summary.kept.kept else "dim")
    _print_next(summary, console)


def _print_headline(summary: Summary, console: Console) -> None:
    run, outcome = summary.run, summary.outcome
    words, style = state_words(run.state, kind=run.kind), STATE_STYLES[run.state]
    console.print(Text.assemble((printable(run.directory), "bold"), "  ", (words, style)))
    if run.reason is not None:
        print_body(console, printable(run.reason), style)
    counts = Text.assemble(
        (f"{outcome.succeeded:,} succeeded", "green" if outcome.succeeded else ""),
        (f", {outcome.failed:,} failed", "red" if outcome.failed else ""),
        (f", {outcome.rejected:,} rejected", "yellow" if outcome.rejected else ""),
    )
    if outcome.left_out:
        counts.append(f", {outcome.left_out:,} left out, of rows that the table no longer has")
    if outcome.in_flight:
        counts.append(f", {outcome.in_flight:,} in flight")
    print_body(console, counts)
    if outcome.cut_at_max_tokens:
        words = cut_words(outcome.cut_at_max_tokens, outcome.succeeded)
        print_body(console, words, "yellow" if summary.load is None else "")
    if summary.deduplicated:
        saved = summary.deduplicated_saved
        words = f"{counted(summary.deduplicated, 'job')} not sent, since another asked the same"
        if saved is not None:
            words += f"; about {money(saved, summary.usage.currency)} saved"
        print_body(console, words)
    if summary.unfit is not None:
        print_body(console, unfit_words(summary.unfit, summary.usage.currency), "yellow")
    attempts = attempt_words(outcome.attempts, outcome.retries, outcome.reasks)
    if run.elapsed_s is not None:
        attempts += f", in {show_seconds(run.elapsed_s)}"
    if run.sessions > 1:
        attempts += f" and {run.sessions} sessions"
    print_body(console, attempts)
    through = summary.throughput
    if through.requests_per_minute is not None and summary.load is None:  # its warm-up would be in
        said = f"{through.requests_per_minute:,.0f} jobs per minute"
        if through.output_tokens_per_s:
            said += f", {through.output_tokens_per_s:,.0f} output tokens per second"
        print_body(console, said)
    asked_for = sum(
        each.attempts for each in outcome.attempt_errors if each.error_code == CLIENT_CANCELLED
    )
    if asked_for:
        said = f"{counted(asked_for, 'attempt')} cancelled as --cancel asks, perhaps billed"
        print_body(console, said)
    cancelled = outcome.cancelled - asked_for
    unended = outcome.lost + cancelled
    if unended:
        print_body(
            console,
            f"{counted(unended, 'attempt')} in flight when a session ended, perhaps billed "
            f"({outcome.lost:,} lost, {cancelled:,} cancelled)",
            "yellow",
        )
    for note in run.notes:
        print_body(console, f"{printable(note)}.", "yellow")
    if run.missing_columns:
        names = ", ".join(run.missing_columns)
        print_body(
            console,
            f"Not recorded by headrace {printable(run.headrace)}, so unknown: {names}",
            "dim",
        )


def _print_errors(summary: Summary, console: Console) -> None:
    outcome = summary.outcome
    if outcome.errors:
        heading(console, "Failed jobs")
        table = columns("status", "code", "message", "for example", "jobs", left=4)
        for error in outcome.errors[:10]:
            table.add_row(
                str(error.http_status or "-"),
                Text(printable(error.error_code or "-")),
                Text(printable(error.message or "-")),
                Text(printable(error.request_id or error.custom_id)),
                f"{error.jobs:,}",
            )
        print_body(console, table)
    if outcome.attempt_errors:
        heading(console, "Failed attempts, retried or not")
        table = columns("kind", "status", "code", "for example", "attempts", left=4)
        for failed in outcome.attempt_errors[:12]:
            table.add_row(
                failed.error_kind,
                str(failed.http_status or "-"),
                Text(printable(failed.error_code or "-")),
                Text(printable(failed.request_id or "-")),
                f"{failed.attempts:,}",
            )
        print_body(console, table)
    if outcome.hints:
        heading(console, "Hints")
        for hint in outcome.hints:
            print_body(console, printable(hint), "yellow")


def _print_usage(summary: Summary, console: Console) -> None:
    usage = summary.usage
    if not usage.rows:
        return
    heading(console, "Tokens and cost")
    shown = {name: field for name, field in COUNTED.items() if getattr(usage.total, field)}
    priced = usage.currency is not None
    reported = usage.total.reported_cost is not None
    table = columns("model", "endpoint", "jobs", *shown, left=2)
    if priced:  # the amounts are aligned already, and on their points
        header = Text(f"cost, {usage.currency}", "dim", justify="right")
        table.add_column(header, justify="left", no_wrap=True)
    if reported:
        table.add_column(Text("reported", "dim", justify="right"), justify="left", no_wrap=True)
    rows = [*usage.rows, usage.total] if len(usage.rows) > 1 else usage.rows
    costs, said = aligned([row.cost for row in rows]), aligned([row.reported_cost for row in rows])
    for row, amount, by_service in zip(rows, costs, said, strict=True):
        table.add_row(
            Text("all" if row.model is None else printable(row.model)),
            Text("" if row.url is None else endpoint(row.url)),
            f"{row.jobs:,}",
            *(f"{getattr(row, field):,}" for field in shown.values()),
            *([amount] if priced else []),
            *([by_service] if reported else []),
            style="bold" if row.model is None else "",
        )
    print_body(console, table)
    if (words := reported_words(usage)) is not None:
        print_body(console, words)
    if not priced:
        print_body(console, "No --prices were given, so no cost is known.", "yellow")
    elif usage.unpriced_models:
        names = ", ".join(printable(model) for model in usage.unpriced_models)
        print_body(console, f"No price, or no usage, for some answers of: {names}", "yellow")
        for reason, answers in list(usage.unpriced_reasons.items())[:REASONS_PRINTED]:
            without = counted(answers, "answer")
            print_body(console, f"{without} without a cost: {printable(reason)}", "yellow")
    if usage.probable_cost is not None:
        cost = money(usage.probable_cost, usage.currency)
        words = f"Cut streams and answers that could not be used, in no cost: probably {cost}"
        print_body(console, words, "yellow")


def _print_images(summary: Summary, console: Console) -> None:
    images = summary.images
    if images is None or not (images.files or images.links or images.failed):
        return
    heading(console, "Images")
    print_body(
        console, f"{counted(images.files, 'file')} in {printable(summary.run.directory)}/images"
    )
    if images.left_out:
        more = counted(images.left_out, "image")
        print_body(console, f"{more} came beyond what was asked for, and were not kept", "yellow")
    if images.failed:
        table = columns("links", "not fetched, and why; --download tries again", left=0)
        table.columns[1].justify, table.columns[1].no_wrap = "left", False
        for reason, count in images.reasons.items():
            table.add_row(f"{count:,}", Text(printable(reason)))
        print_body(console, table)
    elif images.links:
        links = counted(images.links, "link")
        print_body(console, f"{links} that may expire; --download fetches them", "yellow")


def _print_latency(summary: Summary, console: Console) -> None:
    if not summary.latency:
        return
    heading(console, "Times of succeeded jobs")
    table = columns("", "endpoint", "n", *QUANTILES, "max", left=2)
    for each in worth_showing(summary.latency):
        figures = [getattr(each, name) for name in (*QUANTILES, "max")]
        table.add_row(
            METRIC_NAMES[each.metric] if each.url is None else "",
            Text("all" if each.url is None else endpoint(each.url)),
            f"{each.count:,}",
            *(show_seconds_short(figure) for figure in figures),
        )
    print_body(console, table)


def _print_limits(summary: Summary, console: Console) -> None:
    limits = summary.limits
    if summary.load is not None and all(use.limit is None for use in limits.uses):
        return
    if not summary.outcome.attempts and not summary.outcome.in_flight:
        return
    heading(console, "Limits")
    table = columns("per minute", "limit", "mean", "of the limit", "peak in 60 s")
    for use in limits.uses:
        table.add_row(
            use.words,
            "none" if use.limit is None else f"{use.limit:,.0f}",
            "-" if use.rate is None else f"{use.rate:,.0f}",
            "-" if use.share is None else f"{use.share:.1%}",
            f"{use.peak:,}",
        )
    print_body(console, table)
    for words in limits.changes:
        print_body(console, words, "yellow")
    if limits.too_short:
        print_body(console, TOO_SHORT, "dim")
    if limits.refused:
        said = f"{counted(limits.refused, 'answer')} of 429"
        if limits.asked_pause_s is not None:
            said += f"; the longest pause asked for was {show_seconds(limits.asked_pause_s)}"
        print_body(console, said, "yellow")
    _print_concurrency(limits.concurrency, console)
    for model, totals in limits.estimates.items():
        if totals.used_tokens:
            ratio = totals.reserved_tokens / totals.used_tokens
            print_body(
                console,
                f"{printable(model)}: {totals.reserved_tokens:,} tokens reserved for "
                f"{totals.used_tokens:,} used ({ratio:.2f} times)",
                "dim",
            )


def _print_concurrency(history: ConcurrencyFigures, console: Console) -> None:
    if history.start is None or history.most_in_flight is None:
        return
    most = f"peak {history.most_in_flight:,} in flight"
    if history.fixed is not None:
        print_body(console, f"{most}, of {history.end:,} allowed", "dim")
        return
    words = f"concurrency: {history.start:,} at first, {history.end:,} at last"
    if (history.lowest, history.highest) != tuple(sorted((history.start, history.end or 0))):
        words += f", between {history.lowest:,} and {history.highest:,}"
    print_body(console, f"{words}; {most}", "dim")


def _print_balance(summary: Summary, console: Console) -> None:
    check = summary.balance
    heading(console, "Balance check")
    words: str = check.verdict
    if check.verdict == "differs" and check.difference:
        more = "more" if check.difference > 0 else "less"
        words = f"differs: the account says {money(abs(check.difference), check.currency)} {more}"
    print_body(console, words, VERDICTS[check.verdict])
    print_accounts(summary, console)
    figures = {
        "computed from the usage": check.computed,
        "fall of the balance": check.fall,
        "rise of the key's daily use": check.daily_rise,
        "rise of the key's monthly use": check.monthly_rise,
    }
    known = {name: amount for name, amount in figures.items() if amount is not None}
    table = columns("", "amount", left=2)
    table.show_header = False
    for name, amount in zip(known, aligned(list(known.values())), strict=True):
        table.add_row(name, f"{amount} {check.currency}")
    if check.computed is None and check.currency is not None:
        table.add_row("computed from the usage", "unknown")
    if table.row_count:
        print_body(console, table)
    if check.reported is not None:
        print_body(console, f"reported by the service: {money(check.reported, None)}")
    for reason in check.why:
        print_body(console, printable(reason), "yellow" if check.verdict != "agrees" else "dim")
    if check.suspect_counts:
        _show_suspects(console, check)


def _print_cost_sources(summary: Summary, console: Console) -> None:
    """What each model cost by three sources, where that says more than the tables before."""
    if not worth_comparing(summary.cost_sources):
        return
    services = ["service"] if summary.by_service else []
    table = columns(*services, "model", left=1 + len(services))
    for name in ("computed", "reported", "account"):
        table.add_column(Text(name, "dim", justify="right"), justify="right", no_wrap=True)
    for each in summary.cost_sources:
        table.add_row(
            *([Text(printable(each.service or ""))] if services else []),
            Text("all" if each.model is None else printable(each.model)),
            money(each.computed, None),
            money(each.reported, None),
            taken_words(each.account_low, each.account_high),
            style="bold" if each.model is None else "",
        )
    print_body(console, table)


def _show_suspects(console: Console, check: BalanceCheck) -> None:
    estimates = [check.suspect_estimates.get(name) for name in check.suspect_counts]
    table = columns("attempts", "may be", "that could explain it", "", left=0)
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "left", False
    for (name, count), amount in zip(check.suspect_counts.items(), aligned(estimates), strict=True):
        table.add_row(f"{count:,}", amount, name, SUSPICIONS[name])
    print_body(console, table)
    services = ["service"] if any(each.service for each in check.suspects) else []
    table = columns("the largest", *services, "attempt", "request", "may be", left=1)
    for each in check.suspects[:SUSPECTS_PRINTED]:
        table.add_row(
            Text(printable(each.custom_id)),
            *([Text(printable(each.service or ""))] if services else []),
            str(each.attempt),
            Text(printable(each.request_id or "-")),
            money(each.estimate if each.estimate is not None else each.at_most, None),
        )
    print_body(console, table)


def _print_next(summary: Summary, console: Console) -> None:
    run, outcome = summary.run, summary.outcome
    if outcome.rejected:
        if outcome.rejects:
            heading(console, "Rejected lines")
            for words in reasons_in_words(outcome.rejects):
                print_body(console, printable(words))
        console.print()
        path = f"{printable(run.directory)}/rejects.jsonl"
        console.print(Text(f"The rejected lines, each with its reason: {path}"))
