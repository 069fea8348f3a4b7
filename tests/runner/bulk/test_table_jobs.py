"""Runs whose jobs are made of a table: each id keeps its line, whatever becomes of the table."""

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import InputError, Recipe, Selection
from headrace.reports import summarise
from headrace.runner import RunDirectoryError
from headrace.runner.bulk import TableJobs
from headrace.runner.record import read_manifest

from ..processes import Headrace, Served

ROWS = ["a", "b", "c", "d"]


def table(bench: Any, rows: list[str], *, chosen: Selection | None = None, **recipe: Any) -> Any:
    path = bench.path / "t.csv"
    path.write_text("q,n\n" + "".join(f"{row},{n}\n" for n, row in enumerate(rows)))
    given = {"model": "m", "user": "{{ q }}", **recipe}
    return TableJobs(str(path), Recipe(**given), chosen or Selection())


def asked(service: Any, since: int = 0) -> list[str]:
    return sorted(seen.content for seen in service.posts[since:])


async def test_each_row_is_asked_at_its_own_line(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    ran = await bench.run(service, table=table(bench, ROWS, samples=2))
    assert asked(service) == sorted(ROWS * 2)
    assert ran.results["index"].to_list() == list(range(8))
    manifest = read_manifest(bench.directory)
    assert manifest is not None
    assert manifest.dataset is not None
    assert manifest.dataset.path == str(bench.path / "t.csv")
    assert manifest.dataset.digest is not None
    assert manifest.recipe == Recipe(model="m", user="{{ q }}", samples=2)
    assert summarise(bench.directory).run.job_file == str(bench.path / "t.csv")


async def test_the_same_again_sends_nothing_and_makes_nothing(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    await bench.run(service, table=table(bench, ROWS))
    made = bench.directory / "jobs.made.jsonl"
    before = made.stat().st_mtime_ns
    await bench.run(service, table=table(bench, ROWS))
    assert (len(service.posts), made.stat().st_mtime_ns) == (4, before)


async def test_a_selection_leaves_lines_blank_and_may_grow(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    some = table(bench, ROWS, chosen=Selection(where="n >= 1", limit=1))
    ran = await bench.run(service, table=some)
    assert ran.results["index"].to_list() == [1]
    ran = await bench.run(service, table=table(bench, ROWS), concurrency=1)
    assert [seen.content for seen in service.posts] == ["b", "a", "c", "d"]
    assert ran.results["index"].to_list() == [0, 1, 2, 3]


@pytest.mark.slow
async def test_a_row_that_is_added_or_moved_costs_no_other_row(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    await bench.run(service, table=table(bench, ROWS))
    await bench.run(service, table=table(bench, ["new", "d", *ROWS[:3]]))
    assert asked(service, 4) == ["new"]
    await bench.run(service, table=table(bench, ["d", "a", "newer", "b", "new"]))
    assert asked(service, 5) == ["newer"]
    await bench.run(service, table=table(bench, [*ROWS, "new"]))
    assert len(service.posts) == 6


@pytest.mark.slow
async def test_a_row_that_changed_is_another_job_and_the_old_one_is_left_out(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    await bench.run(service, table=table(bench, ROWS))
    await bench.run(service, table=table(bench, ["a", "B", "c", "d"]))
    assert asked(service, 4) == ["B"]
    outcome = summarise(bench.directory).outcome
    assert (outcome.succeeded, outcome.left_out, outcome.attempts) == (4, 1, 5)
    await bench.run(service, table=table(bench, ROWS))  # as it was: its answer is there
    outcome = summarise(bench.directory).outcome
    assert (len(service.posts), outcome.succeeded, outcome.left_out) == (5, 4, 1)
    await bench.run(service, table=table(bench, ["a", "B", "c", "C"]))
    outcome = summarise(bench.directory).outcome
    assert asked(service, 5) == ["C"]
    assert (outcome.succeeded, outcome.left_out) == (4, 2)


async def test_a_failure_of_a_row_that_is_gone_fails_no_run(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda s: service.error(400, "BAD") if s.content == "b" else service.fine()
    ran = await bench.run(service, table=table(bench, ROWS))
    assert (ran.outcome.failed, ran.outcome.exit_code) == (1, 1)
    ran = await bench.run(service, table=table(bench, ["a", "B", "c", "d"]))
    assert (ran.outcome.succeeded, ran.outcome.failed, ran.outcome.exit_code) == (4, 0, 0)


async def test_another_recipe_runs_rows_again_whose_body_it_changes(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """With ids of a column only when that is asked for, and only those."""
    await bench.run(service, table=table(bench, ROWS, id="n"))
    other = table(bench, ROWS, id="n", user="{{ q | replace('c', 'C') }}")
    with pytest.raises(RunDirectoryError, match=r"t\.csv has changed .* line 3 \(2\)"):
        await bench.run(service, table=other)
    ran = await bench.run(service, table=other, rerun_changed=True)
    assert asked(service, 4) == ["C"]
    assert ran.results["custom_id"].to_list() == ["0", "1", "2", "3"]


async def test_a_row_that_no_job_can_be_made_of_leaves_nothing_and_sends_nothing(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    with pytest.raises(InputError, match="row 3: user: q is null"):
        await bench.run(service, table=table(bench, ["a", "b", "", "d"]))
    assert not bench.directory.exists()
    await bench.run(service, table=table(bench, ROWS))
    with pytest.raises(InputError, match="row 1: user: q is null"):
        await bench.run(service, table=table(bench, ["", "b"]))
    ran = await bench.run(service, table=table(bench, ROWS))
    assert (len(service.posts), len(ran.results)) == (4, 4)


async def test_a_crash_before_the_run_has_begun_is_no_obstacle(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.directory.mkdir()
    (bench.directory / "data.partial").write_text("q\n")
    (bench.directory / "jobs.made.jsonl").write_text("")
    await bench.run(service, table=table(bench, ROWS))
    assert asked(service) == ROWS


async def test_a_table_and_a_job_file_share_no_directory(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    await bench.run(service)
    with pytest.raises(RunDirectoryError, match="is the run of a job file"):
        await bench.run(service, table=table(bench, ROWS))


@pytest.mark.slow
def test_the_command_runs_a_table_in_one_go(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve())
    headrace.write(b"q,n", b"a,1", b"b,2", b"c,3", name="t.csv")
    recipe = b'model = "deepseek-v4-flash"\nuser = "{{ q }}"\nmax_tokens = 5'
    headrace.write(recipe, name="r.toml")
    words = ("run", "t.csv", "--recipe", "r.toml", "--where", "n > 1", "--rpm", "none")
    done = headrace(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"]["succeeded"] == 2
    assert headrace.table("results", "t.r.run")["index"].sort().to_list() == [1, 2]
    refused = headrace.inside("run", "t.csv", "--where", "n > 1")
    assert "--where is about rows of a table: give --recipe too" in refused.stderr
    refused = headrace.inside("run", "-", "--recipe", "r.toml")
    assert "--out is needed" in refused.stderr


@pytest.mark.slow
def test_standard_input_is_kept_for_its_owner_alone(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve())
    headrace.write(b'model = "deepseek-v4-flash"\nuser = "{{ q }}"', name="r.toml")
    words = ("run", "-", "--recipe", "r.toml", "--out", "o.run", "--rpm", "none")
    done: subprocess.CompletedProcess[str] = headrace(*words, input='{"q":"a"}\n{"q":"b"}\n')
    assert done.returncode == 0, done.stderr
    kept: Path = headrace.path / "o.run" / "data"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(headrace.table("results", "o.run")) == 2
