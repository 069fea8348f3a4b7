"""Who holds a run directory: a run that works, or workers that outlived theirs."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.runner import RunDirectoryError
from headrace.runner.record import coordinating
from headrace.runner.record.lock import locked


@contextmanager
def held(path: Path) -> Iterator[int]:
    """By somebody else, or by workers."""
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def begun(run: Path, **arguments: object) -> None:
    """A session of a run that has not said that it ended."""
    (run / "journal").mkdir()
    (run / "run.json").write_text(json.dumps({"sessions": [{"arguments": arguments}]}))


def refuse(path: Path) -> None:
    """Whoever asks for it now is told that another run has it."""
    with pytest.raises(RunDirectoryError, match="another headrace works on"), locked(path):
        raise AssertionError


def test_a_lock_is_one_runs_and_goes_on_to_the_next(tmp_path: Path) -> None:
    with locked(tmp_path) as descriptor:
        assert os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        refuse(tmp_path)
    with locked(tmp_path) as again:
        assert again >= 0


def test_workers_that_outlived_their_run_are_waited_for_aloud(tmp_path: Path) -> None:
    begun(tmp_path, workers=3)
    said: list[str] = []
    with held(tmp_path) as descriptor:

        def hear(line: str) -> None:
            said.append(line)
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # they have ended

        with locked(tmp_path, announce=hear) as taken:
            assert taken != descriptor
    what = f"a run of {tmp_path} that was killed"
    assert said == [f"Waiting for 3 workers of {what}: what is in flight may finish."]


@pytest.mark.parametrize("arguments", [{}, {"workers": "3"}, {"workers": 3}])
def test_a_run_that_works_is_not_waited_for(tmp_path: Path, arguments: dict[str, object]) -> None:
    """Whether workers send for it or not."""
    begun(tmp_path, **arguments)
    with held(tmp_path), coordinating(tmp_path):
        refuse(tmp_path)
    assert (tmp_path / "journal").is_dir()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"sessions": []}', '{"sessions": [{"state": 1}]}']
)
def test_a_run_json_that_says_nothing_of_workers_is_no_reason_to_wait(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "run.json").write_text(text)
    with held(tmp_path):
        refuse(tmp_path)
    assert (tmp_path / "run.json").read_text() == text
