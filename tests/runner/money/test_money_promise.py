"""The promise of --max-cost against the service's own ledger, over random prices, faults and lies.

    computed  <=  --max-cost + what the answers in flight together were billed beyond their bounds

In virtual time, over several sessions, some of them broken off.
"""

import json
import random
import shutil
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner import Stop
from headrace.runner.errors import InterruptError

pytestmark = pytest.mark.usefixtures("no_sync")

ALLOWANCE_TOKENS = 64 + 16  # a request's, and a message's


class Bill(NamedTuple):
    """What the service took for one request: when it came, when it was answered, and the bound that
    it could count on by its body."""

    came_s: float
    ended_s: float
    amount: Decimal
    bound: Decimal
    told: bool  # whether the answer said what it used

    @property
    def beyond(self) -> Decimal:
        return max(Decimal(0), self.amount - self.bound)


class Ledger:
    """A service that bills what it likes, and keeps the truth: the account, and each bill."""

    def __init__(
        self, service: Any, bench: Any, seed: int, *, honest: bool, slowest_s: float = 70.0
    ) -> None:
        self.slowest_s = slowest_s
        self.rng = rng = random.Random(seed)
        self.input, self.output, self.image = (
            Decimal(rng.randrange(1, 10**6)).scaleb(-3) for _ in range(3)
        )
        self.prices = PriceTable(
            currency="CNY",
            models={
                "m": Price(input=self.input, output=self.output),
                "p": Price(images={"default": self.image}),
            },
        )
        self.honest = honest
        self.bills: list[Bill] = []
        self.used = Decimal(0)
        self.shows = rng.choice(["use", "balance", "nothing"])
        self._service = service
        service.answer = self._answer
        service.balance = self._balance
        bench.write(*(self._line(bench, n) for n in range(rng.randint(2, 12))))

    def _line(self, bench: Any, number: int) -> bytes:
        rng = self.rng
        if rng.random() < 0.25:
            body = {"model": "p", "prompt": f"cat {number}", "n": rng.randint(1, 3)}
            line = {"custom_id": f"job-{number}", "url": "/v1/images/generations", "body": body}
            return json.dumps(line).encode()
        text = "x" * rng.randint(0, 80)
        made: bytes = bench.chat_line(
            f"job-{number}", text, max_tokens=rng.randint(1, 200), n=rng.randint(1, 2)
        )
        return made

    def _balance(self) -> Any:
        if self.shows == "nothing":
            return self._service.error(404)
        key = {"daily_used": f"{self.used:f}"} if self.shows == "use" else {}
        body = {"currency": "CNY", "balance": f"{10**6 - self.used:f}", "api_key": key}
        return self._service.fine()._replace(body=json.dumps(body).encode())

    async def _answer(self, seen: Any) -> Any:
        """An answer, or a failure that may be billed as well; what is billed is booked at its end,
        or just before."""
        rng, service = self.rng, self._service
        luck, delay_s = rng.random(), rng.choice([0.0, 0.5, 3.0, self.slowest_s])
        await trio.sleep(delay_s)
        asked = json.loads(seen.body)
        if luck < 0.1:
            return service.error(rng.choice([429, 400]))
        amount, bound, reply = self._used(asked, len(seen.body))
        told = luck > 0.3
        if not told:
            amount = min(amount, bound) * rng.choice([0, 1])
        self.used += amount
        self.bills.append(Bill(seen.at_s, trio.current_time(), amount, bound, told))
        if not told:
            reply = service.error(rng.choice([500, 504])) if luck < 0.2 else service.fine()
            return reply if luck < 0.2 else reply._replace(body=None)
        return reply

    def _used(self, asked: dict[str, Any], size_bytes: int) -> tuple[Decimal, Decimal, Any]:
        rng, service = self.rng, self._service
        lies = not self.honest and rng.random() < 0.3
        if asked["model"] == "p":
            count = asked["n"] + (rng.randint(1, 4) if lies else 0)
            data = {"data": [{"url": f"https://a.test/{k}"} for k in range(count)]}
            reply = service.fine()._replace(body=json.dumps(data).encode())
            return count * self.image, asked["n"] * self.image, reply
        most = size_bytes + ALLOWANCE_TOKENS, asked["max_tokens"] * asked.get("n", 1)
        bound = (most[0] * self.input + most[1] * self.output) / 1_000_000
        given, made = rng.randint(1, most[0]), rng.randint(0, most[1])
        if lies:
            made = most[1] * rng.randint(2, 50)
        cost = (given * self.input + made * self.output) / 1_000_000
        return cost, bound, service.fine(input_tokens=given, output_tokens=made)

    def in_flight_excess(self) -> Decimal:
        """The most that answers in flight together were billed beyond their bounds."""
        return max(
            (
                sum(
                    (
                        other.beyond
                        for other in self.bills
                        if other.came_s <= each.ended_s and other.ended_s >= each.came_s
                    ),
                    Decimal(0),
                )
                for each in self.bills
            ),
            default=Decimal(0),
        )


