"""Small files that a user names: settings, prices, objectives. None keeps a command waiting."""

import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.given_file import read_given
from headrace.runner.main import main


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_bytes(b"x" * 200_000)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_given(link) == b"x" * 200_000


def test_a_fifo_that_nobody_writes_to_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert read_given(tmp_path / "fifo") == b""


def test_what_a_shell_writes_to_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    size = 300_000  # more than a pipe holds at once

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(b"y" * size)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert read_given(Path(f"/dev/fd/{reading}")) == b"y" * size
    finally:
        writer.join()
        os.close(reading)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/zero", "it is a device"),
        ("/dev/null", "it is a device"),
        (".", "Is a directory"),
        ("a\0b", "its name holds a NUL"),
    ],
)
def test_what_is_no_file_is_an_error_in_words(path: str, said: str) -> None:
    with pytest.raises(OSError, match=said):
        read_given(Path(path))


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 2**40)
    with pytest.raises(OSError, match="it is larger than 100 bytes"):
        read_given(tmp_path / "huge", most_bytes=100)


RUN = str(Path(__file__).parent / "data" / "runs-of-0.1" / "finished")
DEEP = "x = " + "[" * 100_000
COMMANDS = {
    "prices": ("jobs", "check", str(Path(RUN).parent / "jobs.jsonl"), "--prices", "given"),
    "objectives": ("gate", RUN, "--objectives", "given"),
    "settings": ("report", RUN),
    "limits": ("jobs", "check", str(Path(RUN).parent / "jobs.jsonl")),
    "jobs": ("jobs", "check", "given"),
}


# A FIFO of jobs is waited for: somebody is to write to it.
CASES = [
    (what, kind)
    for what in COMMANDS
    for kind in ("FIFO", "directory", "device", "deep", "NULs")
    if (what, kind) != ("jobs", "FIFO")
]


@pytest.mark.parametrize(("what", "kind"), CASES)
def test_whatever_is_in_the_place_of_a_given_file_is_one_line(
    what: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = tmp_path / ("headrace.toml" if what in ("settings", "limits") else "given")
    if kind == "FIFO":
        os.mkfifo(given)
    elif kind == "directory":
        given.mkdir()
    elif kind == "device":
        given.symlink_to("/dev/zero")
    else:
        given.write_text(DEEP if kind == "deep" else "\0" * 5000, encoding="utf-8")
    done = CliRunner().invoke(main, COMMANDS[what])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == (done.exit_code == 2)
