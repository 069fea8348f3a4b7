"""What a refusal means for the run.

401 is the key, 402 and 403 may be the money, and the same 4xx to the first jobs of a url and model
is a wrong path, a wrong model, or a key that may not use it.
"""

import re
from typing import NamedTuple

import trio

from headrace.jobs import HeadraceError, Job, masked

from ..errors import RESUME, JobsRefusedError, KeyRefusedError, OutOfMoneyError
from ..record import Recorder, Totals
from ..retries import Failure
from .account import Account, EmptyFund, empty_fund

# The same refusal of so many jobs of one url and model, and a success of none, ends the run.
ALIKE_JOBS = 5
# How old a reading of the balance may be to answer for another refusal.
FRESH_S = 2.0
_WHAT = r"\b(balance|budget|credit)s?\b"
_GONE = r"\b(?:insufficient|exhausted|exceeded|spent|used up|too low|not enough)\b"
NAMES_MONEY = re.compile(rf"{_WHAT}.{{0,40}}?{_GONE}|{_GONE}.{{0,40}}?{_WHAT}", re.I | re.S)
# What is about one job's content says nothing of the others.
_OF_THE_CONTENT = re.compile(
    r"length|token|context|policy|content|moderation|too (?:long|large)", re.IGNORECASE
)
# 4xx that are retried, or judged by themselves.
_OTHERWISE = frozenset({401, 402, 408, 409, 413, 425, 429})


class _Alike(NamedTuple):
    """The refusals of one url and model: what they say, and how many jobs were told so."""

    signature: tuple[int, str | None, str]
    jobs: frozenset[int]


class RefusalJudge:
    """Judges each refusal of a run, or of one of its services, whose `totals` these are. `account`
    reads the balance when money may be the reason."""

    def __init__(self, account: Account, recorder: Recorder, totals: Totals) -> None:
        self._account = account
        self._recorder = recorder
        self._totals = totals
        self._worked_before = totals.succeeded > 0  # in an earlier session
        # None once the jobs of a url and model turned out not to be refused alike.
        self._alike: dict[tuple[str, str], _Alike | None] = {}
        self._reading = trio.Lock()
        self._read_at_s = float("-inf")
        self._empty_fund: EmptyFund | None = None

    def succeeded(self, job: Job) -> None:
        """A job was answered: what is refused of its url and model is refused for itself."""
        self._alike[job.url, job.model] = None

    async def judge(self, failure: Failure, job: Job) -> HeadraceError | None:
        """Why the run must stop, or None where only this job fails."""
        if failure.status == 401:
            return KeyRefusedError(
                f"the gateway refused the key; check {self._account.key_variable} "
                f"(it said: {failure.message})"
            )
        plain = _names_money(failure)
        of_money = plain is not None or failure.status in (402, 403)
        if of_money and (empty := await self._find_empty_fund(plain)) is not None:
            return OutOfMoneyError(
                f"{empty.name} is spent; top up or wait for the reset{RESUME} (it said: "
                f"{failure.message})",
                resets_at=empty.resets_at,
            )
        return self._all_alike(failure, job)

    def _all_alike(self, failure: Failure, job: Job) -> HeadraceError | None:
        """Whether the first jobs of this url and model are all refused in the same way."""
        kind = job.url, job.model
        known = self._alike.get(kind)
        if (kind in self._alike and known is None) or self._worked_before:
            return None
        status = failure.status
        if status is None or not 400 <= status < 500 or status in _OTHERWISE or failure.final:
            return None
        if failure.retried:  # by its x-should-retry: the service expects to answer soon
            return None
        words = f"{failure.code or ''} {failure.message}"
        if status == 400 and _OF_THE_CONTENT.search(words):
            self._alike[kind] = None
            return None
        signature = (status, failure.code, masked(failure.message))
        if known is not None and known.signature != signature:
            self._alike[kind] = None
            return None
        jobs = (frozenset() if known is None else known.jobs) | {job.index}
        self._alike[kind] = _Alike(signature, jobs)
        if len(jobs) < ALIKE_JOBS:
            return None
        what = f"the first {ALIKE_JOBS} jobs of {job.model} at {job.url}"
        if status == 403:
            return KeyRefusedError(
                f"the gateway answered 403 to {what}; check what the key may do "
                f"(it said: {failure.message})"
            )
        return JobsRefusedError(
            f"the service answered {status} to {what}; check the model, the url and "
            f"{self._account.url_setting} (it said: {failure.message})"
        )

    async def _find_empty_fund(self, plain: str | None) -> EmptyFund | None:
        """What has nothing left by a reading of the account, else by the answer's own words."""
        async with self._reading:
            if trio.current_time() - self._read_at_s > FRESH_S:
                try:
                    reading = await self._account.read("during", spent=self._totals.spent)
                except KeyRefusedError:
                    return None
                self._recorder.reading(reading)
                self._empty_fund = empty_fund(reading)
                self._read_at_s = trio.current_time()
        if self._empty_fund is None and plain is not None:
            return EmptyFund(plain, None)
        return self._empty_fund


def _names_money(failure: Failure) -> str | None:
    """What a refusal plainly says is spent, in words; None where it doesn't say so."""
    code, message = (failure.code or "").lower(), failure.message
    if code == "insufficient_quota":
        return "the account's quota"
    if failure.status == 400 and "credit balance" in message.lower():
        return "the credit balance"
    by_code = code.startswith("billing_") and failure.status in (400, 402, 403, 429)
    if (failure.status in (402, 403) or by_code) and (found := NAMES_MONEY.search(message)):
        return f"the {(found[1] or found[2]).lower()}"
    return None
