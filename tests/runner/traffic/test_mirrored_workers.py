"""Workers of other machines, in one loop and in virtual time: what they record is recorded here.

Their clocks are elsewhere, their journals are mirrored, and what they read is sent to them.
"""

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.reports import summarise
from headrace.runner.traffic.option_files import packed
from tests.runner.mirrored_workers import on_machines

from .conftest import Loaded, Traffic


async def sent(traffic: Traffic, service: Any, workers: int, **asked: Any) -> Loaded:
    """A load run by workers, each on a machine of its own; by one process where it is 1."""
    service.posts.clear()
    asked["out"] = traffic.path / f"of-{workers}.run"
    files = packed(asked)
    opened = on_machines(
        lambda: traffic.environment(service.connect),
        root=traffic.path,
        run=asked["out"],
        files=files,
    )
    return await traffic.over(service.connect, workers=workers, open_workers=opened, **asked)


@pytest.mark.slow
async def test_machines_send_what_one_process_would_and_all_of_it_is_recorded_here(
    traffic: Traffic, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.4)
    asked: dict[str, Any] = {"rate": "20/s", "arrivals": "poisson", "duration_s": 2.0}
    one = await sent(traffic, service, 1, **asked)
    bodies = sorted(post.body for post in service.posts)
    two = await sent(traffic, service, 2, **asked)
    assert sorted(post.body for post in service.posts) == bodies
    plans = [[*zip(each.due_s(), each.attempts["index"], strict=True)] for each in (one, two)]
    assert [(round(due_s, 5), index) for due_s, index in plans[0]] == [
        (round(due_s, 5), index) for due_s, index in plans[1]
    ]
    assert two.attempts["error_kind"].null_count() == len(bodies)
    parts = sorted(each.name for each in (two.directory / "attempts").iterdir())
    assert parts == ["part-w01-000001.parquet", "part-w02-000001.parquet"]
    assert not (two.directory / "journal").exists()
    # What they wrote is still theirs, as it was written.
    assert [*(traffic.path / "machine-1").rglob("*.parquet")] == []
    assert (traffic.path / "machine-1" / "journal" / "w01-000001.jsonl").stat().st_size > 0


async def test_the_run_says_where_it_was_sent_from_and_how_well_the_clocks_are_known(
    traffic: Traffic, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.4)
    ran = await sent(traffic, service, 3, users=6, requests=24)
    assert [each.where for each in ran.facts.workers] == ["machine-1", "machine-2", "machine-3"]
    assert [each.clock_error_s for each in ran.facts.workers] == [0.0004, 0.0008, 0.0012]
    figures = summarise(ran.directory).load
    assert figures is not None
    assert figures.verdict.verdict == "unknown"
    (why,) = figures.verdict.why
    assert why == "the clock of machine machine-3 is known to 1.2 ms (allowed: 1 ms)"


async def test_files_that_the_options_name_are_sent_along(
    traffic: Traffic, service: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.1)
    jobs = tmp_path / "jobs.jsonl"
    line = '{"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}\n'
    jobs.write_text(line * 3)
    ran = await sent(traffic, service, 2, rate="10/s", duration_s=1.0, jobs=str(jobs))
    assert ran.outcome.exit_code == 0
    assert (traffic.path / "machine-2" / "files" / "0" / "jobs.jsonl").read_text() == line * 3
    assert ran.attempts.height == 10


@pytest.mark.parametrize(
    "asked", [{"prompt_tokens": "histogram:lengths.csv"}, {"prices": "p.toml"}]
)
async def test_a_file_that_is_not_there_is_named_before_anything_is_sent(
    asked: dict[str, Any],
) -> None:
    from headrace.jobs import InputError

    path = next(iter(asked.values())).rpartition(":")[2]
    with pytest.raises(InputError, match=f"^{path} can't be read"):
        packed(asked)
