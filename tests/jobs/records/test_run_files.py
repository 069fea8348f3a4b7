"""A run directory of somebody else: what is not a plain file or directory in it is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.jobs import InputError, check_run_files, read_run_file


def a_run(root: Path) -> Path:
    run = root / "run"
    for name in ("journal", "results", "attempts", "images"):
        (run / name).mkdir(parents=True)
    names = ("run.json", "rejects.jsonl", "journal/000001.jsonl", "results/part-000001.parquet")
    for name in (*names, "images/0-0.png"):
        (run / name).write_bytes(b"of the run")
    (root / "secret").write_bytes(b"outside")
    return run


def test_what_a_run_has_is_taken_and_so_is_a_link_to_the_whole_of_it(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    latest = tmp_path / "latest"
    latest.symlink_to(run)
    check_run_files(latest)
    (run / "results" / "notes.txt").symlink_to(tmp_path / "secret")  # no run reads it
    check_run_files(run)
    check_run_files(tmp_path / "not-there")
    assert read_run_file(latest, "images/0-0.png", most_bytes=10) == b"of the run"


FILES = ("run.json", "rejects.jsonl", "concurrency.jsonl", "balance.parquet")
INNER = ("journal/000002.jsonl", "results/part-000002.parquet", "attempts/w03-000001.parquet")
IN_PLACE: dict[str, Callable[[Path], object]] = {
    "a symbolic link": lambda path: path.symlink_to(path.parents[-2] / "nowhere"),
    "a FIFO": os.mkfifo,
    "a directory": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("what", IN_PLACE)
@pytest.mark.parametrize("name", [*FILES, *INNER])
def test_what_is_in_the_place_of_a_file_is_named(tmp_path: Path, name: str, what: str) -> None:
    run = a_run(tmp_path)
    (run / name).unlink(missing_ok=True)
    IN_PLACE[what](run / name)
    with pytest.raises(InputError, match=f"^{run / name} is {what}, not a file"):
        check_run_files(run)


@pytest.mark.parametrize("name", ["journal", "results", "attempts", "images"])
def test_a_link_in_the_place_of_a_directory_is_named(tmp_path: Path, name: str) -> None:
    run = a_run(tmp_path)
    (run / name).rename(tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"^{run / name} is a symbolic link, not a directory"):
        check_run_files(run)


def test_a_file_that_is_larger_than_a_runs_is_named_before_it_is_read(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    os.truncate(run / "journal" / "000001.jsonl", 2**40)  # with holes: it takes no room
    with pytest.raises(InputError, match=r"journal/000001\.jsonl is too large for a run's"):
        check_run_files(run)


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("images/0-0.png", lambda path: path.symlink_to(path.parents[2] / "secret")),
        ("images", lambda path: path.symlink_to(path.parents[1])),
        ("images/0-0.png", os.mkfifo),
        ("images/0-0.png", lambda path: path.symlink_to("/dev/zero")),
        ("images/0-0.png", lambda path: path.write_bytes(b"x" * 11)),
    ],
    ids=["link", "linked folder", "FIFO", "device", "too large"],
)
def test_nothing_but_a_plain_file_of_the_run_is_read(
    tmp_path: Path, name: str, put: Callable[[Path], object]
) -> None:
    run = a_run(tmp_path)
    (tmp_path / "0-0.png").write_bytes(b"outside")
    (run / "images" / "0-0.png").unlink()
    if name == "images":
        (run / "images").rmdir()
    put(run / name)
    with pytest.raises(OSError, match=r"symbolic link|FIFO|larger than 10 bytes"):
        read_run_file(run, "images/0-0.png", most_bytes=10)
