"""Prompts made before they are due."""

import pytest

from headrace.jobs import AheadPrompts, Job
from headrace.jobs.prompts import ahead


class Numbered:
    """Jobs whose body is `size` bytes, and what was asked of them."""

    def __init__(self, size: int) -> None:
        self.made: list[int] = []
        self.heard: list[str | None] = []
        self._size = size

    def next(self, index: int, user: int = 0) -> Job:
        self.made.append(index)
        return Job(
            index=index,
            custom_id=str(index),
            url="/v1/chat/completions",
            model="m",
            stream=False,
            body=bytes(self._size),
            body_digest="",
            input_estimate_tokens=1,
        )

    def answered(self, job: Job, text: str | None) -> None:
        self.heard.append(text)


def fill(prompts: AheadPrompts) -> None:
    while prompts.make_ahead():
        pass


def test_the_jobs_are_the_same_in_the_same_order() -> None:
    inner = Numbered(10)
    prompts = AheadPrompts(inner)
    assert prompts.make_ahead()
    assert inner.made == [0]
    jobs = [prompts.next(0), prompts.next(1)]
    fill(prompts)
    jobs += [prompts.next(index) for index in range(2, 100)]
    assert [job.index for job in jobs] == list(range(100))
    prompts.answered(jobs[0], "fine")
    assert inner.heard == ["fine"]


@pytest.mark.parametrize(
    ("size", "held"), [(10, ahead.AHEAD_JOBS), (ahead.AHEAD_BYTES // 4, 4), (ahead.AHEAD_BYTES, 1)]
)
def test_no_more_are_held_than_jobs_and_bytes_allow(size: int, held: int) -> None:
    inner = Numbered(size)
    prompts = AheadPrompts(inner)
    fill(prompts)
    assert len(inner.made) == held
    prompts.next(0)
    fill(prompts)
    assert len(inner.made) == held + 1
