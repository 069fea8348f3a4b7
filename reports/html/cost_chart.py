"""The balance check as a waterfall: what each model cost, the sum, and what the account says."""

from decimal import Decimal
from typing import Any, NamedTuple

import altair as alt

from ..figures import Summary
from ..wording import endpoint, money
from .charts import BAD, GOOD, INK, PAUSE, SERIES, Chart, data, spec_of

STEPS_MAX = 9
BAR_HEIGHT = 42
NAME_PIXELS = 300
NAME_CHARACTERS_MAX = 40
COLOURS = {"cost": SERIES[0], "sum": INK, "account": GOOD, "difference": BAD, "elsewhere": PAUSE}


class WaterfallBar(NamedTuple):
    """A bar from one amount to another; `kind` is a key of `COLOURS`, `shown` its own amount."""

    name: str
    kind: str
    begin: Decimal
    end: Decimal

    @property
    def shown(self) -> Decimal:
        return self.end - self.begin


def cost_chart(summary: Summary) -> Chart | None:
    """The waterfall; None where no cost is known."""
    steps = waterfall(summary)
    if not steps:
        return None
    currency = summary.usage.currency
    chart = _draw(steps, currency or "")
    account = [step for step in steps if step.kind == "account"]
    said = f", {'; '.join(f'{step.name}: {money(step.end, currency)}' for step in account)}"
    total = next(step for step in steps if step.kind == "sum")
    return Chart(
        name="cost",
        title="From each model's cost to the account's",
        alt=(
            f"Each cost on top of the one before; computed in all: {money(total.end, currency)}"
            f"{said if account else ''}."
        ),
        spec=spec_of(chart, height=BAR_HEIGHT * len(steps)),
        columns=("step", f"amount, {currency}", "up to"),
        rows=[(step.name, money(step.shown, None), money(step.end, None)) for step in steps],
    )


def waterfall(summary: Summary) -> list[WaterfallBar]:
    """The steps: costs one on top of the other, their sum, and what the account shows."""
    steps: list[WaterfallBar] = []
    reached = Decimal(0)

    def step(name: str, kind: str, amount: Decimal) -> None:
        nonlocal reached
        steps.append(WaterfallBar(name, kind, reached, reached + amount))
        reached += amount

    def whole(name: str, kind: str, amount: Decimal) -> None:
        nonlocal reached
        steps.append(WaterfallBar(name, kind, Decimal(0), amount))
        reached = amount

    priced = [row for row in summary.usage.rows if row.cost is not None]
    for row in priced[:STEPS_MAX]:
        name = str(row.model)[:NAME_CHARACTERS_MAX]
        step(f"{name}, {endpoint(row.url or '')}", "cost", row.cost or Decimal(0))
    if others := priced[STEPS_MAX:]:
        step(
            f"{len(others)} others", "cost", sum((r.cost or Decimal(0) for r in others), Decimal(0))
        )
    if not steps:
        return []
    check = summary.balance
    if check.computed is not None and check.fall is not None and check.computed != reached:
        step("outside the readings", "elsewhere", check.computed - reached)
    whole("computed", "sum", reached)
    own = check.daily_rise if check.daily_rise is not None else check.monthly_rise
    said = check.taken
    if said is not None and abs(said - reached) > (check.tolerance or 0):
        if check.verdict == "differs":
            step("difference", "difference", said - reached)
        else:  # nothing is wrong as far as is known: answers have no cost, or services no prices
            step("in no cost", "elsewhere", said - reached)
    if own is not None:
        which = "daily" if check.daily_rise is not None else "monthly"
        whole(f"key's {which} use", "account", own)
    if check.elsewhere:
        step("other keys", "elsewhere", check.elsewhere)
    if check.topped_up:
        step("top-up", "elsewhere", -check.topped_up)
    if check.fall is not None:
        whole("fall of the balance", "account", check.fall)
    return steps


def _draw(steps: list[WaterfallBar], currency: str) -> Any:
    rows = [
        {
            "step": str(number),
            # Name and amount stand above the bar: beside it there is no room on a phone.
            "name": f"{step.name}: {money(step.shown, None)}",
            "kind": step.kind,
            "from": float(step.begin),
            "to": float(step.end),
        }
        for number, step in enumerate(steps)
    ]
    # Without labels, and still as wide as the axes of the other charts.
    axis = alt.Axis(title=" ", labels=False, ticks=False, domain=False, grid=False)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
        legend=None,
    )
    y = alt.Y("step:N", sort=[str(row["step"]) for row in rows], axis=axis)
    base = alt.Chart(data(rows))
    bars = base.mark_bar(height={"band": 0.36}, yOffset=8).encode(
        x=alt.X("from:Q", title=currency, axis=alt.Axis(tickCount=6)),
        x2="to:Q",
        y=y,
        color=colour,
    )
    names = base.mark_text(align="left", baseline="middle", yOffset=-9, limit=NAME_PIXELS)
    return alt.layer(bars, names.encode(x=alt.value(0), y=y, text="name:N"))
