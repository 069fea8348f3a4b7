"""A gateway on loopback in a thread of the test, whose ledger and log the test can look at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import trio

from headrace.gateway import AnswerRule, Config, Gateway, LogRow, ModelPrice, PriceTable

MODEL = "deepseek-v4-flash"
PRICES = """\
currency = "CNY"

[models."deepseek-v4-flash"]
input = 1
output = 1000
"""


class Loopback:
    """A gateway that listens: at `url`, for `key`."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway = gateway
        self.url = url
        self.key = gateway.keys[0].secret
        self._answered = threading.Condition()
        gateway.log_to(self._log)

    def _log(self, row: LogRow) -> None:
        with self._answered:
            self.gateway.log_rows.append(row)
            self._answered.notify_all()

    def wait_for_posts(self, number: int) -> None:
        """Until so many were answered."""
        with self._answered:
            assert self._answered.wait_for(lambda: self.posts >= number, 30)

    @property
    def environment(self) -> dict[str, str]:
        """What to set to use it."""
        return {"HEADRACE_BASE_URL": self.url, "HEADRACE_API_KEY": self.key}

    @property
    def posts(self) -> int:
        """How many requests it has answered."""
        return sum(row.method == "POST" for row in self.gateway.log_rows)

    @property
    def charged(self) -> Decimal:
        """All that its ledger has charged."""
        return sum(self.gateway.ledger.charges.values(), Decimal(0))


@contextmanager
def loopback(*answers: AnswerRule, **settings: Any) -> Iterator[Loopback]:
    """Serve until the block ends. Without settings nothing is limited, and a token costs 1 CNY
    per million, or 1,000 where it was generated."""
    prices = PriceTable(
        currency="CNY", models={MODEL: ModelPrice(input=Decimal(1), output=Decimal(1000))}
    )
    defaults = {"rpm": None, "tpm": None, "cache": False, "prices": prices, "answers": answers}
    gateway = Gateway(Config(**{**defaults, **settings}))
    started, found = threading.Event(), dict[str, Any]()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            found["url"] = await nursery.start(_serving, gateway)
            found["end"] = nursery.cancel_scope.cancel
            found["token"] = trio.lowlevel.current_trio_token()
            started.set()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    try:
        assert started.wait(20)
        yield Loopback(gateway, found["url"])
    finally:
        found["token"].run_sync_soon(found["end"])
        thread.join()


async def _serving(gateway: Gateway, task_status: trio.TaskStatus[str]) -> None:
    await gateway.serve(task_status=task_status)


def write_prices(folder: Path) -> Path:
    """The prices of such a gateway, as a file."""
    path = folder / "prices.toml"
    path.write_text(PRICES)
    return path
