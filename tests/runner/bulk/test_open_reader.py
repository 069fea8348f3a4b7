"""A job file as a run of several services reads it: what it costs, and what is refused."""

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import InputError
from tests.runner.conftest import Bench, Service, chat_line
from tests.runner.three_services import run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")


async def test_a_file_is_estimated_by_the_prices_of_its_services_before_anything_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, autojump_clock: MockClock
) -> None:
    run = partial(run_services, bench, {name: Service() for name in "ab"}, monkeypatch=monkeypatch)
    for name, price in (("a", 1), ("b", 1000)):
        text = f'currency = "CNY"\n[models.m]\ninput = 0\noutput = {price}\n'
        (tmp_path / f"{name}.toml").write_text(text + text.split("\n", 1)[1].replace("m]", "y]"))
    priced = [
        each | {"prices": str(tmp_path / f"{each['name']}.toml")}
        for each in (table("a", "m"), table("b", "y"))
    ]
    bench.write(*(chat_line(each, each, model=each) for each in ("m", "y", "none")))
    told: list[Any] = []
    ran = await run(*priced, estimate_first=True, show_estimate=told.append)
    (forecast,) = told
    costs = {row.model: row.cost_least for row in forecast.rows}
    assert costs == {"m": Decimal("0.000001"), "y": Decimal("0.001")}
    assert (forecast.currency, forecast.bad_lines) == ("CNY", 1)
    assert ran.outcome.succeeded == 2
    with pytest.raises(InputError, match="1 bad line, and nothing was sent") as refused:
        await run(*priced, strict=True)
    assert "no service has the model 'none'" in refused.value.details[0]
