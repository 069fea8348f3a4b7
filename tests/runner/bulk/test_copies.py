"""--dedupe: jobs that ask the same are sent once, and all of them get what became of it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trio.testing import MockClock

from headrace.jobs import load_prices
from headrace.reports import summarise
from headrace.reports.export import export_run
from headrace.runner import Stop
from headrace.runner.errors import InterruptError
from headrace.runner.record import Recorder

QUESTIONS = ["a", "b", "a", "a", "b", "c"]
NULL = [
    *("due_at", "sent_at", "ended_at", "wait_s", "ttft_s", "latency_s", "total_s"),
    *("input_tokens", "output_tokens", "cached_input_tokens", "images", "searches"),
]


def write(bench: Any, questions: list[str] = QUESTIONS) -> None:
    lines = []
    for n, question in enumerate(questions):
        line = json.loads(bench.chat_line(f"job-{n}", question))
        lines.append(json.dumps({**line, "metadata": {"n": n}, "expected": n}).encode())
    bench.write(*lines)


def asked(service: Any, since: int = 0) -> list[str]:
    return [seen.content for seen in service.posts[since:]]


def copies(ran: Any) -> list[str | None]:
    found: list[str | None] = ran.results.sort("index")["copy_of"].to_list()
    return found


async def test_equal_jobs_are_sent_once_and_all_have_the_answer(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    write(bench)
    ran = await bench.run(service, dedupe=True, concurrency=1)
    assert asked(service) == ["a", "b", "c"]
    assert (ran.outcome.succeeded, ran.outcome.exit_code) == (6, 0)
    assert copies(ran) == [None, None, "job-0", "job-0", "job-1", None]
    results = ran.results.sort("index")
    assert results["text"].n_unique() == results["text"].head(2).n_unique()
    assert results["metadata"].to_list() == [f'{{"n": {n}}}' for n in range(6)]
    assert results["expected"].to_list() == [str(n) for n in range(6)]
    theirs = results.filter(pl.col("copy_of").is_not_null())
    assert theirs["attempts"].to_list() == [0, 0, 0]
    assert theirs["cost"].to_list() == [Decimal(0)] * 3
    assert theirs.select(NULL).null_count().row(0) == (3,) * len(NULL)
    assert ran.attempts["index"].sort().to_list() == [0, 1, 5]


async def test_without_it_each_is_sent(bench: Any, service: Any, autojump_clock: MockClock) -> None:
    write(bench)
    ran = await bench.run(service)
    assert (len(service.posts), copies(ran)) == (6, [None] * 6)


async def test_samples_and_endpoints_are_apart(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    ids = ["x-s1", "x-s2", "y-s1", "y-s2"]
    lines = [bench.chat_line(each, "same") for each in ids]
    other = json.loads(bench.chat_line("z", "same"))
    lines.append(json.dumps({**other, "url": "/v1/search/completions"}).encode())
    bench.write(*lines)
    ran = await bench.run(service, dedupe=True)
    assert (len(service.posts), copies(ran)) == (3, [None, None, "x-s1", "x-s2", None])


async def test_a_failure_is_given_to_all_and_tried_again_once_for_all(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bad: list[str] = ["a"]
    service.answer = lambda s: service.error(400, "BAD") if s.content in bad else service.fine()
    write(bench)
    ran = await bench.run(service, dedupe=True)
    assert (ran.outcome.succeeded, ran.outcome.failed, ran.outcome.exit_code) == (3, 3, 1)
    failed = ran.results.filter(pl.col("status") == "failed")
    assert failed["error_code"].to_list() == ["BAD"] * 3
    again = await bench.run(service, dedupe=True, retry_failed=True)
    assert asked(service, 3) == ["a"]
    assert (again.outcome.failed, sorted(again.results["index"])) == (3, list(range(6)))
    bad.clear()
    last = await bench.run(service, dedupe=True, retry_failed=True)
    assert asked(service, 4) == ["a"]
    assert (last.outcome.succeeded, last.outcome.failed) == (6, 0)
    assert copies(last) == [None, None, "job-0", "job-0", "job-1", None]
    assert sorted(last.results["index"]) == list(range(6))


async def test_a_stop_gives_what_there_is_and_the_rest_comes_on_resume(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    stop = Stop(grace_s=0)

    def answer(seen: Any) -> Any:
        if seen.content == "b":
            stop.request(InterruptError("interrupted"))
        return service.fine()

    service.answer = answer
    write(bench)
    ran = await bench.run(service, dedupe=True, concurrency=1, stop=stop)
    assert ran.outcome.exit_code == 130
    assert set(ran.results["index"]) == {0, 2, 3}
    service.answer = lambda seen: service.fine()
    ran = await bench.run(service, dedupe=True)
    assert sorted(asked(service)) == ["a", "b", "b", "c"]
    assert copies(ran) == [None, None, "job-0", "job-0", "job-1", None]


class KilledError(BaseException):
    """Stands for kill -9."""


async def test_a_kill_while_copies_are_given_loses_and_doubles_none(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(bench)
    decided = Recorder.decided
    given: list[int] = []

    def dying(self: Recorder, result: Any, **options: Any) -> None:
        if len(given) == 1:
            raise KilledError
        given.append(result.index)
        decided(self, result, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "decided", dying)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - in a group of trio's
            await bench.run(service, dedupe=True)
    assert given == [2]
    ran = await bench.run(service, dedupe=True)
    assert len(service.posts) == 3
    assert sorted(ran.results["index"]) == list(range(6))
    assert copies(ran) == [None, None, "job-0", "job-0", "job-1", None]


async def test_the_summary_says_what_it_saved_and_no_time_counts_a_copy(
    bench: Any, service: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('currency = "CNY"\n[models.m]\ninput = 1\noutput = 2\n')
    text = bench.chat_line("x", "y").decode()
    path.write_text(path.read_text().replace(".m]", f'."{json.loads(text)["body"]["model"]}"]'))
    write(bench)
    ran = await bench.run(service, dedupe=True, prices=load_prices(path))
    summary = summarise(bench.directory)
    assert summary.deduplicated == 3
    first = ran.results.filter(pl.col("index") == 0)["cost"].item()
    second = ran.results.filter(pl.col("index") == 1)["cost"].item()
    assert first > 0
    assert summary.deduplicated_saved == 2 * first + second
    assert summary.usage.total.cost == ran.attempts["cost"].sum()
    counts = {each.metric: each.count for each in summary.latency if each.url is None}
    assert (counts["latency_s"], counts["total_s"]) == (3, 3)
    done = export_run(bench.directory, "openai-batch", tmp_path / "o.jsonl")
    assert sum(done.files.values()) == 6
