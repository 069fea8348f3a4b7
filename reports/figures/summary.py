"""The summary of a run: everything that a report shows, as data. `summary.json` is this."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from headrace.jobs import printable_json, replace_file, strip_zeros

from ..load import LoadFigures
from ..run import Run, open_run, reading_tables
from ..scores import ScoreFigures, score_figures
from .account_checks import check_accounts
from .balance_check import BalanceCheck
from .copies import count_copies
from .cost_sources import CostSources, cost_sources_of
from .images import ImageCounts, count_images
from .kept_money import KeptMoney, kept_money
from .latency import METRICS, Distribution, distributions
from .limits_report import LimitsReport, limits_of
from .outcome_counts import OutcomeCounts, count_outcomes
from .services import ServiceFigures, services_of
from .unfit import UnfitAnswers, count_unfit
from .usage_table import UsageTable, usage_by_service, usage_of

SUMMARY_SCHEMA_VERSION = 1


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which run it is. `base_url` is None where it has services. `elapsed_s` adds up its sessions;
    `state` is the newest one's, and `crashed` where that one never ended. What is in
    `missing_columns` was not recorded. `notes` say what of the journal was gone when a session
    resumed: it is in no figure, and may have been paid for."""

    directory: str
    kind: str
    base_url: str | None
    job_file: str | None
    state: str
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    elapsed_s: float | None
    sessions: int
    headrace: str
    missing_columns: list[str] = []
    notes: list[str] = []


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Means from the first request sent to the last answer's end; None without any.

    `requests_per_minute` counts succeeded jobs.
    """

    span_s: float | None
    requests_per_minute: float | None
    output_tokens_per_s: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All sections. Money is decimal (text in JSON), times are seconds, moments UTC.

    `load` is that of a load run, whose `latency` is of the measured jobs alone. `deduplicated` jobs
    were not sent, since another one asked the same; they saved what that one's last attempt cost.
    `unfit` is None where no answer lacked the form that it must have. `services` are left out where
    the run has none; what the other sections say is then of all of them together.
    """

    schema_version: int
    run: RunFacts
    outcome: OutcomeCounts
    usage: UsageTable
    images: ImageCounts | None = msgspec.field(name="pictures")  # None where no job asked for any
    latency: list[Distribution]
    throughput: Throughput
    limits: LimitsReport
    balance: BalanceCheck
    kept: KeptMoney | None = None  # None where nothing was
    scores: list[ScoreFigures] = []
    load: LoadFigures | None = None
    deduplicated: int = 0
    deduplicated_saved: Decimal | None = None
    unfit: UnfitAnswers | None = None
    cost_sources: list[CostSources] = []
    services: list[ServiceFigures] | msgspec.UnsetType = msgspec.UNSET

    @property
    def by_service(self) -> list[ServiceFigures]:
        """Each service's part of the run; [] where it has no services."""
        return [] if self.services is msgspec.UNSET else self.services


def summarise(
    directory: Path, *, tolerance: Decimal | None = None, client_error_s: float | None = None
) -> Summary:
    """Summarise the run in a directory: one that ended, crashed, or is still running.

    Args:
        directory: the run.
        tolerance: what the balance may differ by, in the account's currency; None is the rule of
            the balance check.
        client_error_s: what a load run's client may have been late by; None is what it began with.

    Raises:
        InputError: it is not a run, or can't be read.
    """
    return summary_of(open_run(directory).allowing(client_error_s), tolerance=tolerance)


def summary_of(run: Run, *, tolerance: Decimal | None = None) -> Summary:
    """Summarise a run that is read already. Raises InputError where a table can't be read."""
    with reading_tables(run.directory):
        copies, saved = count_copies(run)
        unfit = count_unfit(run)
        usage, checks = usage_of(run), check_accounts(run, tolerance=tolerance)
        by_services, limits = usage_by_service(run), limits_of(run)
        return Summary(
            schema_version=SUMMARY_SCHEMA_VERSION,
            run=_facts(run),
            outcome=count_outcomes(run, 0 if unfit is None else unfit.reasks),
            usage=usage,
            images=count_images(run),
            latency=distributions(_times(run)),
            throughput=_throughput(run),
            limits=limits,
            balance=checks.in_all,
            kept=kept_money(run),
            load=_load(run),
            scores=score_figures(run),
            deduplicated=copies,
            deduplicated_saved=saved,
            unfit=unfit,
            cost_sources=cost_sources_of(run, usage, checks, by_services),
            services=services_of(run, checks, by_services, limits) or msgspec.UNSET,
        )


