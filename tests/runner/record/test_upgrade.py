"""Directories of an earlier schema are brought up to this one, whatever comes in between."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trio.testing import MockClock

from headrace.jobs import Attempt, BalanceReading, Result, schema
from headrace.runner import RunDirectoryError, StorageError
from headrace.runner.record.upgrade import upgrade

from .test_durability_disk import Disk, Moment, Recorded, Tree, plant, read_lines, tree_of

DATA = Path(__file__).resolve().parents[2] / "data" / "runs-of-0.1"
JOBS = 13
# Of the moments that differ every fourth, and the last; with more cases (`make fuzz`) each.
EVERY = 1 if int(os.environ.get("HEADRACE_MORE_CASES", "1")) > 1 else 7


def old_run(bench: Any, kind: str) -> Path:
    """A copy of what 0.1 left, at the service of the test, in several parts a table."""
    directory: Path = bench.directory
    shutil.copytree(DATA / kind, directory)
    shutil.copy(DATA / "jobs.jsonl", bench.jobs)
    path = directory / "run.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "base_url": "http://gateway.test"}))
    for table in ("results", "attempts"):
        for part in (directory / table).glob("*.parquet"):
            rows = pl.read_parquet(part)
            for number, offset in enumerate(range(0, rows.height, 5), 1):
                rows[offset : offset + 5].write_parquet(part.with_name(f"part-{number:06}.parquet"))
    return directory


def version_of(tree: Tree) -> int:
    return int(json.loads(tree["run.json"] or b"{}")["schema_version"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finished", "killed"])
async def test_a_process_that_dies_at_any_file_operation_of_the_upgrade_costs_nothing(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    directory = old_run(bench, kind)
    known = known_before(directory)
    moments: list[Moment] = []

    def before(name: str, number: int, arguments: tuple[Any, ...]) -> None:
        tree, recorded = tree_of(directory), disk.recorded()
        moments.append(Moment(f"before {name}, {number}", tree, recorded))
        if name == "write":
            path = disk.path_of(arguments[0])
            assert path is not None
            inner = str(Path(path).relative_to(directory))
            half = (tree[inner] or b"") + arguments[1][: len(arguments[1]) // 2]
            moments.append(Moment(f"middle of {name}, {number}", {**tree, inner: half}, recorded))

    disk = Disk(bench.path, before)
    with disk.watched():
        await bench.run(service)
    apart = [
        b for a, b in zip([None, *moments], moments, strict=False) if not a or a.tree != b.tree
    ]
    assert len(apart) > 10
    versions: list[int] = []
    for moment in [*apart[:-1:EVERY], apart[-1]]:
        versions.append(version_of(moment.tree))
        plant(moment.tree, directory)
        try:
            # Raised last: the parts are whole by then.
            if versions[-1] == 2:
                must_be_of_one_schema(directory)
            await must_resume(bench, service, known, moment.recorded)
        except BaseException as error:
            error.add_note(moment.where)
            raise
    assert (versions[0], versions[-1]) == (1, 2)


def known_before(directory: Path) -> Recorded:
    """What the directory of 0.1 records, read without the project."""
    segments = sorted((directory / "journal").glob("*.jsonl"))
    found = read_lines([line for each in segments for line in each.read_bytes().splitlines(True)])
    if segments:
        return found
    attempts = pl.read_parquet(directory / "attempts/*.parquet", columns=["index", "attempt"])
    results = pl.read_parquet(directory / "results/*.parquet", columns=["index", "status"])
    return Recorded(dict(results.iter_rows()), set(attempts.iter_rows()), set())


async def must_resume(bench: Any, service: Any, known: Recorded, recorded: Recorded) -> None:
    statuses = known.statuses | recorded.statuses
    before = len(service.posts)
    ran = await bench.run(service)
    assert ran.results["index"].to_list() == list(range(JOBS))
    found = dict(ran.results.select("index", "status").iter_rows())
    assert {index: found[index] for index in statuses} == statuses
    assert len(service.posts) - before == JOBS - len(statuses)
    rows = list(ran.attempts.select("index", "attempt").iter_rows())
    assert len(rows) == len(set(rows))
    assert known.attempts | recorded.attempts <= set(rows)
    assert ran.manifest["schema_version"] == 2
    must_be_of_one_schema(bench.directory)


def must_be_of_one_schema(directory: Path) -> None:
    for pattern, kind in (("results/*.parquet", Result), ("attempts/*.parquet", Attempt)):
        for part in directory.glob(pattern):
            assert pl.read_parquet_schema(part) == schema(kind)
    if (directory / "balance.parquet").exists():
        assert pl.read_parquet_schema(directory / "balance.parquet") == schema(BalanceReading)


async def test_what_0_1_recorded_is_as_it_was_and_the_rest_null(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Also the bounds that are kept for attempts whose bill is unknown."""
    directory = old_run(bench, "finished")
    old = pl.read_parquet(directory / "attempts/*.parquet").sort("index", "attempt")
    await bench.run(service)
    new = pl.read_parquet(directory / "attempts/*.parquet").sort("index", "attempt")
    assert new.select(old.columns).equals(old, null_equal=True)
    added = [name for name in new.columns if name not in old.columns]
    assert {"error_message", "reported_cost", "service", "stream"} <= set(added)
    assert new.select(added).null_count().row(0) == (new.height,) * len(added)


@pytest.mark.parametrize(
    "table", [{"index": [1], "custom_id": ["a"]}, {"notes": ["somebody's own"]}]
)
def test_a_part_that_lacks_what_cannot_be_null_is_left_alone(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    part = tmp_path / "results" / "part-000001.parquet"
    part.parent.mkdir()
    pl.DataFrame(table).write_parquet(part)
    data = part.read_bytes()
    with pytest.raises(StorageError, match=r"part-000001\.parquet can't be read"):
        upgrade(tmp_path)
    assert part.read_bytes() == data


def test_a_column_of_somebody_elses_is_kept(tmp_path: Path) -> None:
    shutil.copytree(DATA / "finished" / "results", tmp_path / "results")
    part = tmp_path / "results" / "part-000001.parquet"
    pl.read_parquet(part).with_columns(note=pl.lit("mine")).write_parquet(part)
    upgrade(tmp_path)
    assert list(pl.read_parquet_schema(part)) == [*schema(Result), "note"]
    data = part.read_bytes()
    upgrade(tmp_path)
    assert part.read_bytes() == data
    assert set(pl.read_parquet(part)["note"]) == {"mine"}


async def test_a_later_schema_is_told_before_anything_else_is_read(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Whose other fields this version knows nothing of, and can't even decode."""
    directory = old_run(bench, "finished")
    path = directory / "run.json"
    path.write_text(json.dumps({"schema_version": 3, "headrace": "0.9", "sessions": "in a file"}))
    before = tree_of(directory)
    with pytest.raises(RunDirectoryError) as caught:
        await bench.run(service)
    assert caught.value.message == (
        f"{directory} was recorded in schema 3 by headrace 0.9; this one reads up to 2: install a "
        "newer headrace, or choose another --out"
    )
    assert tree_of(directory) == before
