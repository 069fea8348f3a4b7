"""A run of three services by hand, whose accounts were read in between one another."""

from decimal import Decimal
from typing import Any

from headrace.jobs import Price, PriceTable, Session
from tests.reports.conftest import RunMaker, at

# Charged by token, so that a job of 100 input and 10 output tokens costs 0.00012.
DEEP = PriceTable(currency="CNY", models={"deep": Price(input=Decimal(1), output=Decimal(2))})
SHARED = "both"


def job(made: RunMaker, index: int, service: str, cost: str, **fields: Any) -> None:
    """A job of a service, of 100 input and 10 output tokens."""
    usage = {"input_tokens": 100, "output_tokens": 10, "latency_s": 0.5, "model": SHARED}
    made.job(index, service=service, cost=Decimal(cost), **{**usage, **fields})


def three_services(made: RunMaker, **last: Any) -> RunMaker:
    """`fine` shows twelve decimals, `coarse` two, and `dark` nothing at all.

    `last` are fields of the last reading of `fine`.
    """
    made.prices = None
    for name in ("fine", "coarse", "dark"):
        made.service(name, SHARED, weight=1, prices=DEEP)
    made.reading(0, "10.000000000000", "0", service="fine", moment="before")
    made.reading(0, "500.00", "0", service="coarse", moment="before")
    made.reading(0, None, "0", service="dark", moment="before", error="GET answered 404")
    job(made, 1, "fine", "0.000123456789")
    job(made, 2, "coarse", "1.25", reported_cost=Decimal("1.26"))
    job(made, 3, "dark", "0.5")
    job(made, 4, "fine", "0.000000000001", status="failed", error_kind="http")
    made.reading(8, "498.75", "1.25", service="coarse", moment="after")
    fine = {"service": "fine", "moment": "after", **last}
    made.reading(9, fine.pop("balance", "9.999876543210"), "0.00012345679", **fine)
    made.reading(9, None, "0.5", service="dark", moment="after", error="GET answered 404")
    return made


def stopped(made: RunMaker, name: str, reason: str) -> None:
    """Write the run as one of which a service stopped."""
    made.manifest(
        Session(
            started_at=at(0),
            ended_at=at(60),
            state="stopped",
            reason=f"{name} stopped: {reason}",
            limits=made.limits,
            stopped_services={name: reason},
        )
    )
    made.seal()
