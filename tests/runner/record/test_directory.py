"""A directory made for one run of its own."""

import os
from pathlib import Path

import pytest
from trio.testing import MockClock

from headrace.jobs import SCHEMA_VERSION, InputError, Manifest
from headrace.runner import RunDirectoryError
from headrace.runner.record import RunDirectory
from tests.runner.conftest import Bench, Service


def manifest() -> Manifest:
    return Manifest(
        headrace="0.1.0",
        schema_version=SCHEMA_VERSION,
        kind="load",
        base_url="http://gateway.test",
        job_file=None,
    )


def test_a_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "a" / "b.run", manifest()) as run:
        run.save()
        assert run.job_file is None
    assert [path.name for path in (tmp_path / "a" / "b.run").iterdir()] == ["run.json"]


@pytest.mark.parametrize("there", ["empty", "full", "file"])
def test_what_is_there_already_is_refused_untouched(tmp_path: Path, there: str) -> None:
    path = tmp_path / "load.run"
    if there == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        if there == "full":
            (path / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(RunDirectoryError, match=r"is there already; choose another --out"),
        RunDirectory.create(path, manifest()),
    ):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_that_can_have_no_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link.run").symlink_to("nowhere.run")
    before = sorted(tmp_path.rglob("*"))
    for path, said in (
        (tmp_path / os.fsdecode(b"x\xff.run"), r"x\\xff.run is not UTF-8; rename it"),
        (tmp_path / "link.run", "link.run is a symbolic link to nowhere.run, which is not there"),
        (tmp_path / "file" / "x.run", "file"),
        (Path("/proc/x.run"), r"no directory can be made at /proc/x.run \(.*\); choose another"),
    ):
        for method in (RunDirectory.open, RunDirectory.create):
            with pytest.raises(InputError, match=said), method(path, manifest()):
                pass
    assert sorted(tmp_path.rglob("*")) == before


def test_only_one_process_works_on_it(tmp_path: Path) -> None:
    path = tmp_path / "load.run"
    with (
        RunDirectory.create(path, manifest()),
        pytest.raises(RunDirectoryError, match="another headrace works on"),
        RunDirectory.open(path, manifest()),
    ):
        pass


def modes(path: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mode & 0o777 for each in (path, *path.rglob("*"))}


async def test_a_run_is_its_owners_alone(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    ran = await bench.run(service)
    assert {name: mode for name, mode in modes(ran.directory).items() if mode & 0o077} == {}
    assert modes(ran.directory)["jobs.run"] == 0o700


async def test_a_run_that_is_shared_or_was_there_is_as_open_as_it_was_made(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    before = os.umask(0o022)
    try:
        ran = await bench.run(service, share=True)
        shared = modes(ran.directory)
        bench.directory.chmod(0o750)
        bench.write_chats(2)
        await bench.run(service, rerun_changed=True)
        resumed = modes(ran.directory)
    finally:
        os.umask(before)
    files = {name for name in shared if name.endswith((".json", ".jsonl", ".parquet"))}
    assert {shared[name] for name in files} == {0o644}
    assert {shared[name] for name in ("jobs.run", "results", "attempts")} == {0o755}
    assert resumed["jobs.run"] == 0o750
    assert resumed["run.json"] == 0o640


@pytest.mark.parametrize(("share", "mode"), [(False, 0o700), (True, 0o777)])
def test_a_directory_of_a_load_run_is_made_the_same_way(
    tmp_path: Path, share: bool, mode: int
) -> None:
    path = tmp_path / "runs" / "a.run"
    before = os.umask(0)
    try:
        with RunDirectory.create(path, manifest(), share=share) as run:
            run.save()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode
    assert path.parent.stat().st_mode & 0o777 == 0o777  # that is not a run's
