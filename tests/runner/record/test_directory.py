"""A directory made for one run of its own."""

from pathlib import Path

import pytest

from headrace.jobs import SCHEMA_VERSION, Manifest
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


def test_only_one_process_works_on_it(tmp_path: Path) -> None:
    path = tmp_path / "load.run"
    with (
        RunDirectory.create(path, manifest()),
        pytest.raises(RunDirectoryError, match="another headrace works on"),
        RunDirectory.open(path, manifest()),
    ):
        pass
