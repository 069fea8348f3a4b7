"""A lane: what shares one limiter, one cool-down and one judgement of whether the service is up.

Three things hold a request back, and one place waits for them all: the limits, a cool-down that a
429 asked for, and an outage during which one job at a time goes out to see whether it is over.
"""

import random
from collections.abc import Callable
from typing import ClassVar

import trio

from headrace.jobs import OUTAGE_AFTER

from ..notify import Notifier
from ..retries import Failure, backoff_max_s
from .limiter import Grant, Limiter

# 503 that comes within so long of an answer is a limit, not an outage.
BETWEEN_ANSWERS_S = 60.0
# For so long after an answer, a job that outlasts a limit on the way says nothing of the service.
ANSWERS_COME_S = 600.0


class Lane:
    """Lets requests out one by one, in the order of the calls; one task waits and takes.

    `model` is the one whose lane it is, None where others share it; `service` the name of that of
    several services that it leads to. `outage_limit_s` is how long an outage may last before
    `outage_over_limit` is set.
    """

    limiter_kind: ClassVar[type[Limiter]] = Limiter

    def __init__(
        self,
        limiter: Limiter,
        *,
        deadline_s: float,
        outage_limit_s: float,
        rng: random.Random,
        model: str | None = None,
        service: str | None = None,
    ) -> None:
        self.limiter = limiter
        self.model = model
        self.service = service
        self.sent = 0  # requests, and the tokens of their answers, in this session
        self.used_tokens = 0
        self.cool_downs = 0
        self.cool_down_s = 0.0
        self.outage_since_s: float | None = None
        self.outage_over_limit = trio.Event()
        self._deadline_s = deadline_s
        self.outage_limit_s = outage_limit_s
        self._rng = rng
        self._cool_from_s = float("-inf")
        self._cool_until_s = float("-inf")
        self._refusals = 0  # cool-downs since the last answer that was none
        self._failures = 0  # of the service, in a row
        self._probes = 0
        self._probe_at_s = float("-inf")
        self._probe: Grant | None = None
        self._answered_at_s = float("-inf")
        self._changed = Notifier()

    @property
    def held_until_s(self) -> float:
        """When the cool-down ends; -inf where there was none."""
        return self._cool_until_s

    def hold_until(self, until_s: float) -> None:
        """Stand for a lane of others, which a cool-down holds until then."""
        self._cool_until_s = max(self._cool_until_s, until_s)

    async def until_ready(self, need_tokens: Callable[[], int]) -> None:
        """Wait until a request may leave. What it needs is asked anew at each look, since the
        answers that come meanwhile teach the estimates."""
        # Each look has one reading of the clock: what may leave at once is ready then, not before.
        while (ready_s := self._ready_at_s(now_s := trio.current_time(), need_tokens())) > now_s:
            with trio.move_on_at(ready_s):
                await self._changed.wait()

    def take(self, now_s: float, tokens: int) -> Grant | None:
        """Count a request of `tokens` as sent now; None where it may not leave."""
        if self._ready_at_s(now_s, tokens) > now_s:
            return None
        grant = self.limiter.take(now_s, tokens)
        if self.outage_since_s is not None:
            self._probe = grant
        return grant

    def _ready_at_s(self, now_s: float, tokens: int) -> float:
        ready_s = self.limiter.ready_at_s(now_s, tokens)
        if self._cool_until_s > ready_s:
            ready_s = self._cool_until_s
        if self.outage_since_s is not None:
            ready_s = float("inf") if self._probe else max(ready_s, self._probe_at_s)
        return ready_s

    def apply_service_limit(self, *, rpm: int | None, tpm: int | None) -> None:
        """An answer named the requests or the tokens per minute that the service allows."""
        now_s = trio.current_time()
        if rpm is not None:
            self.limiter.lower_rpm(rpm, now_s)
        if tpm is not None:
            self.limiter.lower_tpm(tpm, now_s)

    def answered(self, grant: Grant, *, used_tokens: int | None, now_s: float) -> None:
        """A whole answer came: its usage takes the reservation's place (None: it keeps its own)."""
        self._refusals = 0
        self._answered_at_s = now_s
        self._service_is_up()
        if used_tokens is not None:
            self._settle(grant, used_tokens, now_s)
            self.used_tokens += used_tokens

    def failed(
        self,
        grant: Grant,
        failure: Failure,
        *,
        sent_at_s: float | None,
        remaining: int | None = None,
    ) -> None:
        """An attempt failed. An answer gives its tokens back; silence keeps them.

        `remaining` is what X-RateLimit-Remaining said of the requests in this minute.
        """
        now_s = trio.current_time()
        if failure.kind == "http" or failure.unprocessed:
            self._settle(grant, 0, now_s)
        between_answers = now_s - self._answered_at_s <= BETWEEN_ANSWERS_S
        # A proxy that limits requests says 503 as soon as it says 429 (nginx's limit_req does).
        if failure.status == 429 or (failure.status == 503 and between_answers):
            grant.refused = True
            known = self.cool_downs
            self._cool_down(failure.retry_after_s, sent_at_s=sent_at_s, now_s=now_s)
            if remaining == 0 and self.cool_downs > known:
                self._none_left(now_s)
        if self.took_too_long(failure, sent_at_s=sent_at_s) and self.answers_come:
            self._release_probe(grant)  # the job takes too long; the service is there
        elif failure.of_service:
            self._service_failed(grant, now_s)
        else:
            # A refusal, or a 200 that holds no answer: whatever it says, the service says it. A
            # probe that told neither would never be followed by another.
            self._service_is_up()

    @property
    def answers_come(self) -> bool:
        """Whether the service has answered in the last minutes."""
        return trio.current_time() - self._answered_at_s <= ANSWERS_COME_S

    @staticmethod
    def took_too_long(failure: Failure, *, sent_at_s: float | None) -> bool:
        """Whether something on the way gave up on the job, long after it was sent."""
        waited_s = None if sent_at_s is None else trio.current_time() - sent_at_s
        return failure.took_too_long(waited_s)

    def _none_left(self, now_s: float) -> None:
        """A refusal said that the minute holds no more requests."""
        self.limiter.share(now_s)

    def _release_probe(self, grant: Grant) -> None:
        """Let another probe follow this one, should it have been one."""
        if grant is self._probe:
            self._probe = None
            self._changed.notify_all()

    def _settle(self, grant: Grant, used_tokens: int, now_s: float) -> None:
        self.limiter.settle(grant, used_tokens=used_tokens, now_s=now_s)
        self._changed.notify_all()

    def _cool_down(self, asked_s: float | None, *, sent_at_s: float | None, now_s: float) -> None:
        """One cool-down for the lane: an attempt sent before it began can only lengthen it."""
        same = sent_at_s is not None and sent_at_s <= self._cool_from_s
        if same and asked_s is None:
            return
        if not same:
            self._refusals += 1
            self.cool_downs += 1
            self._cool_from_s = now_s
        if asked_s is None or asked_s > self._deadline_s:
            # Nobody waits that long: the job that was told so fails, the others try again.
            asked_s = self._rng.uniform(0, backoff_max_s(self._refusals))
        until_s = max(self._cool_until_s, now_s + asked_s)
        self.cool_down_s += until_s - max(now_s, self._cool_until_s)
        self._cool_until_s = until_s
        self._changed.notify_all()

    def _service_failed(self, grant: Grant, now_s: float) -> None:
        self._failures += 1
        if self.outage_since_s is None:
            if self._failures < OUTAGE_AFTER:
                return
            self.outage_since_s = now_s
            self._probes = 0
        elif grant is self._probe:
            self._probe = None
            self._probes += 1
            if now_s - self.outage_since_s >= self.outage_limit_s:
                self.outage_over_limit.set()
        else:
            return  # sent before the outage was known
        self._probe_at_s = now_s + backoff_max_s(self._probes)
        self._changed.notify_all()

    def _service_is_up(self) -> None:
        self._failures = 0
        if self.outage_since_s is not None:
            self.outage_since_s = None
            self._probe = None
            self._changed.notify_all()
