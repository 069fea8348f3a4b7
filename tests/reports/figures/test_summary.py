"""The summary's figures, held against values worked out by other means."""

import json
import re
import statistics
from decimal import Decimal
from io import StringIO
from random import Random

import msgspec
import pytest
from rich.console import Console

from headrace.jobs import EstimateTotals, ModelLimits
from headrace.reports import Summary, print_summary, summarise, summary_json, write_summary
from headrace.reports.figures.latency import METRICS
from headrace.reports.headline import headline
from tests.docs_page import docs_page
from tests.reports.conftest import CHAT, RunMaker, at

PAGE = "reference/summary.md"


def test_outcome_counts_jobs_and_attempts(made: RunMaker) -> None:
    made.attempt(0, error_kind="http", http_status=500, error_code="INTERNAL_ERROR")
    made.attempt(0, 2, error_kind="http", http_status=500, error_code="INTERNAL_ERROR")
    made.attempt(0, 3)
    made.result(0, attempts=3)
    made.attempt(1, error_kind="http", http_status=400, error_code="INVALID_PARAMS")
    made.result(1, status="failed", http_status=400, error_code="INVALID_PARAMS")
    made.attempt(2, error_kind="lost")
    made.attempt(2, 2, error_kind="cancelled")
    (made.write() / "rejects.jsonl").write_text("{}\n{}\n")
    outcome = summarise(made.directory).outcome
    assert (outcome.succeeded, outcome.failed, outcome.rejected) == (1, 1, 2)
    assert (outcome.attempts, outcome.retries) == (6, 3)
    assert (outcome.lost, outcome.cancelled, outcome.in_flight) == (1, 1, 0)
    assert outcome.unfinished == 0


def test_answers_cut_at_max_tokens_are_counted_in_every_report(made: RunMaker) -> None:
    for index, reason in enumerate(["length", "stop", "length", None]):
        made.job(index, finish_reason=reason)
    made.result(4, status="failed", finish_reason="length")  # a failure is not a short answer
    summary = summarise(made.write())
    assert summary.outcome.cut_at_max_tokens == 2
    assert json.loads(summary_json(summary))["outcome"]["cut_at_max_tokens"] == 2
    out = StringIO()
    print_summary(summary, Console(file=out, width=80))
    said = "2 of 4 answers were cut at max_tokens"
    assert said in out.getvalue()
    assert said in " ".join(headline(summary))  # of the page and of Markdown


def test_errors_are_grouped_the_largest_first_with_one_to_look_up(made: RunMaker) -> None:
    for index, code in enumerate(["B", "A", "A"]):
        made.attempt(index, error_kind="http", http_status=400, error_code=code, request_id="r")
        made.result(
            index,
            status="failed",
            http_status=400,
            error_code=code,
            error_message=f"{code}{index} " + "x" * 400,
            request_id=f"req-{index}",
        )
    made.attempt(3, error_kind="connect")
    summary = summarise(made.write())
    first, second = summary.outcome.errors
    assert (first.error_code, first.jobs, first.custom_id, first.request_id) == (
        "A",
        2,
        "job-1",
        "req-1",
    )
    assert first.message == "A1 " + "x" * 297
    assert (second.error_code, second.jobs) == ("B", 1)
    groups = [
        (each.error_kind, each.error_code, each.attempts, each.request_id)
        for each in summary.outcome.attempt_errors
    ]
    assert groups == [("http", "A", 2, "r"), ("connect", None, 1, None), ("http", "B", 1, "r")]


def test_money_and_tokens_sum_the_attempts_exactly(made: RunMaker) -> None:
    cent = Decimal("0.000000000001")
    made.attempt(0, error_kind="stream", input_tokens=10, output_tokens=1, cost=cent)
    made.attempt(0, 2, input_tokens=10, cached_input_tokens=4, output_tokens=5, cost=3 * cent)
    made.result(0, attempts=2, cost=3 * cent, output_tokens=5, reasoning_tokens=2)
    made.job(1, model="painter", url="/v1/images/generations", cost=Decimal("0.25"), images=1)
    usage = summarise(made.write()).usage
    painter, small = usage.rows
    assert (painter.model, painter.images, painter.cost) == ("painter", 1, Decimal("0.25"))
    assert (small.jobs, small.attempts, small.answers) == (1, 2, 1)
    assert (small.input_tokens, small.cached_input_tokens, small.output_tokens) == (20, 4, 6)
    assert (small.reasoning_tokens, small.cost) == (2, 4 * cent)
    assert usage.total.cost == Decimal("0.250000000004")
    assert (usage.total.jobs, usage.total.attempts, usage.total.input_tokens) == (2, 3, 20)
    assert (usage.currency, usage.unpriced_models) == ("CNY", [])


