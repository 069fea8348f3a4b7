"""What is sent next: retries whose pause is over before new jobs, and memory kept small."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from headrace.jobs import Job
from headrace.runner.bulk.backlog import BYTES_MAX, JOBS_MAX, RETRIES_MAX, RETRY_BYTES_MAX, Backlog
from headrace.runner.pending import Pending


def pending(index: int, *, body: bytes = b"{}") -> Pending:
    return Pending(
        Job(
            index=index,
            custom_id=f"job-{index}",
            url="/v1/chat/completions",
            model="m",
            stream=False,
            body=body,
            body_digest="d",
            input_estimate_tokens=1,
            output_limit_tokens=None,
        )
    )


async def take(backlog: Backlog) -> tuple[int, float | None]:
    taken = await backlog.take()
    assert taken is not None
    return taken[0].job.index, taken[1]


async def test_a_retry_goes_first_once_its_pause_is_over(autojump_clock: MockClock) -> None:
    backlog = Backlog()
    for index in range(3):
        backlog.put(pending(index))
    first = await backlog.take()
    assert first is not None
    backlog.retry(first[0], 5.0)
    assert await take(backlog) == (1, None)
    await trio.sleep(5)
    assert await take(backlog) == (0, 5.0)
    assert await take(backlog) == (2, None)


async def test_it_waits_for_a_retry_and_ends_only_when_nothing_can_come_back(
    autojump_clock: MockClock,
) -> None:
    backlog = Backlog()
    backlog.put(pending(0))
    backlog.exhaust()
    taken = await backlog.take()
    assert taken is not None
    ends: list[float] = []

    async def wait_for_end() -> None:
        assert await take(backlog) == (0, 30.0)
        backlog.done(taken[0], None)
        assert await backlog.take() is None
        ends.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_end)
        await trio.sleep(10)
        backlog.retry(taken[0], 30.0)
    assert ends == [30.0]


async def test_who_waits_for_a_job_is_told_when_the_last_one_is_done(
    autojump_clock: MockClock,
) -> None:
    backlog = Backlog()
    backlog.put(pending(0))
    backlog.exhaust()
    taken = await backlog.take()
    assert taken is not None
    async with trio.open_nursery() as nursery:

        async def wait_for_end() -> None:
            with trio.fail_after(60):
                assert await backlog.take() is None
            assert trio.current_time() == 7.0

        nursery.start_soon(wait_for_end)
        await trio.sleep(7)
        backlog.done(taken[0], None)


async def put(backlog: Backlog, waiting: Pending) -> None:
    """What a reader does."""
    if backlog.full:
        await backlog.until_room()
    backlog.put(waiting)


async def test_the_reader_waits_until_half_of_the_jobs_are_left(autojump_clock: MockClock) -> None:
    backlog = Backlog()

    async def fill() -> None:
        for index in range(JOBS_MAX + 10):
            await put(backlog, pending(index))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fill)
        await wait_all_tasks_blocked()
        assert backlog.unfinished == JOBS_MAX
        for _ in range(JOBS_MAX // 2 - 1):
            await backlog.take()
        await wait_all_tasks_blocked()
        assert backlog.unfinished == JOBS_MAX  # what was taken is out
        await backlog.take()
        await wait_all_tasks_blocked()
        assert backlog.unfinished == JOBS_MAX + 10


async def test_large_jobs_are_held_by_their_bytes(autojump_clock: MockClock) -> None:
    backlog = Backlog()
    body = bytes(BYTES_MAX // 4)

    async def fill() -> None:
        for index in range(20):
            await put(backlog, pending(index, body=body))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fill)
        await wait_all_tasks_blocked()
        assert backlog.unfinished == 4
        await backlog.take()
        await wait_all_tasks_blocked()
        assert backlog.unfinished == 4
        await backlog.take()
        await wait_all_tasks_blocked()
        assert backlog.unfinished == 6  # two are out
        nursery.cancel_scope.cancel()


async def test_many_retries_hold_back_new_jobs(autojump_clock: MockClock) -> None:
    """A service that fails for long must not fill the memory with jobs that wait."""
    backlog = Backlog()
    for index in range(RETRIES_MAX):
        backlog.put(pending(index))
        taken = await backlog.take()
        assert taken is not None
        backlog.retry(taken[0], 100.0)
    backlog.put(pending(RETRIES_MAX))
    assert await take(backlog) == (0, 100.0)
    assert trio.current_time() == 100.0


async def test_large_retries_hold_back_new_jobs_by_their_bytes(autojump_clock: MockClock) -> None:
    backlog = Backlog()
    body = bytes(RETRY_BYTES_MAX // 8)
    for index in range(8):
        backlog.put(pending(index, body=body))
        taken = await backlog.take()
        assert taken is not None
        backlog.retry(taken[0], 100.0 + index)
    backlog.put(pending(8))
    assert await take(backlog) == (0, 100.0)
    assert await take(backlog) == (8, None)  # there is room again
    assert trio.current_time() == 100.0
