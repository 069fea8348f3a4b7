"""When bytes came: the kernel's receive times of one socket, brought onto trio's clock.

Linux keeps for each segment the realtime clock of its receipt and hands it out beside the data
(SO_TIMESTAMPNS, socket(7)). Of the segments in one read it is the latest one's, so it bounds an
arrival from above, and is exact while the reader is less than one gap late.
"""

import socket
import struct
import sys
from socket import SOL_SOCKET

# Not in Python's socket module; the number is that of most architectures (asm-generic/socket.h).
SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@ll")  # struct timespec
_STAMP_BYTES = _STAMP.size
ANCILLARY_BYTES = socket.CMSG_SPACE(_STAMP_BYTES) if hasattr(socket, "CMSG_SPACE") else 0
# By how much the realtime clock may move against trio's between two reads: what more there is,
# is a step of the clock (or an interruption between the two looks at them), and the stamp is void.
STEP_S = 0.001
SLEW = 0.001  # of the time between them; NTP slews by half of that at most

Ancillary = list[tuple[int, int, bytes]]


def ask_for_stamps(sock: socket.socket) -> bool:
    """Have the kernel hand out receive times; whether it does."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def stamp_ns(ancillary: Ancillary) -> int | None:
    """The receive time in what recvmsg(2) brought beside the data, None where there is none."""
    for level, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS and level == SOL_SOCKET and len(data) == _STAMP_BYTES:
            seconds, nanoseconds = _STAMP.unpack(data)
            found: int = seconds * 1_000_000_000 + nanoseconds
            return found or None
    return None


class Arrivals:
    """Moments on trio's clock from one socket's stamps; both clocks are read together, after the
    data. A stamp that can't be right says nothing: one of the future, one from before the request
    or the data before it, and any across a step of the realtime clock.
    """

    __slots__ = ("_earliest_s", "_offset_s", "_read_s")

    def __init__(self, *, now_s: float, real_ns: int) -> None:
        self._earliest_s = self._read_s = now_s
        self._offset_s = real_ns / 1e9 - now_s

    def after(self, now_s: float) -> None:
        """What comes from here on answers what is sent now."""
        self._earliest_s = now_s

    def moment(self, stamp_ns: int | None, *, now_s: float, real_ns: int) -> float | None:
        """When the bytes of a read came, which ended at `now_s`; None where that is unknown."""
        offset_s = real_ns / 1e9 - now_s
        moved_s, since_s = abs(offset_s - self._offset_s), now_s - self._read_s
        self._offset_s, self._read_s = offset_s, now_s
        if stamp_ns is None or moved_s > STEP_S + SLEW * since_s:
            return None
        at_s = now_s - (real_ns - stamp_ns) / 1e9
        if not self._earliest_s - STEP_S <= at_s <= now_s:
            return None
        # Two reads may share a segment, and its moment then differs by what the clocks jitter.
        if at_s > self._earliest_s:
            self._earliest_s = at_s
        return self._earliest_s