def test_a_cost_that_is_not_known_is_null_and_its_model_is_named(made: RunMaker) -> None:
    made.job(0, model="unknown", input_tokens=1, output_tokens=1)
    made.job(1, cost=Decimal("0.5"))
    made.attempt(2, model="other", error_kind="http", http_status=500)  # failed, so not billed
    usage = summarise(made.write()).usage
    assert {row.model: row.cost for row in usage.rows} == {
        "small": Decimal("0.5"),
        "unknown": None,
        "other": None,
    }
    assert usage.unpriced_models == ["unknown"]
    assert (usage.total.cost, usage.total.unpriced) == (Decimal("0.5"), 1)


def test_answers_without_a_cost_are_counted_by_their_reasons(made: RunMaker) -> None:
    searched = "the price file has no web_search of the model"
    for index in range(3):
        made.job(index, cost_note=searched)
    made.job(3)  # recorded by a version that knew no reasons
    made.job(4, cost=Decimal(1))
    made.attempt(5, error_kind="protocol", cost_note="the answer does not say what it used")
    made.attempt(6, error_kind="http", http_status=500)  # nothing that has a price
    usage = summarise(made.write()).usage
    assert list(usage.unpriced_reasons.items()) == [
        (searched, 3),
        ("the answer does not say what it used", 1),
        ("why was not recorded", 1),
    ]
    assert usage.total.unpriced == 5


def test_without_prices_that_is_the_reason(made: RunMaker) -> None:
    made.prices = None
    made.job(0)
    reasons = summarise(made.write()).usage.unpriced_reasons
    assert reasons == {"no prices were given (--prices)": 1}


def test_what_the_service_reports_is_summed_beside_the_cost(made: RunMaker) -> None:
    tiny = Decimal("0.000000000001")
    made.job(0, cost=Decimal(1), reported_cost=tiny)
    made.attempt(0, 2, error_kind="stream", reported_cost=Decimal(2))
    made.job(1, cost=Decimal(1))
    made.job(2, model="painter", cost=Decimal(3))
    summary = summarise(made.write())
    reported = {row.model: row.reported_cost for row in summary.usage.rows}
    assert reported == {"small": 2 + tiny, "painter": None}
    assert summary.usage.total.reported_cost == summary.balance.reported == 2 + tiny
    total = summary.usage.total
    assert (total.cost, total.computed_of_reported) == (Decimal(5), Decimal(1))
    assert (total.reported_answers, total.answers) == (1, 3)


def test_failed_jobs_of_one_status_are_told_apart_by_their_messages(made: RunMaker) -> None:
    """And not by the numbers and ids in them: 500 of one kind were 500 rows, or five kinds one."""
    said = [
        "temperature must be below {n}",
        "prompt is too long: {n} tokens > 8192",
        "image {n} could not be fetched (request req_01ABCdefGHIjkl{n}xyz)",
        "tools.{n}.name: string does not match",
        "unknown parameter",
    ]
    for index in range(500):
        message = said[index % 5].format(n=index)
        fields = {"http_status": 400, "error_code": "bad_request", "error_message": message}
        made.result(index, status="failed", **fields)
    made.result(500, status="failed", http_status=400, error_code="bad_request")
    made.result(501, status="failed", http_status=404, error_message="unknown parameter")
    errors = summarise(made.write()).outcome.errors
    assert [(each.http_status, each.jobs, each.message, each.custom_id) for each in errors] == [
        *((400, 100, text.format(n=index), f"job-{index}") for index, text in enumerate(said)),
        (400, 1, None, "job-500"),
        (404, 1, "unknown parameter", "job-501"),
    ]


