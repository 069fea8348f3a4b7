"""What the server saw: one row per request, in memory or as a line of JSON.

Times with `_s` are seconds on the gateway's own clock since it began; the lines of a log file add
the same instants as UTC dates with microseconds: `arrival`, `first_byte`, `first_token`, `end`.
"""

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from .clock import Clock
from .errors import GatewayError
from .prices import ZERO, format_amount

_INSTANTS = ("arrival", "first_byte", "first_token", "end")


class ChunkTimes(NamedTuple):
    """One token-bearing event of a stream: when it was due and when its write began."""

    due_s: float
    sent_s: float


class LogRow(msgspec.Struct, kw_only=True, gc=False):
    """One request, refused or not.

    Args:
        arrival_s: when its last byte was read.
        first_byte_s: just before the write of the answer's first byte; None where there was none.
        first_token_s: just before the write of a stream's first token; None where there was none.
        end_s: just before the last write. The row is logged then, so that whoever has the answer
            finds its row.
        status: None where no status line was sent.
        input_tokens: as billed, like all tokens, `images` and `charge`; 0 where nothing was.
        output_events: token-bearing events of a stream that were written.
        headers: the request headers that the configuration names.
        chunks: times of each token-bearing event, where the configuration asks for them.
    """

    request_id: str
    connection: int
    method: str
    path: str
    arrival_s: float
    first_byte_s: float | None = None
    first_token_s: float | None = None
    end_s: float | None = None
    status: int | None = None
    key: str | None = None
    model: str | None = None
    stream: bool = False
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    output_events: int = 0
    images: int = 0
    charge: Decimal = ZERO
    fault: str | None = None
    error_code: str | None = None
    disconnected: bool = False
    headers: dict[str, str] | None = None
    chunks: list[ChunkTimes] | None = None


class LogFile:
    """Appends rows to a file, one line of JSON each, unbuffered. A context manager.

    Args:
        path: the file, which is created where it does not exist.
        clock: dates the rows.

    Raises:
        GatewayError: when the file cannot be opened.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise GatewayError(f"cannot write the log {path}: {error.strerror}") from error

    def write(self, row: LogRow) -> None:
        """Append one line. Raises GatewayError when it cannot be written."""
        left = self.line(row)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            raise GatewayError(f"cannot write the log {self._path}: {error.strerror}") from error

    def line(self, row: LogRow) -> bytes:
        """`row` as its line, with the dates."""
        fields: dict[str, Any] = msgspec.structs.asdict(row)
        _, date = self._clock.anchor
        for name in _INSTANTS:
            seconds = fields[f"{name}_s"]
            if seconds is not None:
                fields[f"{name}_s"] = round(seconds, 6)
                fields[name] = date + dt.timedelta(seconds=seconds)
            else:
                fields[name] = None
        fields["charge"] = format_amount(row.charge)
        return msgspec.json.encode(fields) + b"\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
