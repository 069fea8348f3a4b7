"""What a refusal means for the run: 401 is the key, 402 and 403 may be the money."""

import re

import trio

from headrace.jobs import HeadraceError

from ..errors import KeyRefusedError, OutOfMoneyError
from ..record import Recorder
from ..retries import Failure
from .account import Account, Spent, spent_up

# 403 to so many jobs, and a success to none, is a key that may not do this at all.
FORBIDDEN_JOBS = 5
# How old a reading of the balance may be to answer for another refusal.
FRESH_S = 2.0
NAMES_MONEY = re.compile(r"\b(balance|budget|quota|credits?|insufficient)\b", re.IGNORECASE)


class RefusalJudge:
    """Judges each refusal of a run. `account` reads the balance when money may be the reason."""

    def __init__(self, account: Account, recorder: Recorder) -> None:
        self._account = account
        self._recorder = recorder
        self._forbidden = 0
        self._reading = trio.Lock()
        self._read_at_s = float("-inf")
        self._spent_up: Spent | None = None

    async def judge(self, failure: Failure) -> HeadraceError | None:
        """Why the run must stop, or None where only this job fails."""
        if failure.status == 401:
            return KeyRefusedError(
                f"the gateway refused the key; check HEADRACE_API_KEY (it said: {failure.message})"
            )
        if failure.status not in (402, 403):
            return None
        if (empty := await self._what_is_spent_up(failure)) is not None:
            return OutOfMoneyError(
                f"{empty.name} is spent; top up or wait for the reset, and the same command goes "
                f"on (it said: {failure.message})",
                resets_at=empty.resets_at,
            )
        self._forbidden += failure.status == 403
        if self._forbidden >= FORBIDDEN_JOBS and not self._recorder.totals.succeeded:
            return KeyRefusedError(
                f"the gateway answered 403 to the first {FORBIDDEN_JOBS} jobs; check what the key "
                f"may do (it said: {failure.message})"
            )
        return None

    async def _what_is_spent_up(self, failure: Failure) -> Spent | None:
        if failure.status == 402 or (found := NAMES_MONEY.search(failure.message)) is None:
            found = None
        async with self._reading:
            if trio.current_time() - self._read_at_s > FRESH_S:
                try:
                    reading = await self._account.read("during", spent=self._recorder.totals.spent)
                except KeyRefusedError:
                    return None
                self._recorder.reading(reading)
                self._spent_up = spent_up(reading)
                self._read_at_s = trio.current_time()
        if self._spent_up is None and found is not None:
            return Spent(f"the {found[1].lower()}", None)
        return self._spent_up
