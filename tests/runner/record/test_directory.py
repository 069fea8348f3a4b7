"""A directory made for one run of its own."""

import os
from pathlib import Path

import pytest

from headrace.jobs import SCHEMA_VERSION, InputError, Manifest
from headrace.runner import RunDirectoryError
from headrace.runner.record import RunDirectory


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
