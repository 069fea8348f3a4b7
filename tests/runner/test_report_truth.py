"""Every figure of a report, held against plain arithmetic over the gateway's own log.

The run is in virtual time over memory, so moments are exact: what the gateway wrote down and what
the client measured differ by nothing but the microseconds that both round to.
"""

import json
import math
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace import gateway
from headrace.jobs import Price, PriceTable
from headrace.reports import Summary, summarise
from headrace.reports.html.extremes import extremes_of
from headrace.reports.html.spread_curves import spread_curves_of
from headrace.reports.html.timeseries import time_series_of
from headrace.reports.run import open_run

from .conftest import Bench, Ran

pytestmark = pytest.mark.slow  # one run, for whichever test comes first

TEXT, IMAGE = "deepseek-v4-flash", "gpt-image-2"
CHAT, MESSAGES, SEARCH = "/v1/chat/completions", "/v1/messages", "/v1/search/completions"
IMAGES = "/v1/images/generations"
PRICES = PriceTable(
    currency="CNY",
    models={
        TEXT: Price(
            input=Decimal(1),
            cached_input=Decimal("0.02"),
            output=Decimal(2),
            search_request=Decimal("0.03"),
        ),
        IMAGE: Price(images={"default": Decimal("0.25")}),
    },
)
JOBS = 120
MICROSECOND = 1e-6
FAULTS = "500+billed=0.05,502=0.05,429=0.02,cut=0.1,reset=0.06"


def lines() -> list[bytes]:
    """Jobs of all four endpoints, every second text job streamed."""
    found = []
    for n in range(JOBS):
        asked = [{"role": "user", "content": f"question {n} " + "word " * (n % 40)}]
        body: dict[str, Any] = {"model": TEXT, "messages": asked, "max_tokens": 10 + n % 30}
        url = (CHAT, MESSAGES, SEARCH, IMAGES)[n % 4]
        if url == IMAGES:
            body = {"model": IMAGE, "prompt": f"a mill {n}", "n": 1 + n % 2}
        elif n % 8 < 4:
            body["stream"] = True
        found.append(json.dumps({"custom_id": f"job-{n}", "url": url, "body": body}).encode())
    return found


class Truth:
    """A run, its summary, and the gateway's rows of its POST requests."""

    def __init__(self, ran: Ran, rows: list[gateway.LogRow]) -> None:
        self.ran = ran
        self.summary: Summary = summarise(ran.directory)
        self.rows = [row for row in rows if row.method == "POST"]
        self.run = open_run(ran.directory)

    @property
    def answered(self) -> list[gateway.LogRow]:
        """What came back whole: no status but 200, and no fault on the way."""
        return [row for row in self.rows if row.status == 200 and row.fault is None]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """One run for all tests here."""

    async def main() -> Truth:
        async with trio.open_nursery() as nursery:
            bench = Bench(tmp_path_factory.mktemp("truth"), nursery)
            at_gateway = bench.gateway(
                faults=gateway.parse_faults(FAULTS),
                seed=7,
                rpm=100_000,
                tpm=None,
                ttft_s=0.3,
                itl_s=0.02,
            )
            bench.write(*lines())
            ran = await bench.run_on(at_gateway, prices=PRICES, rpm=600, attempts=10)
            nursery.cancel_scope.cancel()
        assert (ran.outcome.succeeded, ran.outcome.failed) == (JOBS, 0)
        return Truth(ran, at_gateway.log_rows)

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def test_counts_and_errors_by_code_are_the_logs(truth: Truth) -> None:
    outcome = truth.summary.outcome
    assert (outcome.attempts, outcome.succeeded) == (len(truth.rows), len(truth.answered))
    assert outcome.retries == len(truth.rows) - JOBS
    refused = Counter((row.status, row.error_code) for row in truth.rows if row.error_code)
    reported = {
        (each.http_status, each.error_code): each.attempts
        for each in outcome.attempt_errors
        if each.error_kind == "http"
    }
    assert reported == refused
    assert len(refused) >= 3
    broken = [row for row in truth.rows if row.fault is not None and row.error_code is None]
    others = sum(each.attempts for each in outcome.attempt_errors if each.error_kind != "http")
    assert others == len(broken) > 0


