"""--retry-failed: failed jobs are opened again, and each job has one result at every instant."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trio.testing import MockClock

from headrace.reports import summarise
from headrace.runner.record import recover
from headrace.runner.record.journal import read_segment

Answer = Callable[[Any], Any]


def failing(service: Any, *names: str) -> Answer:
    """A service that refuses the jobs that ask so."""
    return lambda seen: service.error(400, "BAD") if seen.content in names else service.fine()


async def test_only_the_failed_run_again_and_their_attempts_go_on(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = failing(service, "question 1", "question 3")
    bench.write_chats(5)
    first = await bench.run(service)
    assert (first.outcome.succeeded, first.outcome.failed, first.outcome.exit_code) == (3, 2, 1)
    service.answer = failing(service, "question 3")
    second = await bench.run(service, retry_failed=True, concurrency=1)
    assert [seen.content for seen in service.posts[5:]] == ["question 1", "question 3"]
    assert (second.outcome.succeeded, second.outcome.failed, second.outcome.exit_code) == (4, 1, 1)
    assert second.results["index"].to_list() == [0, 1, 2, 3, 4]
    assert second.results["attempts"].to_list() == [1, 2, 1, 2, 1]
    assert second.attempts.select("index", "attempt", "http_status").rows() == [
        (0, 1, 200),
        (1, 1, 400),
        (1, 2, 200),
        (2, 1, 200),
        (3, 1, 400),
        (3, 2, 400),
        (4, 1, 200),
    ]


async def test_a_failed_job_that_can_not_be_sent_again_is_told_and_counted_once(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """As when a flag is forgotten, or a service left out: not a bad line beside its result."""
    service.answer = lambda _seen: service.error(400, "BAD")
    bench.write(bench.chat_line("one").replace(b"/v1/chat/completions", b"/v1/score"))
    await bench.run(service, any_endpoint=True)
    said: list[str] = []
    ran = await bench.run(service, retry_failed=True, announce=said.append)
    assert (ran.outcome.failed, ran.outcome.rejected, ran.outcome.exit_code) == (1, 0, 1)
    assert (len(service.posts), ran.rejects) == (1, [])
    (line,) = said
    assert line.startswith(
        "Warning: 1 failed job could not be sent again and kept its result; line 1: "
    )
    assert "--any-endpoint" in line
    again = await bench.run(service, retry_failed=True, any_endpoint=True)
    assert (len(service.posts), again.outcome.failed) == (2, 1)


async def test_without_it_the_failed_stay_failed(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = failing(service, "question 1")
    bench.write_chats(3)
    await bench.run(service)
    again = await bench.run(service)
    assert (len(service.posts), again.outcome.failed) == (3, 1)


async def test_what_was_opened_and_not_reached_is_still_failed(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The key is refused at once: every old result is there as it was."""
    service.answer = failing(service, "question 1", "question 2")
    bench.write_chats(3)
    await bench.run(service)
    service.answer = lambda seen: service.error(401, "UNAUTHORIZED")
    ran = await bench.run(service, retry_failed=True, concurrency=1)
    assert ran.outcome.exit_code == 5
    assert (ran.outcome.succeeded, ran.outcome.failed) == (1, 2)
    assert ran.results["index"].to_list() == [0, 1, 2]
    service.answer = lambda seen: service.fine()
    last = await bench.run(service, retry_failed=True)
    assert (last.outcome.succeeded, last.outcome.failed) == (3, 0)


@pytest.mark.slow
async def test_a_job_that_fails_again_and_again_has_one_row(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = failing(service, "question 0")
    bench.write_chats(2)
    for session in range(1, 5):
        ran = await bench.run(service, retry_failed=True)
        assert ran.results["index"].to_list() == [0, 1]
        assert ran.results["attempts"].to_list() == [session, 1]
    assert len(service.posts) == 5


# -- a kill at any instant


class KilledError(BaseException):
    """Stands for kill -9."""


@contextmanager
def killed_at(step: int) -> Iterator[list[str]]:
    """Dies before the `step`-th change of the file system by renaming or removing."""
    steps: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink", "rename"):
            real = getattr(os, name)

            def dying(*args: Any, real: Any = real, name: str = name, **options: Any) -> Any:
                steps.append(name)
                if len(steps) == step:
                    raise KilledError
                return real(*args, **options)

            patch.setattr(os, name, dying)
        yield steps


def one_result_each(run: Path, count: int) -> pl.DataFrame:
    """What a report sees now; and no part and no two parts have a job twice."""
    parts = sorted((run / "results").glob("*.parquet"))
    sealed = pl.concat([pl.read_parquet(part) for part in parts])
    assert sealed["index"].is_unique().all()
    assert summarise(run).outcome.succeeded + summarise(run).outcome.failed == count
    return sealed


@pytest.mark.slow
async def test_a_kill_at_any_step_of_sealing_leaves_one_result_a_job(
    bench: Any, service: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The journal of a retry is sealed with a kill before each of its steps, and again."""
    service.answer = failing(service, "question 1", "question 3")
    bench.write_chats(5)
    await bench.run(service)
    service.answer = failing(service, "question 3")
    kept = tmp_path / "journal.kept"

    def answer(seen: Any) -> Any:
        return failing(service, "question 3")(seen)

    service.answer = answer
    before = tmp_path / "before"
    shutil.copytree(bench.directory, before)
    with pytest.MonkeyPatch.context() as patch:
        real = Path.unlink

        def keep(path: Path, missing_ok: bool = False) -> None:
            if path.parent.name == "journal":
                shutil.copy(path, kept)
            real(path, missing_ok=missing_ok)

        patch.setattr(Path, "unlink", keep)
        await bench.run(service, retry_failed=True)
    assert len(list(read_segment(kept))) >= 4
    steps = 1
    while True:
        run = tmp_path / f"run-{steps}"
        shutil.copytree(before, run)
        (run / "journal").mkdir()
        shutil.copy(kept, run / "journal" / "000002.jsonl")
        try:
            with killed_at(steps):
                _, journal = recover(run, now=bench.began)
                journal.close()
        except KilledError:
            one_result_each(run, 5)
        else:
            break
        _, journal = recover(run, now=bench.began)
        journal.close()
        sealed = one_result_each(run, 5)
        assert sorted(sealed.select("index", "attempts").rows()) == [
            (0, 1),
            (1, 2),
            (2, 1),
            (3, 2),
            (4, 1),
        ]
        steps += 1
    # The old part without two rows, the attempts, the new part, the readings, and the segment.
    assert steps > 4