async def interrupt_after(stop: Stop, seconds: float) -> None:
    await trio.sleep(seconds)
    stop.request(InterruptError("interrupted"))


class Course(NamedTuple):
    """How a run went, over all its sessions: the most that it went beyond what is promised, and
    whether it was stopped for a bill beyond its bound where none was."""

    beyond: Decimal
    accused: bool


async def sessions(
    bench: Any, service: Any, seed: int, *, honest: bool, share: float, workers: int, **fields: Any
) -> Course:
    """Up to three sessions against a ledger of its own, some of them broken off; with several
    workers one of them may be killed."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    # A request whose sender is dead is worked on to its end; a bill that comes more than a minute
    # later is beyond what the account is waited for.
    slowest_s = 70.0 if workers == 1 else 50.0
    ledger = Ledger(service, bench, seed, honest=honest, slowest_s=slowest_s)
    rng = random.Random(seed)
    each = (200 * ledger.input + 200 * ledger.output) / 1_000_000 + ledger.image
    cap = (each * Decimal(share) * 3).quantize(Decimal("1e-9")) + Decimal("1e-9")
    beyond: list[Decimal] = []
    accused: list[bool] = []
    for _ in range(rng.randint(1, 3)):
        stop = Stop(grace_s=0.0)
        kill = {1: rng.uniform(0, 9)} if workers > 1 and rng.random() < 0.5 else None
        async with trio.open_nursery() as nursery:
            if rng.random() < 0.4:
                nursery.start_soon(interrupt_after, stop, rng.choice([0.2, 2.0, 80.0]))
            ran = await bench.run(
                service,
                prices=ledger.prices,
                max_cost=cap,
                attempts=3,
                stop=stop,
                seed=seed,
                workers=workers,
                kill=kill,
                **fields,
            )
            nursery.cancel_scope.cancel()
        excess = ledger.in_flight_excess()
        beyond.append(max(ran.outcome.cost, ledger.used) - cap - excess)
        accused.append(not excess and "by its own usage" in (ran.outcome.reason or ""))
    return Course(max(beyond), any(accused))


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32),
    honest=st.booleans(),
    share=st.floats(0.05, 2.0),
    concurrency=st.integers(1, 6),
)
async def test_max_cost_is_exceeded_by_no_more_than_what_was_in_flight_together(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    seed: int,
    honest: bool,
    share: float,
    concurrency: int,
) -> None:
    """Also by what the account really lost: what has no bill is kept until the account says so."""
    course = await sessions(
        bench, service, seed, honest=honest, share=share, workers=1, concurrency=concurrency
    )
    assert course.beyond <= 0
    assert not course.accused


@pytest.mark.slow
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32),
    honest=st.booleans(),
    share=st.floats(0.05, 2.0),
    workers=st.integers(2, 4),
)
async def test_workers_keep_to_max_cost_together(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    seed: int,
    honest: bool,
    share: float,
    workers: int,
) -> None:
    """Whatever part of it each is lent, and where one of them is killed."""
    course = await sessions(
        bench, service, seed, honest=honest, share=share, workers=workers, concurrency=6
    )
    assert course.beyond <= 0
    assert not course.accused
