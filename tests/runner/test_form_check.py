"""Answers that must have a form: kept and told where they have another, and asked for again."""

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trio
from trio.testing import MockClock

from headrace.gateway import AnswerRule
from headrace.jobs import InputError, Price, PriceTable, Recipe
from headrace.reports import summarise
from headrace.runner import attempts, form_check
from headrace.runner.bulk import TableJobs
from headrace.runner.record import recover
from tests.runner.test_retry_failed import KilledError, killed_at

FORM: dict[str, Any] = {
    "title": "Label",
    "type": "object",
    "properties": {"label": {"enum": ["billing", "login"]}, "sure": {"type": "number"}},
    "required": ["label"],
    "additionalProperties": False,
}
PRICES = PriceTable(
    currency="USD",
    models={
        "m": Price(
            input=Decimal(1),
            cached_input=Decimal(1),
            cache_write=Decimal(1),
            output=Decimal(10),
        )
    },
)
GOOD, BAD = '{"label": "login"}', '{"label": "other"}'
WHY = "$.label: 'other' is not one of ['billing', 'login']"
COMPLAINT = (
    f"Your answer does not have the form that was asked for. {WHY}\n"
    "Give the whole answer again, so that it fits the schema."
)


def table(bench: Any, rows: int = 1, **recipe: Any) -> TableJobs:
    path = bench.path / "t.csv"
    path.write_text("q\n" + "".join(f"q{n}\n" for n in range(rows)))
    given = {"model": "m", "user": "{{ q }}", "schema": FORM, "max_tokens": 50, **recipe}
    return TableJobs(str(path), Recipe(**given))


def answering(service: Any, *texts: str) -> None:
    service.answer = lambda seen: service.fine(texts[min(seen.number, len(texts)) - 1])


def asked(service: Any, number: int) -> list[Any]:
    """The messages of a request."""
    messages: list[Any] = json.loads(service.posts[number - 1].body)["messages"]
    return messages


def reasks(run: Path) -> list[tuple[Any, ...]]:
    return pl.read_parquet(run / "reasks.parquet").rows()


