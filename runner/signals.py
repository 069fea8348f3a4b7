"""The signals that stop what is under way: which they are, and what each means."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import trio

from .errors import HangUpError, InterruptError, QuitError, TerminateError

_KINDS: dict[int, tuple[type[InterruptError], str]] = {
    signal.SIGINT: (InterruptError, "interrupted"),
    signal.SIGTERM: (TerminateError, "terminated"),
    signal.SIGHUP: (HangUpError, "the terminal was closed"),
    signal.SIGQUIT: (QuitError, "told to quit"),
}
# Whoever started us may have said that these are not for us: nohup does.
_MAY_BE_IGNORED = frozenset({signal.SIGHUP, signal.SIGQUIT})
# `timeout` sends its signal twice, and so does a shell whose terminal is closed: what comes so soon
# after another is not a second request.
SAME_REQUEST_S = 0.05


def stopping_signals() -> list[signal.Signals]:
    """Those to be heeded; one that was ignored when this process began stays so."""
    return [
        signal.Signals(number)
        for number in _KINDS
        if number not in _MAY_BE_IGNORED or signal.getsignal(number) is not signal.SIG_IGN
    ]


def interruption(
    number: int, what_next: str = "run the same command again to resume"
) -> InterruptError:
    """What such a signal means for a run."""
    kind, what = _KINDS[number]
    return kind(f"{what}; {what_next}")


class _Signalled(BaseException):
    """As KeyboardInterrupt: nothing on the way is to take it for an error of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Ending:
    """Ends the work of `ending_at_signals`: at a signal, or where a run of it was ended by one."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._raised = False

    def heed(self, number: int, _frame: FrameType | None) -> None:
        """The handler of a signal. The first ends the work; what tidies up after it is let be."""
        self._number = number
        if not trio.lowlevel.in_trio_run():  # nothing may be raised into trio's own code
            self.check()

    def check(self, exit_code: int = 0) -> None:
        """End here where a signal came while trio ran, or where a run has this exit code."""
        if exit_code - 128 in _KINDS:
            self._number = exit_code - 128
        if self._number is not None and not self._raised:
            self._raised = True
            raise _Signalled(self._number)


@contextmanager
def ending_at_signals(what_next: str) -> Iterator[Ending]:
    """Work that a signal ends at once, so that whatever it began is ended and tidied up.

    A run inside it has the signals to itself: have its exit code checked. Raises InterruptError.
    """
    ending = Ending()
    before = {number: signal.signal(number, ending.heed) for number in stopping_signals()}
    try:
        yield ending
    except _Signalled as end:
        raise interruption(end.number, what_next) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
