"""What errors advise: to resume is of runs that can be."""

import errno
import os
from pathlib import Path

import pytest

from headrace.runner.errors import (
    RESUME,
    ServicesStoppedError,
    StorageError,
    UnreachableError,
    never_resumed,
    without_resuming,
)
from headrace.runner.record.files import storage


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOENT, errno.EACCES])
def test_a_load_run_is_not_told_to_give_its_command_again(number: int) -> None:
    """It is never resumed: the same command is refused, or begins another run."""
    with pytest.raises(StorageError) as raised, storage(Path("load.run")):
        raise OSError(number, os.strerror(number))
    assert raised.value.message.endswith(RESUME)
    told = without_resuming(raised.value.message)
    assert "again" not in told
    assert "resume" not in told
    with pytest.raises(StorageError) as raised, never_resumed(), storage(Path("load.run")):
        raise OSError(number, os.strerror(number))
    assert raised.value.format_message() == raised.value.message == told


def test_of_many_services_that_stopped_the_first_are_told() -> None:
    """All of eleven were one line of 1,500 characters."""
    reasons = {f"s{n}": UnreachableError("no connection") for n in range(5)}
    told = ServicesStoppedError(reasons).message.split("; ")
    assert told == [
        *(f"the service s{n} stopped: no connection" for n in range(3)),
        "2 more stopped, see `headrace report`",
    ]
