"""Answers held against the form that they must have, and jobs that are asked again.

Only where a run has a schema: no other run has one of these.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from headrace.jobs import CostBounds, Form, Reask, TooLongError, asked_again

from .answers import tool_input
from .offload import LONG_BYTES, Offload
from .outcome import AttemptOutcome
from .pending import Pending


class Again(NamedTuple):
    """A job that is to be asked again: with what it is sent, and the answer that it had."""

    pending: Pending
    reask: Reask


class FormCheck:
    """Says whether answers fit, and what follows where they don't.

    Args:
        form: what they have to fit.
        reasks: how often a job is asked again.
        deadline_s: how long after its first due time a job may be.
        bounds: the most that an attempt can cost; None without prices.
        offload: for looks that take long.
    """

    def __init__(
        self,
        form: Form,
        *,
        reasks: int,
        deadline_s: float,
        bounds: CostBounds | None,
        offload: Offload,
    ) -> None:
        self._form = form
        self._reasks = reasks
        self._deadline_s = deadline_s
        self._bounds = bounds
        self._offload = offload

    async def look(self, outcome: AttemptOutcome) -> None:
        """Put the JSON of the answer in the place of its text, and note in `unfit` what is wrong
        with it. A long answer, or one that takes long, is looked at off the loop."""
        answer = outcome.answer
        assert answer is not None
        size = len(outcome.response or "")
        text: str | None = await self._where(size, partial(self._text, outcome))
        answer.text = text
        look = partial(self._form.fault, text)
        try:
            fault = (
                await self._offload(look)
                if size > LONG_BYTES
                else self._form.fault(text, soon=True)
            )
        except TooLongError:
            fault = await self._offload(look)
        if fault is not None and answer.finish_reason == "length":
            fault = f"the answer was cut at its limit of tokens; {fault}"
        outcome.unfit = fault

    async def _where(self, size: int, work: Callable[[], str | None]) -> str | None:
        return await self._offload(work) if size > LONG_BYTES else work()

    def _text(self, outcome: AttemptOutcome) -> str | None:
        said = outcome.answer.text if outcome.answer is not None else None
        if self._form.by == "tool":
            given = tool_input(outcome.response)
            return said if given is None else given
        return None if said is None else self._form.bare(said)

    def may_ask(self, pending: Pending, *, due_s: float, now_s: float) -> bool:
        """Whether a job is asked again whose answer does not fit: it has not been asked often
        enough, and its time is not over. `due_s` is when the attempt was due."""
        if pending.asked_again >= self._reasks:
            return False
        first_due_s = due_s if pending.first_due_s is None else pending.first_due_s
        return now_s <= first_due_s + self._deadline_s

    async def again(self, pending: Pending, outcome: AttemptOutcome) -> Again:
        """How a job continues whose answer does not fit. What is long is put together off the
        loop."""
        assert outcome.unfit is not None
        assert outcome.answer is not None
        reask = Reask(
            index=pending.job.index,
            attempt=pending.made,
            text=outcome.answer.text,
            why=outcome.unfit,
        )
        make = partial(self._next, pending, reask)
        long = len(pending.job.body) + len(reask.text or "") > LONG_BYTES
        return Again(await self._offload(make) if long else make(), reask)

    def _next(self, pending: Pending, reask: Reask) -> Pending:
        job = asked_again(pending.job, text=reask.text, why=reask.why)
        return Pending(
            job,
            pending.made,
            None if self._bounds is None else self._bounds.of(job),
            pending.replaces,
            pending.charged,
            pending.unprocessed,
            pending.first_due_s,
            pending.asked_again + 1,
        )