async def test_an_answer_that_fits_is_an_answer(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, GOOD)
    ran = await bench.run(service, table=table(bench))
    assert ran.outcome.exit_code == 0
    assert ran.results.select("status", "text").rows() == [("succeeded", GOOD)]
    sent = json.loads(service.posts[0].body)["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "Label", "schema": FORM}}
    assert not (bench.directory / "reasks.parquet").exists()
    assert ran.manifest["recipe"]["schema"] == FORM


async def test_one_that_does_not_is_failed_and_kept_with_what_it_cost(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, BAD)
    ran = await bench.run(service, table=table(bench), prices=PRICES)
    assert (ran.outcome.exit_code, ran.outcome.failed) == (1, 1)
    row = ran.results.row(0, named=True)
    assert (row["status"], row["error_code"], row["error_message"]) == ("failed", "SCHEMA", WHY)
    assert (row["text"], row["http_status"]) == (BAD, 200)
    assert json.loads(row["response"])["choices"][0]["message"]["content"] == BAD
    assert row["cost"] == ran.outcome.cost == Decimal("0.000037")
    attempt = ran.attempts.row(0, named=True)
    assert (attempt["error_kind"], attempt["error_code"]) == (None, "SCHEMA")
    assert attempt["error_message"] == WHY


async def test_it_is_asked_again_and_told_what_was_wrong(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, BAD, "what?", GOOD)
    ran = await bench.run(service, table=table(bench), prices=PRICES, reask=2)
    assert ran.outcome.exit_code == 0
    assert ran.results.select("status", "text", "attempts").rows() == [("succeeded", GOOD, 3)]
    assert asked(service, 2) == [
        {"role": "user", "content": "q0"},
        {"role": "assistant", "content": BAD},
        {"role": "user", "content": COMPLAINT},
    ]
    assert asked(service, 3)[:3] == asked(service, 2)
    assert asked(service, 3)[3]["content"] == "what?"
    assert ran.attempts.select("attempt", "error_code", "cost").rows() == [
        (1, "SCHEMA", Decimal("0.000037")),
        (2, "SCHEMA", Decimal("0.000037")),
        (3, None, Decimal("0.000037")),
    ]
    assert ran.outcome.cost == Decimal("0.000111")
    first, second = reasks(bench.directory)
    assert first == (0, 1, BAD, WHY)
    assert second[:3] == (0, 2, "what?")
    assert second[3].startswith("the answer is not JSON")


async def test_a_long_answer_is_asked_about_and_recorded_off_the_loop(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of megabytes held up everything else while its conversation was made and written."""
    monkeypatch.setattr(attempts, "LONG_BYTES", 1_000)
    monkeypatch.setattr(form_check, "LONG_BYTES", 1_000)
    offloaded: list[str] = []

    async def offload(work: Callable[[], Any]) -> Any:
        named = getattr(work, "func", work)
        offloaded.append(named.__name__)
        # Whatever takes long, the short ones are answered meanwhile.
        await trio.sleep(5 if named.__name__ in ("append", "_next") else 0)
        return work()

    long = "x" * 2_000

    def answer(seen: Any) -> Any:
        return service.fine(long if b"q0" in seen.body and long.encode() not in seen.body else GOOD)

    service.answer = answer
    ran = await bench.run(
        service, table=table(bench, rows=4), reask=1, offload=offload, read=offload, concurrency=2
    )
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 4)
    assert offloaded.count("append") == offloaded.count("_next") == 1
    assert [row[:3] for row in reasks(bench.directory)] == [(0, 1, long)]
    assert [seen.at_s < 5 for seen in service.posts] == [True, True, True, True, False]
    assert asked(service, 5)[1]["content"] == long


async def test_it_is_asked_so_often_and_no_more_and_the_last_answer_is_kept(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, "first", "second", "third", GOOD)
    ran = await bench.run(service, table=table(bench), reask=2)
    assert ran.results.select("error_code", "text", "attempts").rows() == [("SCHEMA", "third", 3)]
    assert [row[:3] for row in reasks(bench.directory)] == [(0, 1, "first"), (0, 2, "second")]


async def test_reasks_do_not_count_toward_the_attempts(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    def answer(seen: Any) -> Any:
        if seen.number in (2, 4):
            return service.error(500)
        return service.fine(GOOD if seen.number == 5 else BAD)

    service.answer = answer
    ran = await bench.run(service, table=table(bench), reask=2, attempts=3)
    assert ran.outcome.succeeded == 1
    assert ran.attempts["http_status"].to_list() == [200, 500, 200, 500, 200]
    assert ran.attempts["attempt"].to_list() == [1, 2, 3, 4, 5]
    assert len(asked(service, 3)) == 3  # what failed is sent as it was
    assert len(asked(service, 5)) == 5


async def test_a_reask_that_fails_for_good_fails_the_job_and_keeps_the_answer(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(BAD) if seen.number == 1 else service.error(400)
    ran = await bench.run(service, table=table(bench), reask=3)
    assert ran.results.select("status", "http_status").rows() == [("failed", 400)]
    assert reasks(bench.directory) == [(0, 1, BAD, WHY)]


async def test_nothing_is_asked_again_past_the_deadline(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(BAD, delay_s=20)
    ran = await bench.run(service, table=table(bench), reask=9, deadline_s=50)
    assert ran.results.select("error_code", "attempts").rows() == [("SCHEMA", 3)]


async def test_retry_failed_leaves_it_alone_unless_it_may_be_asked_again(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, BAD)
    await bench.run(service, table=table(bench, rows=2), concurrency=1)
    again = await bench.run(service, table=table(bench, rows=2), retry_failed=True)
    assert (len(service.posts), again.outcome.failed) == (2, 2)
    service.answer = lambda seen: service.fine(
        GOOD if len(json.loads(seen.body)["messages"]) > 3 else BAD
    )
    ran = await bench.run(
        service, table=table(bench, rows=2), retry_failed=True, reask=2, concurrency=1
    )
    assert asked(service, 3)[1:] == [
        {"role": "assistant", "content": BAD},
        {"role": "user", "content": COMPLAINT},
    ]
    assert ran.results.select("status", "attempts").rows() == [("succeeded", 3)] * 2
    assert sorted(row[:3] for row in reasks(bench.directory)) == [
        (0, 1, BAD),
        (0, 2, BAD),
        (1, 1, BAD),
        (1, 2, BAD),
    ]


async def test_a_kill_between_ask_and_reask_goes_on_from_the_answer(
    bench: Any, service: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The directory as it was when each request came is what kill -9 would have left."""

    def answer(seen: Any) -> Any:
        if bench.directory.exists():
            shutil.copytree(bench.directory, tmp_path / f"at-{seen.number}", dirs_exist_ok=True)
        return service.fine(GOOD if seen.number == 3 else BAD)

    service.answer = answer
    await bench.run(service, table=table(bench), reask=2)
    assert len(service.posts) == 3
    for number in (2, 3):
        shutil.rmtree(bench.directory)
        shutil.copytree(tmp_path / f"at-{number}", bench.directory)
        since = len(service.posts)
        service.answer = lambda seen: service.fine(GOOD)
        ran = await bench.run(service, table=table(bench), reask=2)
        assert asked(service, since + 1) == asked(service, number)
        assert ran.results.select("status", "attempts").rows() == [("succeeded", number + 1)]
        kinds = ran.attempts["error_kind"].to_list()
        assert kinds == [None] * (number - 1) + ["lost", None]
        assert [row[1] for row in reasks(bench.directory)] == list(range(1, number))


async def test_a_stop_between_them_counts_what_was_asked_already(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Twice more at most, over both sessions."""
    service.answer = lambda seen: service.fine(BAD) if seen.number < 3 else service.error(401)
    await bench.run(service, table=table(bench), reask=2)
    service.answer = lambda seen: service.fine(BAD)
    ran = await bench.run(service, table=table(bench), reask=2)
    assert ran.results.select("error_code", "attempts").rows() == [("SCHEMA", 4)]
    assert len(service.posts) == 4


async def test_another_question_is_not_told_of_the_answer_to_the_first(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(BAD) if seen.number < 2 else service.error(401)
    await bench.run(service, table=table(bench, id="q"), reask=1)
    answering(service, GOOD)
    other = table(bench, id="q", user="now: {{ q }}")
    ran = await bench.run(service, table=other, reask=1, rerun_changed=True)
    assert asked(service, len(service.posts)) == [{"role": "user", "content": "now: q0"}]
    assert ran.outcome.succeeded == 1
    assert reasks(bench.directory) == [(0, 1, BAD, WHY)]


@pytest.mark.parametrize("budget", ["0.0005", "0.002", "0.01"])
async def test_reasks_keep_to_the_budget(
    bench: Any, service: Any, autojump_clock: MockClock, budget: str
) -> None:
    """Each is bounded by what it sends, and is let out only where that fits."""
    service.answer = lambda seen: service.fine(BAD, input_tokens=100, output_tokens=50)
    ran = await bench.run(
        service, table=table(bench, rows=5), reask=9, prices=PRICES, max_cost=Decimal(budget)
    )
    assert ran.outcome.cost <= Decimal(budget)
    assert ran.outcome.exit_code == (3 if ran.outcome.failed < 5 else 1)
    sent = ran.attempts.filter(pl.col("attempt") > 1)
    alone = ran.attempts.filter(pl.col("attempt") == 1)["cost_bound"].max()
    assert all(bound > alone for bound in sent["cost_bound"])
    assert len(ran.attempts) == len(service.posts)


async def test_copies_get_the_outcome_of_what_was_asked_again(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, BAD, GOOD)
    same = table(bench, rows=2, user="the same")
    ran = await bench.run(service, table=same, reask=1, dedupe=True)
    assert ran.results["text"].to_list() == [GOOD, GOOD]
    assert ran.results["attempts"].to_list() == [2, 0]


async def test_fences_are_taken_off_where_the_model_was_asked_in_words(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    answering(service, f"```json\n{GOOD}\n```\n")
    ran = await bench.run(service, table=table(bench, schema_by="prompt", system="Label it."))
    assert ran.results.select("status", "text").rows() == [("succeeded", GOOD)]
    system = asked(service, 1)[0]["content"]
    assert system.startswith("Label it.\n\nAnswer with JSON that fits this JSON schema")
    assert json.dumps(FORM) in system


@pytest.mark.slow
async def test_a_long_answer_and_one_that_takes_long_are_looked_at_off_the_loop(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.runner import conftest

    offloaded: list[object] = []
    at_once = conftest.at_once

    async def noting(work: Callable[[], Any]) -> Any:
        offloaded.append(work)
        return await at_once(work)

    monkeypatch.setattr(conftest, "at_once", noting)
    numbers = {"type": "object", "properties": {"n": {"items": {"type": "integer"}}}}
    few, many = json.dumps({"n": [1]}), json.dumps({"n": [1] * 6000})
    counts = []
    for text in (few, many, json.dumps({"n": [1], "x": "x" * 200_000})):
        shutil.rmtree(bench.directory, ignore_errors=True)
        service.answer = lambda seen, text=text: service.fine(text)
        before = len(offloaded)
        ran = await bench.run(service, table=table(bench, schema=numbers))
        assert ran.outcome.succeeded == 1
        counts.append(len(offloaded) - before)
    assert counts[0] < counts[1] < counts[2]


async def test_without_a_schema_nothing_can_be_asked_again(bench: Any, service: Any) -> None:
    bench.write_chats(1)
    with pytest.raises(InputError, match="--reask asks again where an answer does not fit"):
        await bench.run(service, reask=1)
    with pytest.raises(InputError, match="--reask asks again where an answer does not fit"):
        await bench.run(service, table=table(bench, schema=None), reask=1)
    with pytest.raises(InputError, match="reask is -1"):
        await bench.run(service, table=table(bench), reask=-1)
    assert not service.posts


# -- on the gateway: both protocols, streamed and not

URLS = ("/v1/chat/completions", "/v1/messages")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("url", "by"),
    [
        (URLS[0], None),
        (URLS[0], "tool"),
        (URLS[1], None),
        (URLS[1], "output_config"),
    ],
)
async def test_what_the_gateway_makes_fits_in_both_protocols(
    bench: Any, autojump_clock: MockClock, url: str, by: Any, stream: bool
) -> None:
    jobs = table(
        bench,
        rows=4,
        model="deepseek-v4-flash",
        url=url,
        schema_by=by,
        max_tokens=500,
        body={"stream": stream},
    )
    ran = await bench.run_on(bench.gateway(), table=jobs)
    assert ran.outcome.succeeded == 4
    labels = {json.loads(text)["label"] for text in ran.results["text"]}
    assert labels <= {"billing", "login"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("url", URLS)
async def test_unfit_answers_are_asked_again_in_both_protocols(
    bench: Any, autojump_clock: MockClock, url: str, stream: bool
) -> None:
    """The gateway gives a wrong one to each row, and right ones once it is told what was wrong."""
    rules = (
        AnswerRule(contains="not one of", answer=GOOD),
        AnswerRule(pattern=".", answer='{"label": 7}'),
    )
    jobs = table(
        bench,
        rows=3,
        model="deepseek-v4-flash",
        url=url,
        max_tokens=500,
        body={"stream": stream},
    )
    ran = await bench.run_on(bench.gateway(answers=rules), table=jobs, reask=1)
    assert ran.outcome.succeeded == 3
    assert ran.results["attempts"].to_list() == [2, 2, 2]
    assert [json.loads(text) for text in ran.results["text"]] == [{"label": "login"}] * 3
    outcome = summarise(bench.directory).outcome
    assert (outcome.succeeded, outcome.attempts) == (3, 6)
    assert [json.loads(row[2]) for row in reasks(bench.directory)] == [{"label": 7}] * 3


# As the gateway's own price table has it.
FLASH = Price(input=Decimal(1), cached_input=Decimal("0.02"), output=Decimal(2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("budget", ["0.001", "0.004", "0.02"])
async def test_what_asking_again_costs_is_what_the_account_says_and_within_the_budget(
    bench: Any, autojump_clock: MockClock, seed: int, budget: str
) -> None:
    """A half of all answers does not fit, whether it is the first to a row or the third."""
    rules = (AnswerRule(pattern=".", answer=GOOD, wrong='{"label": "x"}', wrong_share=0.5),)
    jobs = table(bench, rows=12, model="deepseek-v4-flash", max_tokens=60, body={"stream": True})
    prices = PriceTable(currency="CNY", models={"deepseek-v4-flash": FLASH})
    ran = await bench.run_on(
        bench.gateway(answers=rules, seed=seed),
        table=jobs,
        reask=3,
        prices=prices,
        max_cost=Decimal(budget),
        concurrency=4,
    )
    assert ran.outcome.cost <= Decimal(budget)
    summary = summarise(bench.directory)
    assert summary.balance.verdict in ("agrees", "too small to tell")
    assert ran.attempts["cost"].sum() == ran.outcome.cost
    assert ran.outcome.exit_code in ((0,) if ran.outcome.succeeded == 12 else (1, 3))
    rows = ran.attempts.filter(pl.col("error_code") == "SCHEMA")
    assert summary.unfit is None or summary.unfit.answers == len(rows)
    kept = pl.read_parquet(bench.directory / "reasks.parquet") if len(rows) else rows
    ended = ran.results.filter(pl.col("error_code") == "SCHEMA")
    assert len(rows) == (len(kept) if len(rows) else 0) + len(ended)


async def test_an_answer_that_was_cut_says_so(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    cut = json.loads(bench.chat_body('{"label": "lo'))
    cut["choices"][0]["finish_reason"] = "length"
    fine = service.fine()
    service.answer = lambda seen: fine._replace(body=json.dumps(cut).encode())
    ran = await bench.run(service, table=table(bench))
    (said,) = ran.results["error_message"]
    assert said.startswith("the answer was cut at its limit of tokens; the answer is not JSON")


@pytest.mark.slow
async def test_a_kill_at_any_step_of_recovery_loses_and_doubles_no_answer(
    bench: Any, service: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Two failed jobs are asked again: killed once one had a second answer, and in recovery."""
    before = tmp_path / "before"

    def answer(seen: Any) -> Any:
        if seen.number == 4:
            shutil.copytree(bench.directory, before)
        return service.fine(f"answer {seen.number}")

    service.answer = answer
    await bench.run(service, table=table(bench, rows=2), concurrency=1)
    again = {"retry_failed": True, "reask": 2, "concurrency": 1}
    await bench.run(service, table=table(bench, rows=2), **again)
    steps = 0
    killed = True
    found = []
    while killed:
        steps += 1
        run = tmp_path / f"run-{steps}"
        shutil.copytree(before, run)
        try:
            with killed_at(steps):
                _, journal = recover(run, now=bench.began, retry_failed=True, reask=True)
                journal.close()
            killed = False
        except KilledError:
            pass
        state, journal = recover(run, now=bench.began, retry_failed=True, reask=True)
        journal.close()
        rows = {index: [(r.attempt, r.text) for r in each] for index, each in state.reasks.items()}
        found.append((rows, sorted(row[:2] for row in reasks(run)), state.failed))
    first, second = [(1, "answer 1"), (2, "answer 3")], [(1, "answer 2")]
    assert found == [({0: first, 1: second}, [(0, 1), (0, 2), (1, 1)], 2)] * steps
    assert steps > 4