def test_a_service_that_words_each_failure_differently_has_no_endless_table(
    made: RunMaker,
) -> None:
    for index in range(130):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(index))
        made.result(index, status="failed", http_status=400 + index % 2, error_message=word)
    errors = summarise(made.write()).outcome.errors
    assert {each.jobs for each in errors[:100]} == {1}
    rest = [(each.http_status, each.message, each.jobs, each.custom_id) for each in errors[100:]]
    assert rest == [(401, "30 other messages", 30, "job-71")]


def test_percentiles_are_those_of_the_textbook(made: RunMaker) -> None:
    """Definition 7, as the standard library's `statistics` has it too."""
    random = Random(5)
    times: dict[str, list[float]] = {CHAT: [], "/v1/messages": []}
    for index in range(157):
        where = random.choice(list(times))
        times[where].append(random.lognormvariate(0, 1))
        made.result(index, url=where, latency_s=times[where][-1], total_s=1.0)
    made.result(157, status="failed", latency_s=1e6)
    found = {
        each.url: each for each in summarise(made.write()).latency if each.metric == "latency_s"
    }
    together = times[CHAT] + times["/v1/messages"]
    assert set(found) == {None, CHAT, "/v1/messages"}
    for url, values in ((None, together), *times.items()):
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        each = found[url]
        assert each.count == len(values)
        assert [each.p50, each.p90, each.p95, each.p99] == pytest.approx(
            [cuts[49], cuts[89], cuts[94], cuts[98]], rel=1e-12
        )
        assert each.max == max(values)
        assert each.mean == pytest.approx(statistics.fmean(values))


def test_a_metric_that_no_row_has_is_left_out(made: RunMaker) -> None:
    made.result(0, latency_s=0.5)
    assert {each.metric for each in summarise(made.write()).latency} == {"latency_s", "total_s"}


def test_throughput_is_over_the_span_of_the_succeeded(made: RunMaker) -> None:
    made.result(0, sent_at=at(10), ended_at=at(20), output_tokens=40)
    made.result(1, sent_at=at(12), ended_at=at(40), output_tokens=20)
    made.result(2, status="failed", sent_at=at(0), ended_at=at(90))
    through = summarise(made.write()).throughput
    assert (through.span_s, through.requests_per_minute, through.output_tokens_per_s) == (
        30.0,
        4.0,
        2.0,
    )


def test_use_of_the_limits(made: RunMaker) -> None:
    """One request each 2 s for 100 s, then a burst: half of 60 a minute, and 40 at most."""
    for n in range(51):
        made.attempt(n, sent_at=at(2 * n), input_tokens=100, output_tokens=10)
    requests, tokens = summarise(made.write()).limits.uses
    assert (requests.what, requests.limit, requests.peak) == ("requests", 60, 30)
    assert (tokens.what, tokens.limit, tokens.peak) == ("tokens", 100_000, 3300)
    assert [requests.rate, requests.share] == pytest.approx([30.0, 0.5])
    assert [tokens.rate, tokens.share] == pytest.approx([3300.0, 0.033])


def test_refusals_and_the_longest_pause(made: RunMaker) -> None:
    for n, pause in enumerate([3.0, 61.0, None]):
        made.attempt(n, error_kind="http", http_status=429, retry_after_s=pause)
    made.attempt(3, sent_at=None, error_kind="connect")
    limits = summarise(made.write()).limits
    assert (limits.refused, limits.asked_pause_s) == (3, 61.0)
    assert limits.uses[0].peak == 3  # what was never sent used nothing


def test_a_run_too_short_to_judge_has_neither_mean_nor_share(made: RunMaker) -> None:
    """It was 1397 % of the limit for four requests within a tenth of a second."""
    for n in range(4):
        made.attempt(n, sent_at=at(n / 40), input_tokens=100)
    limits = summarise(made.write()).limits
    assert limits.uses[0].rate is None
    assert [use.share for use in limits.uses] == [None, None]
    assert limits.too_short


def test_what_went_beyond_a_limit_is_said_however_short(made: RunMaker) -> None:
    for n in range(61):
        made.attempt(n, sent_at=at(n / 10))
    requests, tokens = summarise(made.write()).limits.uses
    assert requests.share == pytest.approx(10.0)
    assert tokens.share is None


