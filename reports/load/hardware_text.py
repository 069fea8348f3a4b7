"""What answers cost on hardware of one's own, in words."""

from headrace.jobs import show_amount

from ..wording import money_to_read
from .figures import HardwareCost


def hardware_words(cost: HardwareCost) -> str:
    """One line for a report."""
    parts = [f"{amount} per {what}" for what, amount in hardware_rows(cost)]
    return f"at {show_amount(cost.per_hour)} an hour: {', '.join(parts) or 'nothing was answered'}"


def hardware_rows(cost: HardwareCost) -> list[tuple[str, str]]:
    """What of which costs how much; without what there was none of, as of output."""
    amounts = [
        ("million output tokens", cost.per_million_output_tokens),
        ("million tokens in and out", cost.per_million_tokens),
        ("thousand answers", cost.per_thousand_requests),
    ]
    return [(what, money_to_read(each, None)) for what, each in amounts if each is not None]
