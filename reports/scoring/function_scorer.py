"""A scorer of the user's: a function in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import msgspec

from headrace.jobs import InputError

from ..scores import Scored

BATCH_ROWS = 256
CHILD = f"{__package__}.scoring_child"


class FunctionScorer:
    """Scores rows by `module:function`. A context manager, which ends the process that does it.

    Where the process ends in the middle of a row, that row has the reason, and another one scores
    the rest.

    Args:
        spec: the module and the function.
    """

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "FunctionScorer":
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def scores(self, rows: Sequence[dict[str, Any]]) -> list[Scored]:
        """The score of each row, in their order. Raises InputError where it can't be imported."""
        found: list[Scored] = []
        for begin in range(0, len(rows), BATCH_ROWS):
            found += self._of_batch(rows[begin : begin + BATCH_ROWS])
        return found

    def _of_batch(self, rows: Sequence[dict[str, Any]]) -> list[Scored]:
        if (answer := self._asked(rows)) is not None:
            return answer
        found = []
        for row in rows:
            one = self._asked([row])
            found += one or [Scored(None, f"the scorer ended its process ({self._ended})")]
        return found

    def _asked(self, rows: Sequence[dict[str, Any]]) -> list[Scored] | None:
        """What the process says of rows; None where it ended over them."""
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        line = msgspec.json.encode(rows, enc_hook=str) + b"\n"
        try:
            child.stdin.write(line)
            child.stdin.flush()
            answer = child.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            self._end()
            return None
        return [Scored(score, reason) for score, reason in msgspec.json.decode(answer)]

    def _start(self) -> subprocess.Popen[bytes]:
        # (-P: nothing in the current directory stands in for a module of ours while it starts.)
        command = [sys.executable, "-P", "-m", CHILD, self._spec]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._child = child
        assert child.stdout is not None
        first = child.stdout.readline()
        said = msgspec.json.decode(first) if first.endswith(b"\n") else "its process ended"
        if said is not None:
            self._end()
            raise InputError(f"{self._spec} can't be used as a scorer: {said}")
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):  # it ended by itself
            child.stdin.close()
        child.stdout.close()
        code = child.wait()
        self._ended = f"exit code {code}" if code >= 0 else f"signal {-code}"