def test_tokens_and_cost_by_model_and_endpoint_are_the_logs(truth: Truth) -> None:
    sums: dict[tuple[str | None, str], Counter[str]] = defaultdict(Counter)
    costs: dict[tuple[str | None, str], Decimal] = defaultdict(Decimal)
    for row in truth.answered:
        key = (row.model, row.path)
        sums[key].update(
            answers=1,
            input=row.input_tokens,
            cached=row.cached_input_tokens,
            output=row.output_tokens,
            images=row.images,
        )
        costs[key] += row.charge
    usage = truth.summary.usage
    assert {(row.model, row.url): row.cost for row in usage.rows} == costs
    assert {
        (row.model, row.url): Counter(
            answers=row.answers,
            input=row.input_tokens,
            cached=row.cached_input_tokens,
            output=row.output_tokens,
            images=row.images,
        )
        for row in usage.rows
    } == sums
    assert usage.total.cost == sum(costs.values())
    assert [row.cost for row in usage.rows] == sorted(costs.values(), reverse=True)


def test_the_balance_check_finds_what_the_gateway_billed_for_failures(
    truth: Truth,
) -> None:
    billed = [row for row in truth.rows if row.fault is not None and row.charge]
    extra = sum((row.charge for row in billed), Decimal(0))
    check = truth.summary.balance
    assert extra > 0
    assert (check.verdict, check.difference) == ("differs", extra)
    assert check.fall == sum((row.charge for row in truth.rows), Decimal(0))
    suspected = {
        row["request_id"]
        for row in truth.ran.attempts.to_dicts()
        if row["cost"] is None and row["error_kind"] is not None
    }
    assert {row.request_id for row in billed} <= suspected
    assert sum(check.suspect_counts.values()) >= len(billed)
    amounts = [each.estimate for each in check.suspects if each.suspicion != "refused"]
    assert amounts == sorted(amounts, key=lambda each: each or 0, reverse=True)


def percentile(values: list[float], share: float) -> float:
    """Definition 7, written out."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def test_latency_and_ttft_percentiles_are_the_logs(truth: Truth) -> None:
    """The request's last byte reaches the gateway when it is sent: memory has no delay."""
    by_url: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in truth.answered:
        assert row.end_s is not None
        by_url[row.path]["latency_s"].append(row.end_s - row.arrival_s)
        if row.stream:
            assert row.first_token_s is not None
            by_url[row.path]["ttft_s"].append(row.first_token_s - row.arrival_s)
    checked = 0
    for each in truth.summary.latency:
        if each.metric not in ("latency_s", "ttft_s"):
            continue
        values = [
            value
            for url, metrics in by_url.items()
            if each.url in (None, url)
            for value in metrics[each.metric]
        ]
        assert each.count == len(values)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
            assert getattr(each, name) == pytest.approx(percentile(values, share), abs=MICROSECOND)
        assert each.max == pytest.approx(max(values), abs=MICROSECOND)
        checked += 1
    assert checked == 9  # latency: all and four endpoints; TTFT: all and the three that stream


