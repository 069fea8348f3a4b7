"""Three gateways on loopback as the services of a run, each with a key and an account of its own.

Their ledgers say what each charged: `fine` shows it with all decimals, `coarse` with two, and
`dark` has no balance to show.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from headrace.gateway import ModelPrice, PriceTable
from headrace.gateway.errors import ApiError
from tests.loopback import MODEL, Loopback, loopback
from tests.runner.three_services import OfGateway

AS_NUMBERS = msgspec.json.Encoder(decimal_format="number")
# Prices of a million tokens, in and out, and the decimals that the balance is shown with.
SERVICES: dict[str, tuple[str, str, int | None]] = {
    "fine": ("1.234567", "7.654321", None),
    "coarse": ("100.5", "20000.25", 2),
    "dark": ("3", "9", 0),
}


@contextmanager
def three_gateways(
    folder: Path, environment: Any, **settings: Any
) -> Iterator[dict[str, Loopback]]:
    """Serve until the block ends, with a headrace.toml in `folder` that names them.

    Args:
        folder: where headrace.toml and the price files are written.
        environment: sets a variable, such as `monkeypatch.setenv`.
        settings: of each gateway.
    """
    tables, served = [], dict[str, Loopback]()
    with ExitStack() as opened:
        for name, (price_in, price_out, shown) in SERVICES.items():
            price = ModelPrice(input=Decimal(price_in), output=Decimal(price_out))
            table = PriceTable(currency="CNY", models={MODEL: price})
            seed = len(served) + 1
            here = opened.enter_context(loopback(prices=table, seed=seed, **settings))
            show_balance(here, shown)
            served[name] = here
            variable = f"{name.upper()}_KEY"
            environment(variable, here.key)
            (folder / f"{name}.toml").write_text(
                f'currency = "CNY"\n[models."{MODEL}"]\ninput = {price_in}\noutput = {price_out}\n'
            )
            tables.append(
                f'[[services]]\nname = "{name}"\nbase-url = "{here.url}"\nmodels = ["{MODEL}"]\n'
                f'key-variable = "{variable}"\nweight = 1\nprices = "{name}.toml"\n'
                'rpm = "none"\ntpm = "none"\n'
            )
        (folder / "headrace.toml").write_text("\n".join(tables))
        yield served


def show_balance(served: Loopback | OfGateway, places: int | None) -> None:
    """Have a gateway show amounts with so many decimals: None for all, 0 for no balance at all."""
    read = served.gateway._read

    def shown(writer: Any) -> tuple[str, bytes]:
        kind, body = read(writer)
        if places is None or writer.request.path != "/v1/balance":
            return kind, body
        if not places:
            raise ApiError(404, "There is nothing here.", code="NOT_FOUND")
        unit = Decimal(1).scaleb(-places)
        found = json.loads(body, parse_float=Decimal)
        found["balance"] = Decimal(found["balance"]).quantize(unit)
        used = found["api_key"]["daily_used"]
        if used is not None:
            found["api_key"]["daily_used"] = Decimal(used).quantize(unit)
        return kind, AS_NUMBERS.encode(found)

    served.gateway._read = shown  # type: ignore[method-assign]
