"""A file is there whole or not at all, whoever writes it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.jobs import replace_file, whole_file


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    replace_file(path, b"new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_file_system_refuses_comes_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "nowhere" / "out.json", b"new")


PLACES: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda beside, outside: beside.symlink_to(outside),
    "dangling link": lambda beside, outside: beside.symlink_to(outside.with_name("nowhere")),
    "hard link": lambda beside, outside: beside.hardlink_to(outside),
    "FIFO": lambda beside, _: os.mkfifo(beside),
    "left by a crash": lambda beside, _: beside.write_bytes(b"half of it"),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_in_the_place_of_the_new_file_is_removed_and_never_written_to(
    tmp_path: Path, place: str
) -> None:
    outside, path = tmp_path / "outside", tmp_path / "run" / "run.json"
    outside.write_bytes(b"of somebody")
    path.parent.mkdir()
    PLACES[place](path.with_name("run.json.partial"), outside)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
    assert outside.read_bytes() == b"of somebody"
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["outside", "run", "run.json"]


def test_a_link_in_the_place_of_the_file_itself_is_replaced_and_not_followed(
    tmp_path: Path,
) -> None:
    outside, path = tmp_path / "outside", tmp_path / "report.html"
    outside.write_bytes(b"of somebody")
    path.symlink_to(outside)
    replace_file(path, b"new")
    assert (path.is_symlink(), path.read_bytes(), outside.read_bytes()) == (
        False,
        b"new",
        b"of somebody",
    )


def test_a_directory_in_the_place_of_the_new_file_is_an_error_that_leaves_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "out.json.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "out.json", b"new")
    assert (tmp_path / "out.json.partial").is_dir()