def test_no_limit_has_no_share(made: RunMaker) -> None:
    made.limits = msgspec.structs.replace(made.limits, rpm=None, tpm=None)
    made.attempt(0)
    made.attempt(1)
    assert [(use.limit, use.share) for use in summarise(made.write()).limits.uses] == [
        (None, None),
        (None, None),
    ]


def test_a_model_with_limits_of_its_own_has_a_use_of_its_own(made: RunMaker) -> None:
    """Ten requests of each, one a second: 60 a minute of 60 shared, and of 120 the model's own."""
    own = {"painter": ModelLimits(rpm=120, tpm=None), "unused": ModelLimits(rpm=1, tpm=1)}
    made.limits = msgspec.structs.replace(made.limits, models=own)
    for n in range(10):
        made.attempt(n, sent_at=at(n), input_tokens=100)
        made.attempt(n + 10, sent_at=at(n), model="painter", input_tokens=7)
    uses = summarise(made.write()).limits.uses
    assert [(use.model, use.what, use.limit, use.rate, use.share, use.peak) for use in uses] == [
        (None, "requests", 60, 60.0, 1.0, 10),
        (None, "tokens", 100_000, 6000.0, 0.06, 1000),
        ("painter", "requests", 120, 60.0, 0.5, 10),
        ("painter", "tokens", None, 420.0, None, 70),
    ]


def point(seconds: float, limit: int, in_flight: int) -> bytes:
    """A line of concurrency.jsonl."""
    fields = {"at": at(seconds).isoformat(), "limit": limit, "in_flight": in_flight}
    return json.dumps(fields).encode() + b"\n"


def test_the_course_of_the_concurrency_over_all_sessions(made: RunMaker) -> None:
    made.job(0)
    directory = made.write()
    lines = [point(0, 16, 3), point(5, 64, 64), point(90, 8, 2), point(91, 20, 12)]
    (directory / "concurrency.jsonl").write_bytes(b"".join(lines) + b'{"at": "20')
    history = summarise(directory).limits.concurrency
    assert (history.fixed, history.start, history.end) == (None, 16, 20)
    assert (history.lowest, history.highest, history.most_in_flight) == (8, 64, 64)
    assert [(each.at, each.limit, each.in_flight) for each in history.points] == [
        (at(0), 16, 3),
        (at(5), 64, 64),
        (at(90), 8, 2),
        (at(91), 20, 12),
    ]


@pytest.mark.parametrize("count", [479, 480, 1000, 5000])
def test_the_course_in_a_summary_is_bounded(made: RunMaker, count: int) -> None:
    directory = made.write()
    lines = [point(n, n + 1, n) for n in range(count)]
    (directory / "concurrency.jsonl").write_bytes(b"".join(lines))
    history = summarise(directory).limits.concurrency
    assert 200 <= len(history.points) <= 480
    assert (history.points[0].limit, history.points[-1].limit, history.highest) == (1, count, count)


def test_a_run_without_a_course_says_nothing_of_it(made: RunMaker) -> None:
    made.job(0)
    history = summarise(made.write()).limits.concurrency
    assert (history.start, history.end, history.most_in_flight, history.points) == (None,) * 3 + (
        [],
    )


def test_estimates_are_shown_beside_what_was_used(made: RunMaker) -> None:
    made.job(0)
    directory = made.write()
    manifest = json.loads((directory / "run.json").read_bytes())
    totals = {"answers": 1, "reserved_tokens": 150, "used_tokens": 100}
    manifest["estimates"] = {"small": totals}
    (directory / "run.json").write_text(json.dumps(manifest))
    assert summarise(directory).limits.estimates == {"small": EstimateTotals(**totals)}


def test_an_empty_run_has_a_summary(made: RunMaker) -> None:
    summary = summarise(made.write())
    assert (summary.outcome.attempts, summary.usage.rows, summary.latency) == (0, [], [])
    assert summary.usage.total.cost is None
    assert summary.throughput.span_s is None
    assert [use.peak for use in summary.limits.uses] == [0, 0]
    assert msgspec.json.decode(summary_json(summary), type=Summary) == summary


