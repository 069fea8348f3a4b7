"""The money guards against the gateway's own charges: random prices, lengths and faults."""

import json
import random
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace import gateway
from headrace.gateway import Gateway
from headrace.jobs import Forecaster, JobReader, Price, PriceTable
from headrace.runner.bulk.forecast import forecast_file
from tests.runner.conftest import Bench, Ran
from tests.runner.three_services import OfGateway, run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")

TEXT, PICTURES = "deepseek-v4-flash", "gpt-image-2"
# Billed or free, but none that charges for what it calls an error: that is no one's to foresee.
FAULTS = (
    "429=0.05,500=0.05,502=0.03,reset=0.03,reset-after-head=0.03,cut=0.05,cut-usage=0.05,"
    "cut-done=0.03,malformed=0.03,no-usage=0.03,400=0.02,stall;for=121s=0.02"
)


NAMES = "abc"
seeds = st.integers(0, 2**32)
settled = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Scene:
    """A gateway with prices of its own, drawn from one seed."""

    def __init__(self, bench: Bench, rng: random.Random, seed: int, *, balance: Decimal) -> None:
        amounts = [Decimal(rng.randrange(1, 10**7)).scaleb(-6) for _ in range(5)]
        given, cached, made, search, piece = amounts
        self.prices = PriceTable(
            currency="CNY",
            models={
                TEXT: Price(input=given, cached_input=cached, output=made, search_request=search),
                PICTURES: Price(images={"default": piece}),
            },
        )
        self.gateway: Gateway = bench.gateway(
            seed=seed,
            keys=(gateway.Key(secret=f"sk-{seed}", id="1", name="k"),),
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

    @property
    def charged(self) -> Decimal:
        """What the gateway took, by its own log."""
        return sum((row.charge or Decimal(0) for row in self.gateway.log_rows), Decimal(0))

    def charged_for(self, request_ids: set[str]) -> Decimal:
        rows = (row for row in self.gateway.log_rows if row.request_id in request_ids)
        return sum((row.charge or Decimal(0) for row in rows), Decimal(0))

    @property
    def posts(self) -> int:
        return sum(row.method == "POST" for row in self.gateway.log_rows)

    def write_prices(self, path: Path) -> str:
        text, pictures = self.prices.models[TEXT], self.prices.models[PICTURES]
        path.write_text(
            f'currency = "CNY"\n[models."{TEXT}"]\ninput = {text.input:f}\n'
            f"cached_input = {text.cached_input:f}\noutput = {text.output:f}\n"
            f'search_request = {text.search_request:f}\n[models."{PICTURES}"]\n'
            f"images = {{ default = {pictures.images['default']:f} }}\n"
        )
        return str(path)


class Scenes:
    """A job file, and the only gateway, or several as the services that share its jobs out; all
    drawn from one seed. `balance` is of the n-th, for n from 0; others have plenty."""

    def __init__(
        self,
        bench: Bench,
        monkeypatch: pytest.MonkeyPatch,
        seed: int,
        count: int,
        balance: Mapping[int, Decimal] | None = None,
    ) -> None:
        rng = random.Random(seed)
        shutil.rmtree(bench.directory, ignore_errors=True)
        self._bench = bench
        self._monkeypatch = monkeypatch
        self._seed = seed
        left = balance or {}
        self.each = [
            Scene(bench, rng, seed + n, balance=left.get(n, Decimal(10**6))) for n in range(count)
        ]
        bench.write(*(self._line(rng, n) for n in range(rng.randint(5, 25) * min(count, 2))))

    async def run(self, **fields: Any) -> Ran:
        """Run the file."""
        if len(self.each) == 1:
            (only,) = self.each
            return await self._bench.run_on(
                only.gateway, prices=only.prices, seed=self._seed, **fields
            )
        named = dict(zip(NAMES, self.each, strict=False))
        tables = [
            table(
                name,
                TEXT,
                PICTURES,
                weight=1,
                prices=each.write_prices(self._bench.path / f"{name}.toml"),
            )
            for name, each in named.items()
        ]
        services = {name: OfGateway(each.gateway) for name, each in named.items()}
        return await run_services(
            self._bench,
            services,
            *tables,
            monkeypatch=self._monkeypatch,
            seed=self._seed,
            **fields,
        )

    @property
    def charged(self) -> Decimal:
        """What all of them took."""
        return sum((each.charged for each in self.each), Decimal(0))

    def charged_for_answers(self, ran: Ran) -> Decimal:
        """What all of them took for attempts whose cost is known."""
        known = ran.attempts.filter(pl.col("cost").is_not_null())
        of_each = [known.filter(pl.col("service").fill_null("a") == name) for name in NAMES]
        return sum(
            (
                each.charged_for({*own["request_id"]})
                for each, own in zip(self.each, of_each, strict=False)
            ),
            Decimal(0),
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


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
@settled
@given(seed=seeds, share=st.floats(0.01, 1.2), concurrency=st.integers(1, 8))
async def test_max_cost_is_never_exceeded_by_what_the_gateways_charged(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    count: int,
    seed: int,
    share: float,
    concurrency: int,
) -> None:
    """What was cut, lost or not priced was charged as well: its bound is kept."""
    free = Scenes(bench, monkeypatch, seed, count)
    await free.run()
    scenes = Scenes(bench, monkeypatch, seed, count)
    cap = max(free.charged * Decimal(share), Decimal("0.000001")).quantize(Decimal("1e-6"))
    ran = await scenes.run(max_cost=cap, concurrency=concurrency)
    assert ran.outcome.cost <= scenes.charged <= cap
    assert ran.outcome.cost == scenes.charged_for_answers(ran)
    assert ran.outcome.exit_code in (0, 1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
@settled
@given(seed=seeds, share=st.floats(0.01, 1.2))
async def test_the_implied_bound_never_overdraws_a_balance(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    count: int,
    seed: int,
    share: float,
) -> None:
    """Of several services the first has little: the others' jobs are all sent."""
    free = Scenes(bench, monkeypatch, seed, count)
    await free.run()
    there = max(free.each[0].charged * Decimal(share), Decimal("0.000001"))
    there = there.quantize(Decimal("1e-6"))
    scenes = Scenes(bench, monkeypatch, seed, count, {0: there})
    ran = await scenes.run()
    poor, *others = scenes.each
    assert ran.outcome.cost <= scenes.charged
    assert poor.charged <= there
    assert poor.gateway.ledger.balance == there - poor.charged
    assert ran.outcome.exit_code in (0, 1, 3)
    assert [each.charged for each in others] == [each.charged for each in free.each[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
@settled
@given(seed=seeds, share=st.floats(0.01, 0.999))
async def test_estimate_first_sends_nothing_where_even_the_least_is_too_much(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    count: int,
    seed: int,
    share: float,
) -> None:
    """Of several services, nothing to the one whose least that is."""
    enough = Scenes(bench, monkeypatch, seed, count)
    ran = await enough.run(estimate_first=True)
    assert ran.attempts.height > 0
    sent = ran.results.filter(pl.col("service").is_null() | (pl.col("service") == "a"))
    rows = bench.jobs.read_bytes().splitlines(keepends=True)
    own = bench.path / "own.jsonl"
    own.write_bytes(b"".join(rows[n] for n in sent["index"]))
    forecaster = Forecaster(enough.each[0].prices)
    least = forecast_file(str(own), forecaster, reader_of=JobReader).total.cost_least
    there = max((least or 0) * Decimal(share), Decimal("0.000001")).quantize(Decimal("1e-6"))
    scenes = Scenes(bench, monkeypatch, seed, count, {0: there})
    ran = await scenes.run(estimate_first=True)
    if least is not None and there < least:
        assert ran.outcome.exit_code == 3
        assert scenes.each[0].posts == 0
    assert [each.posts > 0 for each in scenes.each[1:]] == [True] * (count - 1)
