"""A job file that has changed since its run began, told apart line by line."""

from typing import Any

import pytest
from trio.testing import MockClock

from headrace.runner import RunDirectoryError


def files(bench: Any) -> dict[Any, bytes]:
    return {path: path.read_bytes() for path in bench.directory.rglob("*") if path.is_file()}


async def test_new_lines_run_and_old_ones_don_t(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    await bench.run(service)
    bench.write_chats(5)
    ran = await bench.run(service, concurrency=1)
    assert [seen.content for seen in service.posts[3:]] == ["question 3", "question 4"]
    assert ran.results["index"].to_list() == [0, 1, 2, 3, 4]
    await bench.run(service)
    assert len(service.posts) == 5


async def test_changed_lines_are_refused_by_name_and_nothing_is_touched(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    await bench.run(service)
    before = files(bench)
    lines = [bench.chat_line(f"job-{n}", f"question {n}") for n in range(4)]
    lines[1] = bench.chat_line("job-1", "another question")
    lines[2] = bench.chat_line("renamed", "question 2")
    bench.write(*lines)
    with pytest.raises(RunDirectoryError) as refused:
        await bench.run(service)
    assert refused.value.message.endswith(
        "has changed since its jobs ran: line 2 (job-1), line 3 (renamed); --rerun-changed runs "
        "these again, or choose another --out"
    )
    assert files(bench) == before
    assert len(service.posts) == 3


async def test_rerun_changed_runs_them_again_and_replaces_their_results(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    await bench.run(service)
    lines = [bench.chat_line(f"job-{n}", f"question {n}") for n in range(4)]
    lines[1] = bench.chat_line("job-1", "another question")
    bench.write(*lines)
    ran = await bench.run(service, rerun_changed=True, concurrency=1)
    assert [seen.content for seen in service.posts[3:]] == ["another question", "question 3"]
    assert ran.results["index"].to_list() == [0, 1, 2, 3]
    assert ran.results["attempts"].to_list() == [1, 2, 1, 1]
    assert ran.results["body_digest"].n_unique() == 4
    assert ran.outcome.succeeded == 4
    await bench.run(service)
    assert len(service.posts) == 5


async def test_what_a_broken_off_rerun_left_is_not_forgotten(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The file counts as taken in only once all of it ran: until then it is compared."""
    bench.write_chats(3)
    await bench.run(service)
    bench.write(*(bench.chat_line(f"job-{n}", f"other {n}") for n in range(3)))
    service.answer = lambda seen: (
        service.fine() if seen.number < 5 else service.error(401, "UNAUTHORIZED")
    )
    broken = await bench.run(service, rerun_changed=True, concurrency=1)
    assert broken.outcome.exit_code == 5
    assert broken.results["index"].to_list() == [0, 1, 2]
    with pytest.raises(RunDirectoryError, match=r"line 2 \(job-1\), line 3 \(job-2\)"):
        await bench.run(service)
    service.answer = lambda seen: service.fine()
    posts = len(service.posts)
    done = await bench.run(service, rerun_changed=True, concurrency=1)
    assert [seen.content for seen in service.posts[posts:]] == ["other 1", "other 2"]
    assert done.outcome.succeeded == 3


async def test_a_line_that_is_no_job_any_more_has_changed_and_one_that_is_gone_has_not(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    ran = await bench.run(service)
    bench.write(bench.chat_line("job-0", "question 0"), b"nonsense")
    with pytest.raises(RunDirectoryError, match="line 2;"):
        await bench.run(service)
    bench.write(bench.chat_line("job-0", "question 0"))
    again = await bench.run(service)
    assert again.outcome.exit_code == 0
    assert again.results.equals(ran.results)


async def test_a_file_of_another_name_is_another_file(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    ran = await bench.run(service)
    text = (ran.directory / "run.json").read_text()
    (ran.directory / "run.json").write_text(text.replace("jobs.jsonl", "others.jsonl"))
    bench.write_chats(4)
    with pytest.raises(RunDirectoryError, match="belongs to another job file"):
        await bench.run(service)