def test_the_curves_of_the_page_are_the_logs(truth: Truth) -> None:
    checked = []
    for metric in ("latency_s", "ttft_s"):
        spread = spread_curves_of(truth.run, metric)
        assert spread is not None
        for url in spread.ecdf["url"].unique().to_list():
            times = sorted(
                ((row.end_s if metric == "latency_s" else row.first_token_s) or 0) - row.arrival_s
                for row in truth.answered
                if row.path == url and (metric == "latency_s" or row.stream)
            )
            counted = spread.histogram.filter(spread.histogram["url"] == url)
            assert counted["count"].sum() == len(times)
            for begin, end, count in counted.select("from_s", "to_s", "count").iter_rows():
                inside = [each for each in times if begin - MICROSECOND < each < end + MICROSECOND]
                assert count <= len(inside)
            for _, s, share in spread.ecdf.filter(spread.ecdf["url"] == url).iter_rows():
                below = sum(each <= s + MICROSECOND for each in times) / len(times)
                assert share <= below + 1e-9
            checked.append((metric, url))
    assert sorted(checked) == [
        *(("latency_s", url) for url in (CHAT, IMAGES, MESSAGES, SEARCH)),
        *(("ttft_s", url) for url in (CHAT, MESSAGES, SEARCH)),
    ]


def test_the_course_of_the_page_is_the_logs(truth: Truth) -> None:
    """Requests, tokens and the most in flight a bin, counted over the log's own moments."""
    course = time_series_of(truth.run)
    width_s = course.timeline.width_s
    began_s = min(row.arrival_s for row in truth.rows)
    first = min(truth.ran.attempts["sent_at"].to_list())
    offset_s = (first - course.timeline.starts[0]).total_seconds() - began_s
    requests, tokens, failed = Counter[int](), Counter[int](), Counter[int]()
    for row in truth.rows:
        n = math.floor((row.arrival_s + offset_s + MICROSECOND / 2) / width_s)
        requests[n] += 1
        if row in truth.answered:
            tokens[n] += row.input_tokens + row.output_tokens
        else:
            failed[n] += 1
    bins = [round(at_s / width_s) for at_s in course.bins["at_s"]]
    assert dict(zip(bins, course.bins["requests"], strict=True)) == {n: requests[n] for n in bins}
    assert dict(zip(bins, course.bins["tokens"], strict=True)) == {n: tokens[n] for n in bins}
    errors: Counter[int] = Counter()
    for at_s, _, attempts in course.errors.iter_rows():
        errors[round(at_s / width_s)] += attempts
    assert errors == failed
    assert course.bins["requests"].sum() == truth.summary.outcome.attempts


def test_the_dearest_and_the_slowest_are_the_logs(truth: Truth) -> None:
    found = extremes_of(truth.run)
    charges: dict[str, Decimal] = defaultdict(Decimal)
    request_of = {row["request_id"]: row["custom_id"] for row in truth.ran.attempts.to_dicts()}
    times: dict[str, float] = {}
    for row in truth.answered:
        charges[request_of[row.request_id]] += row.charge
        times[request_of[row.request_id]] = (row.end_s or 0) - row.arrival_s
    assert [each.cost for each in found.dearest] == sorted(charges.values(), reverse=True)[:10]
    assert all(each.cost == charges[each.custom_id] for each in found.dearest)
    slowest = sorted(times.values(), reverse=True)[:10]
    assert [each.latency_s for each in found.slowest] == pytest.approx(slowest, abs=MICROSECOND)
    assert sum(group.attempts for group in found.errors) == len(truth.rows) - len(truth.answered)
    ids = {row.request_id for row in truth.rows if row.status != 200 or row.fault}
    assert {each for group in found.errors for each in group.request_ids} <= ids


def test_use_of_the_limits_is_the_logs(truth: Truth) -> None:
    arrivals = sorted(row.arrival_s for row in truth.rows)
    peak = max(sum(at - 60 + MICROSECOND < other <= at for other in arrivals) for at in arrivals)
    requests, tokens = truth.summary.limits.uses
    assert (requests.what, requests.limit, requests.peak) == ("requests", 600, peak)
    assert tokens.peak <= sum(row.input_tokens + row.output_tokens for row in truth.answered)
    span_s = (arrivals[-1] - arrivals[0]) * len(arrivals) / (len(arrivals) - 1)
    assert requests.rate == pytest.approx(len(arrivals) / span_s * 60, rel=1e-6)
    assert truth.summary.limits.refused == sum(row.status == 429 for row in truth.rows)