def test_a_run_in_which_all_failed_has_no_times(made: RunMaker) -> None:
    for index in range(3):
        made.attempt(index, error_kind="timeout")
        made.result(index, status="failed", error_code="timeout")
    summary = summarise(made.write())
    assert (summary.outcome.failed, summary.latency) == (3, [])


def test_the_summary_survives_json(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.000000000001"), latency_s=0.1 + 0.2)
    made.reading(0, "10.00", "0")
    made.reading(60, "10.00", "0.000000000001")
    summary = summarise(made.write())
    assert msgspec.json.decode(summary_json(summary), type=Summary) == summary
    assert json.loads(summary_json(summary))["usage"]["total"]["cost"] == "0.000000000001"


def test_money_in_data_has_no_idle_zeros(made: RunMaker) -> None:
    made.job(0, cost=Decimal("1500.250000000000"))
    data = json.loads(summary_json(summarise(made.write())))
    assert data["usage"]["total"]["cost"] == "1500.25"


def test_summary_json_is_written_whole(made: RunMaker) -> None:
    made.job(0)
    directory = made.write()
    summary = write_summary(directory)
    assert (directory / "summary.json").read_bytes() == summary_json(summary)
    assert [path.name for path in directory.glob("*.partial")] == []


def keys_of(value: object, prefix: str = "") -> set[str]:
    """Dotted keys of JSON data; an element of a list is [], of a mapping by name is NAME."""
    match value:
        case dict():
            named = {
                "limits.estimates": "MODEL",
                "balance.suspect_counts": "SUSPICION",
                "balance.suspect_estimates": "SUSPICION",
                "pictures.reasons": "REASON",
                "usage.unpriced_reasons": "REASON",
            }
            return {
                key
                for name, inner in value.items()
                for key in keys_of(inner, f"{prefix}.{named.get(prefix, name)}".lstrip("."))
            }
        case list() if value and isinstance(value[0], dict):
            return keys_of(value[0], f"{prefix}[]")
        case list() if prefix == "balance.why":
            return {f"{prefix}[]"}
        case _:
            return {prefix}


@pytest.mark.slow
def test_every_key_of_summary_json_is_documented(made: RunMaker) -> None:
    made.job(0, cost=Decimal(1), latency_s=1.0)
    made.attempt(1, error_kind="lost")
    made.attempt(2, error_kind="http", http_status=500)
    made.attempt(3, error_kind="stream", http_status=200, probable_cost=Decimal(2))
    made.job(4, url="/v1/images/generations", model="painter", images=1)
    made.result(2, status="failed", http_status=500)
    made.reading(0, "10.00", "0")
    made.reading(60, "8.00", "1")
    directory = made.write()
    manifest = json.loads((directory / "run.json").read_bytes())
    manifest["estimates"] = {"small": {"answers": 1, "reserved_tokens": 2, "used_tokens": 1}}
    downloads = {"fetched": 1, "failed": 1, "reasons": {"a.test answered 404": 1}}
    manifest["sessions"][-1]["downloads"] = downloads
    (directory / "run.json").write_text(json.dumps(manifest))
    (directory / "concurrency.jsonl").write_bytes(point(0, 16, 1))
    (directory / "rejects.jsonl").write_text('{"line": 7, "reason": "no body", "text": "{}"}\n')
    found = keys_of(json.loads(summary_json(summarise(directory))))
    # Rows of the usage and their total have the same keys, and are documented once.
    found = {re.sub(r"^usage\.(rows\[\]|total)\.", "usage.*.", key) for key in found}
    documented = set(re.findall(r"^\| `([^`]+)` \|", docs_page(PAGE), flags=re.MULTILINE))
    documented -= {"usage.rows[]", "usage.total"}
    documented -= {"unfit.jobs", "limits.uses[].since"}  # of a table's run, and of changed limits
    assert found == documented


def test_every_metric_is_documented() -> None:
    page = docs_page(PAGE)
    assert {"latency_s", "ttft_s"} <= set(METRICS)
    assert [name for name in METRICS if f"`{name}`" not in page] == []
