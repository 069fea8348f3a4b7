"""What errors advise: to resume is of runs that can be."""

import errno
import os
from pathlib import Path

import pytest

from headrace.runner.errors import RESUME, StorageError, never_resumed, without_resuming
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
