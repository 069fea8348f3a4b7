"""The money guards against the gateway's own charges: random prices, lengths and faults."""

import json
import random
import shutil
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace import gateway
from headrace.gateway import Gateway
from headrace.jobs import Forecaster, JobReader, Price, PriceTable
from headrace.runner.bulk.forecast import forecast_file
from tests.runner.conftest import Bench

pytestmark = pytest.mark.usefixtures("no_sync")

TEXT, PICTURES = "deepseek-v4-flash", "gpt-image-2"
# Billed or free, but none that charges for what it calls an error: that is no one's to foresee.
FAULTS = (
    "429=0.05,500=0.05,502=0.03,reset=0.03,reset-after-head=0.03,cut=0.05,cut-usage=0.05,"
    "cut-done=0.03,malformed=0.03,no-usage=0.03,400=0.02,stall;for=121s=0.02"
)


seeds = st.integers(0, 2**32)
settled = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Scene:
    """A job file, and a gateway with prices of its own, all drawn from one seed."""

    def __init__(self, bench: Bench, seed: int, *, balance: Decimal = Decimal(10**6)) -> None:
        rng = random.Random(seed)
        shutil.rmtree(bench.directory, ignore_errors=True)
        amounts = [Decimal(rng.randrange(1, 10**7)).scaleb(-6) for _ in range(5)]
        given, cached, made, search, piece = amounts
        self.prices = PriceTable(
            currency="CNY",
            models={
                TEXT: Price(input=given, cached_input=cached, output=made, search_request=search),
                PICTURES: Price(images={"default": piece}),
            },
        )
        bench.write(*(self._line(rng, n) for n in range(rng.randint(5, 25))))
        self.gateway: Gateway = bench.gateway(
            seed=seed,
            keys=(gateway.Key(secret="sk-1", id="1", name="k"),),
            rpm=None,
            tpm=None,
            balance=balance,
            faults=gateway.parse_faults(FAULTS),
            output_tokens=rng.randint(1, 120),
            prices=gateway.PriceTable(
                models={
                    TEXT: gateway.ModelPrice(
                        input=given, cached_input=cached, output=made, search_request=search
                    ),
                    PICTURES: gateway.ModelPrice(images={"default": piece}),
                },
            ),
        )

    @staticmethod
    def _line(rng: random.Random, n: int) -> bytes:
        kind = rng.choice(["chat", "chat", "messages", "search", "images"])
        url = {
            "chat": "/v1/chat/completions",
            "messages": "/v1/messages",
            "search": "/v1/search/completions",
            "images": "/v1/images/generations",
        }[kind]
        word = rng.choice(["word ", "字", "🙂", "x"])
        body: dict[str, Any] = {"model": TEXT, "max_tokens": rng.randint(1, 200)}
        body["messages"] = [{"role": "user", "content": f"{n} " + word * rng.randint(0, 400)}]
        body["stream"] = rng.random() < 0.5
        if kind == "images":
            body = {"model": PICTURES, "prompt": f"cat {n}", "n": rng.randint(1, 3)}
        line = {"custom_id": f"job-{n}", "url": url, "body": body}
        return json.dumps(line, ensure_ascii=rng.random() < 0.5).encode()

    @property
    def charged(self) -> Decimal:
        """What the gateway took, by its own log."""
        return sum((row.charge or Decimal(0) for row in self.gateway.log_rows), Decimal(0))

    def charged_for(self, request_ids: set[str]) -> Decimal:
        rows = (row for row in self.gateway.log_rows if row.request_id in request_ids)
        return sum((row.charge or Decimal(0) for row in rows), Decimal(0))


def answered(ran: Any) -> set[str]:
    """The request ids of the attempts whose cost is known."""
    return set(ran.attempts.filter(ran.attempts["cost"].is_not_null())["request_id"])


@pytest.mark.slow
@settled
@given(seed=seeds, share=st.floats(0.01, 1.2), concurrency=st.integers(1, 8))
async def test_max_cost_is_never_exceeded_by_what_the_gateway_charged(
    bench: Bench, autojump_clock: MockClock, seed: int, share: float, concurrency: int
) -> None:
    """What was cut, lost or not priced was charged as well: its bound is kept."""
    free = Scene(bench, seed)
    ran = await bench.run_on(free.gateway, prices=free.prices, seed=seed)
    whole = free.charged
    scene = Scene(bench, seed)
    cap = max(whole * Decimal(share), Decimal("0.000001")).quantize(Decimal("1e-6"))
    ran = await bench.run_on(
        scene.gateway, prices=scene.prices, max_cost=cap, concurrency=concurrency, seed=seed
    )
    assert ran.outcome.cost <= scene.charged <= cap
    assert ran.outcome.cost == scene.charged_for(answered(ran))
    assert ran.outcome.exit_code in (0, 1, 3)


@pytest.mark.slow
@settled
@given(seed=seeds, share=st.floats(0.01, 1.2))
async def test_the_implied_bound_never_overdraws_the_balance(
    bench: Bench, autojump_clock: MockClock, seed: int, share: float
) -> None:
    free = Scene(bench, seed)
    await bench.run_on(free.gateway, prices=free.prices, seed=seed)
    there = max(free.charged * Decimal(share), Decimal("0.000001")).quantize(Decimal("1e-6"))
    scene = Scene(bench, seed, balance=there)
    ran = await bench.run_on(scene.gateway, prices=scene.prices, seed=seed)
    assert ran.outcome.cost <= scene.charged <= there
    assert scene.gateway.ledger.balance == there - scene.charged
    assert ran.outcome.exit_code in (0, 1, 3)


@pytest.mark.slow
@settled
@given(seed=seeds, share=st.floats(0.01, 0.999))
async def test_estimate_first_sends_nothing_where_even_the_least_is_too_much(
    bench: Bench, autojump_clock: MockClock, seed: int, share: float
) -> None:
    prices = Scene(bench, seed).prices
    least = forecast_file(str(bench.jobs), Forecaster(prices), reader_of=JobReader).total.cost_least
    assert least is not None
    there = max(least * Decimal(share), Decimal("0.000001")).quantize(Decimal("1e-6"))
    poor = Scene(bench, seed, balance=there)
    ran = await bench.run_on(poor.gateway, prices=poor.prices, seed=seed, estimate_first=True)
    if there < least:
        assert (ran.outcome.exit_code, ran.attempts.height) == (3, 0)
        assert [row for row in poor.gateway.log_rows if row.method == "POST"] == []
    enough = Scene(bench, seed)
    ran = await bench.run_on(enough.gateway, prices=enough.prices, seed=seed, estimate_first=True)
    assert ran.attempts.height > 0
