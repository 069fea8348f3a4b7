"""What answers cost on hardware of one's own, in words."""

from decimal import Decimal

from headrace.jobs import show_amount

from ..wording import money_to_read
from .figures import HardwareCost


def hardware_words(cost: HardwareCost) -> str:
    """One line for a report."""
    parts = [f"{amount} per {what}" for what, amount in hardware_rows(cost)]
    return f"at {show_amount(cost.per_hour)} an hour: {', '.join(parts)}"


def hardware_rows(cost: HardwareCost) -> list[tuple[str, str]]:
    """What of which costs how much."""
    return [
        ("million output tokens", _shown(cost.per_million_output_tokens)),
        ("million tokens in and out", _shown(cost.per_million_tokens)),
        ("thousand answers", _shown(cost.per_thousand_requests)),
    ]


def _shown(amount: Decimal | None) -> str:
    return money_to_read(amount, None)
