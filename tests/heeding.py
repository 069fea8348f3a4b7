"""Signals as if from a terminal, whatever started the tests: a job in the background of a shell, or
of nohup, ignores some of them, and so would all that it starts."""

import signal

INHERITED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def heed_signals() -> None:
    """Have processes that are started from here heed what is ignored here.

    The signal itself still does nothing here: a handler, unlike what is ignored, is not inherited.
    To be called by the main thread.
    """
    for number in INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _nothing)


def _nothing(*_: object) -> None:
    pass
