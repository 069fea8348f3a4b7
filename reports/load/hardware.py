"""What answers cost on hardware of one's own, which is paid for by the hour."""

from decimal import Context, Decimal

from headrace.jobs import LoadFacts

from .figures import HardwareCost, Rates

SECONDS = Decimal(3600)
MILLION = Decimal(10**6)
PLACES = Decimal("0.000001")
# Holds whatever an hour may cost, and an answer in a year.
WIDE = Context(prec=100)


def hardware_cost(facts: LoadFacts, rates: Rates | None) -> HardwareCost | None:
    """None where no cost per hour was given, or no rate is known."""
    if facts.cost_per_hour is None or rates is None:
        return None
    tokens_per_s = rates.input_tokens_per_s + rates.output_tokens_per_s
    return HardwareCost(
        per_hour=facts.cost_per_hour,
        per_million_output_tokens=_for(MILLION, facts.cost_per_hour, rates.output_tokens_per_s),
        per_million_tokens=_for(MILLION, facts.cost_per_hour, tokens_per_s),
        per_thousand_requests=_for(Decimal(1000), facts.cost_per_hour, rates.requests_per_s),
    )


def _for(number: Decimal, per_hour: Decimal, per_s: float) -> Decimal | None:
    """What so many cost where so many a second come of what is paid for by the hour."""
    if not per_s:
        return None
    each = WIDE.divide(WIDE.multiply(per_hour, number), WIDE.multiply(SECONDS, Decimal(per_s)))
    return each.quantize(PLACES, context=WIDE)