def _load(run: Run) -> LoadFigures | None:
    if run.manifest.load is None:
        return None
    from ..load import load_figures

    return load_figures(run, run.manifest.load)


def measured_results(run: Run) -> pl.LazyFrame:
    """The results that count, with all their columns: all, or of a load run those measured."""
    if run.manifest.kind != "load":
        return run.results
    measured = run.attempts.filter(pl.col("phase") == "measure").select("index")
    return run.results.join(measured, on="index", how="semi")


def _times(run: Run) -> pl.LazyFrame:
    """What the distributions are of; of a load run joined once, and not for each metric."""
    results = measured_results(run).select("url", "status", *METRICS)
    return results.collect().lazy() if run.manifest.kind == "load" else results


def summary_json(summary: Summary) -> bytes:
    """The summary as indented JSON, with a line end."""
    return data_json(summary)


def data_json(struct: msgspec.Struct | dict[str, Any], *, indent: int | None = 2) -> bytes:
    """What a report shows, as JSON, in one line where `indent` is None. Money is text, without an
    exponent or idle zeros."""
    data = msgspec.to_builtins(struct, builtin_types=[Decimal])
    text = json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False, default=_digits)
    return printable_json(text).encode() + b"\n"


def _digits(amount: Decimal) -> str:
    return f"{strip_zeros(amount):f}"


def write_summary(directory: Path) -> Summary:
    """Summarise a run and put the summary in its `summary.json`, whole or not at all.

    Returns:
        What was written.

    Raises:
        InputError: it is not a run, or can't be read.
        OSError: the file can't be written.
    """
    summary = summarise(directory)
    mode = directory.stat().st_mode & 0o644  # no more open than the directory
    replace_file(directory / "summary.json", summary_json(summary), mode=mode)
    return summary


def _facts(run: Run) -> RunFacts:
    manifest = run.manifest
    last = manifest.sessions[-1]
    spans = [
        (session.ended_at - session.started_at).total_seconds()
        for session in manifest.sessions
        if session.ended_at is not None
    ]
    crashed = last.state == "running" and not run.running
    made_of = manifest.dataset or manifest.job_file
    return RunFacts(
        directory=str(run.directory),
        kind=manifest.kind,
        base_url=manifest.base_url,
        job_file=None if made_of is None else made_of.path,
        state="crashed" if crashed else last.state,
        reason=last.reason,
        started_at=manifest.sessions[0].started_at,
        ended_at=last.ended_at,
        elapsed_s=sum(spans) if spans else None,
        sessions=len(manifest.sessions),
        headrace=manifest.headrace,
        missing_columns=run.missing_columns,
        notes=run.notes,
    )


def _throughput(run: Run) -> Throughput:
    sent = run.results.filter(pl.col("copy_of").is_null())
    good = sent.filter(pl.col("status") == "succeeded")
    row = (
        good.select(
            pl.len().alias("jobs"),
            pl.col("output_tokens").sum(),
            pl.col("ended_at").max().alias("end"),
            pl.col("sent_at").min().alias("begin"),
        )
        .collect()
        .row(0, named=True)
    )
    if row["jobs"] < 2 or row["end"] <= row["begin"]:  # one job's pace is its latency
        return Throughput(span_s=None, requests_per_minute=None, output_tokens_per_s=None)
    span_s = (row["end"] - row["begin"]).total_seconds()
    return Throughput(
        span_s=span_s,
        requests_per_minute=row["jobs"] / span_s * 60,
        output_tokens_per_s=row["output_tokens"] / span_s,
    )
