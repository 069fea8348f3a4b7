"""Works out a load run's figures from its attempts."""

import msgspec
import polars as pl

from headrace.jobs import CLIENT_CANCELLED, LoadFacts

from ..run import Run
from .adjusted import adjusted_percentiles, counts_of, incomplete
from .attempt_rows import Gaps, LoadRows, read_gaps, read_rows
from .client_error import weighed
from .figures import Connections, LoadErrors, LoadFigures, ObjectiveMet, Requests
from .hardware import hardware_cost
from .intervals import Floats
from .percentiles import no_spread, spread_of
from .rates import rates
from .refusals import refusals_of
from .server_figures import server_said
from .signs import judge_processes
from .slices import slices_of
from .spread import Since, Spread
from .steady import steady_state

METRICS = {
    "ttft_s": "to the first token, streams only",
    "content_ttft_s": "to the first token that is not reasoning, streams only",
    "latency_s": "to the last byte of content",
    "itl_s": "between successive chunks with tokens, streams only",
    "tpot_s": "per output token after the first, streams only",
    "wait_s": "due to sent, connecting included",
}
FROM_A_MOMENT = ("ttft_s", "content_ttft_s", "latency_s")


def load_figures(run: Run, facts: LoadFacts) -> LoadFigures:
    """Work out the figures of a load run; `facts` is its part of run.json."""
    rows, gaps = read_rows(run, facts), read_gaps(run)
    requests = _requests(rows)
    ended = requests.answered + requests.failed
    good = int(rows.attempts["good"].sum())
    begin, end = facts.measure_from, facts.measure_to
    measured, server = rates(rows), server_said(run, facts)
    verdict = weighed(judge_processes(rows, gaps), run, facts, rows, gaps)
    steady = steady_state(rows)
    if steady.steady is False:
        verdict = msgspec.structs.replace(verdict, notes=[steady.note])
    return LoadFigures(
        facts=msgspec.structs.replace(facts, scrape=server.scrape),
        verdict=verdict,
        window_s=(end - begin).total_seconds() if begin and end else None,
        requests=requests,
        rates=measured,
        times=_times(rows, gaps),
        coalesced_share=float((gaps.values == 0).mean()) if len(gaps.values) else None,
        objectives=[
            ObjectiveMet(
                objective=each.text.strip(),
                met=(met := int(rows.attempts[f"met_{n}"].sum())),
                share=met / ended if ended else None,
            )
            for n, each in enumerate(rows.objectives)
        ],
        goodput_share=good / ended if rows.objectives and ended else None,
        errors=_errors(rows),
        refusals=refusals_of(run, rows),
        connections=_connections(rows),
        slices=slices_of(rows),
        server=server.series,
        steady_state=steady,
        hardware=hardware_cost(facts, measured),
    )


def _requests(rows: LoadRows) -> Requests:
    phases = dict(rows.everything.group_by("phase").len().iter_rows())
    cancelled = rows.attempts.filter(pl.col("error_kind") == "cancelled")
    given_up = cancelled.filter(pl.col("error_code") == CLIENT_CANCELLED).height
    cut = cancelled.height - given_up
    answered = rows.answers.height
    failed = rows.attempts.height - answered - cut - given_up
    return Requests(
        warmup=phases.get("warmup", 0),
        drain=phases.get("drain", 0),
        measured=rows.attempts.height,
        answered=answered,
        failed=failed,
        cut=cut,
        given_up=given_up,
        unsent=cancelled["sent_at"].null_count(),
        error_rate=failed / (answered + failed) if answered + failed else None,
    )


def _times(rows: LoadRows, gaps: Gaps) -> list[Spread]:
    found = []
    for metric in METRICS:
        if metric in FROM_A_MOMENT:
            found.append(_since(rows, metric, rows.values(metric), since="sent"))
            found.append(_since(rows, metric, rows.values(metric, "wait_s"), since="due"))
        elif metric == "itl_s":
            found.append(spread_of(metric, gaps.values, lengths=gaps.lengths))
        else:
            found.append(spread_of(metric, rows.values(metric)))
    return [each for each in found if each is not None]


def _since(rows: LoadRows, metric: str, values: Floats, *, since: Since) -> Spread | None:
    """The spread of a time since a moment, with what failed and was cut off beside it."""
    spread, times = spread_of(metric, values, since=since), incomplete(rows, metric, since)
    if spread is None:
        # Nothing has the figure that was answered: what is asked for may have no such figure.
        if rows.answers.height or not times.total:
            return None
        spread = no_spread(metric, since=since)
    return msgspec.structs.replace(
        spread, adjusted=adjusted_percentiles(times), adjusted_of=counts_of(times)
    )


def _errors(rows: LoadRows) -> list[LoadErrors]:
    measured = rows.attempts.height
    by_kind = ["error_kind", "http_status", "error_code"]
    groups = (
        rows.attempts.filter(pl.col("error_kind").is_not_null())
        .filter(pl.col("error_code").ne_missing(pl.lit(CLIENT_CANCELLED)))
        .group_by(by_kind)
        .agg(pl.len().alias("attempts"))
        .sort("attempts", *by_kind, descending=[True, False, False, False])
    )
    return [LoadErrors(**row, share=row["attempts"] / measured) for row in groups.to_dicts()]


def _connections(rows: LoadRows) -> Connections:
    reused = rows.attempts["connection_reused"]
    opening = rows.attempts["connect_s"].drop_nulls().to_numpy()
    return Connections(
        opened=int((~reused).sum()),
        reused=int(reused.sum()),
        set_up=spread_of("connect_s", opening),
    )
