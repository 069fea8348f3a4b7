"""Accounts with secret prices: the project's own gateway, whose balance is shown with so many
decimals, and runs of headrace against it in virtual time."""

import json
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import trio
from trio.testing import memory_stream_pair

from headrace.gateway import Gateway, Key, LogRow, ModelPrice, PriceTable
from tests.runner.conftest import Bench, Ran
from tests.runner.network import Counted

CURRENCY = "CNY"
KEY = "sk-of-the-account"
Line = tuple[str, dict[str, Any]]  # a path and a body


class Distant(Counted):
    """A stream whose other end is 10 ms away."""

    async def receive_some(self, max_bytes: int | None = None) -> Any:
        data = await super().receive_some(max_bytes)
        await trio.sleep(0.01)
        return data


class SecretAccount:
    """A gateway with prices that nobody is told, and one run directory after another.

    Args:
        folder: where the run directories are made.
        prices: of its models.
        decimals: how many its amounts are shown with.
        rounding: how they come to have no more of them.
        budget: whether the key has one, so that what it used is shown, too.
        booked: what is charged in the place of an answer's cost.
    """

    def __init__(
        self,
        folder: Path,
        prices: dict[str, ModelPrice],
        *,
        decimals: int = 12,
        rounding: str = ROUND_HALF_EVEN,
        budget: bool = False,
        booked: Callable[[Decimal], Decimal] = lambda cost: cost,
        **config: Any,
    ) -> None:
        self._folder = folder
        self.runs: list[Path] = []
        self.used: list[list[LogRow]] = []  # the gateway's log of each run
        self.figures: list[list[Decimal]] = []  # what the account showed during each: what is left
        self.booked = booked
        self._seen: list[Decimal] = []
        key = Key(
            secret=KEY, id="7", name="secret", daily_budget=Decimal(10**9) if budget else None
        )
        self._bench = self._opened()
        self.gateway: Gateway = self._bench.gateway(
            keys=(key,),
            rpm=None,
            tpm=None,
            prices=PriceTable(currency=CURRENCY, models=prices),
            balance=Decimal("1234567.891234567891"),
            **config,
        )
        self._charge_as_booked()
        self._show(decimals, rounding)

    async def run(self, lines: Sequence[Line], **settings: Any) -> Path:
        """Send these, one at a time, as a run of its own."""
        bench = self._opened()
        logged, self._seen = len(self.gateway.log_rows), []
        bench.write(
            *(
                json.dumps({"custom_id": f"job-{n}", "url": path, "body": body}).encode()
                for n, (path, body) in enumerate(lines)
            )
        )

        async def over(nursery: trio.Nursery) -> Ran:
            async def connect(_origin: object) -> trio.abc.Stream:
                ours, theirs = memory_stream_pair()
                nursery.start_soon(self.gateway.serve_stream, theirs)
                return Distant(ours)

            return await bench.run_over(connect, KEY, **{"concurrency": 1, **settings})

        await bench.served(over)
        self.runs.append(bench.directory)
        self.used.append(self.gateway.log_rows[logged:])
        self.figures.append(self._seen)
        await trio.sleep(30)
        return bench.directory

    def spend_elsewhere(self, amount: Decimal) -> None:
        """As if somebody else used the key."""
        now_us = self.gateway.clock.unix_us()
        name = f"elsewhere-{len(self.gateway.ledger.charges)}"
        self.gateway.ledger.charge(self.gateway.keys[0], name, amount, now_us)

    def _opened(self) -> Bench:
        folder = self._folder / f"{len(self.runs):03}"
        folder.mkdir(parents=True, exist_ok=True)
        return Bench(folder, None)  # type: ignore[arg-type]

    def _charge_as_booked(self) -> None:
        charge = self.gateway.ledger.charge

        def booked(key: Key, request_id: str, amount: Decimal, now_us: int) -> None:
            charge(key, request_id, self.booked(amount), now_us)

        self.gateway.ledger.charge = booked  # type: ignore[method-assign]

    def _show(self, decimals: int, rounding: str) -> None:
        read, unit = self.gateway._read, Decimal(1).scaleb(-decimals)

        def shown(writer: Any) -> tuple[str, bytes]:
            kind, body = read(writer)
            if writer.request.path != "/v1/balance":
                return kind, body
            found = json.loads(body, parse_float=Decimal, parse_int=Decimal)
            for part in (found, found["api_key"]):
                for name, value in part.items():
                    if isinstance(value, Decimal):
                        part[name] = value.quantize(unit, rounding)
            used = found["api_key"]["daily_used"]
            self._seen.append(found["balance"] if used is None else -used)
            return kind, _with_numbers(found).encode()

        self.gateway._read = shown  # type: ignore[method-assign]


def _with_numbers(data: Any) -> str:
    """JSON whose amounts have all the decimals that they were given."""
    if isinstance(data, dict):
        return (
            "{" + ", ".join(f"{json.dumps(k)}: {_with_numbers(v)}" for k, v in data.items()) + "}"
        )
    return f"{data:f}" if isinstance(data, Decimal) else json.dumps(data)
