"""The process that a scorer of the user's runs in: asked with rows, heard line by line.

Whatever the function does, this end continues: it may end its process, hang in it, leave others
behind that hold its pipes, or not let it end.
"""

import os
import selectors
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

CHILD = f"{__package__}.scoring_child"
# How often is looked whether it still runs, and how long it may take to end, in seconds.
LOOK_S = 1.0
END_S = 5.0
READ_BYTES = 65_536


class ScoringProcess:
    """A process with `module:function`. `end` has to be called.

    Args:
        spec: the module and the function.
    """

    def __init__(self, spec: str) -> None:
        # (-P: nothing in the current directory stands in for a module of ours while it starts.)
        command = [sys.executable, "-P", "-m", CHILD, spec]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdout is not None
        self._heard = b""
        self._fd = self._child.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._fd, selectors.EVENT_READ)

    def ask(self, rows: Sequence[dict[str, Any]]) -> None:
        """Hand it rows, each of which it answers with a line. Where it has ended, nothing."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(msgspec.json.encode(rows, enc_hook=str) + b"\n")
            self._child.stdin.flush()

    def answer(self, limit_s: float) -> Any:
        """What it says next.

        Args:
            limit_s: how long it may take, in seconds.

        Raises:
            EOFError: it has ended.
            TimeoutError: it said nothing for so long.
        """
        waited = 0.0
        while b"\n" not in self._heard:
            look = min(LOOK_S, limit_s - waited)
            if self._selector.select(look):
                piece = os.read(self._fd, READ_BYTES)
                if not piece:
                    raise EOFError
                self._heard += piece
            elif self._child.poll() is not None:
                raise EOFError  # another process holds its pipe
            elif (waited := waited + look) >= limit_s:
                raise TimeoutError
        line, _, self._heard = self._heard.partition(b"\n")
        return msgspec.json.decode(line)

    def end(self) -> str:
        """End it, by force where it doesn't, and say how it ended."""
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):  # it ended by itself
            child.stdin.close()
        self._selector.close()
        child.stdout.close()
        try:
            code = child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def kill(self) -> None:
        """Have it end at once."""
        self._child.kill()
