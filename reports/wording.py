"""How figures are put into words: for the terminal, the page and a comment on a pull request."""

from collections.abc import Sequence
from decimal import Decimal

from headrace.jobs import ENDPOINTS, printable, strip_zeros
from headrace.jobs import counted as counted  # for the words here, and whoever has them

STATES = {
    "finished": "finished",
    "running": "still running",
    "crashed": "was killed; run the same command again to resume",
    "interrupted": "was interrupted; run the same command again to resume",
    "stopped": "stopped before its end",
}
METRIC_NAMES = {
    "latency_s": "latency",
    "ttft_s": "TTFT",
    "tpot_s": "TPOT",
    "wait_s": "wait",
    "total_s": "total",
}
# Digits of an amount in a sentence; the tables have all of them.
READ_DIGITS = 5
TOO_SHORT = "Too short a time to hold the mean against the limit; no 60 s held more."


def state_words(state: str, *, kind: str) -> str:
    """What became of a run; of a load run without how to resume, which nothing does."""
    words = STATES[state]
    return words.partition(";")[0] if kind == "load" else words


def endpoint(url: str) -> str:
    """An endpoint's short name: /v1/chat/completions is chat; of one that is not in the table all
    but the version, since /v1/audio/speech is not /v1/audio/transcriptions."""
    kind = ENDPOINTS[url].kind
    return (printable(url).removeprefix("/v1/") or printable(url)) if kind == "other" else kind


def money(amount: Decimal | None, currency: str | None) -> str:
    """An amount with all its digits, or a dash where it is not known."""
    return "-" if amount is None else f"{strip_zeros(amount):,f} {currency or ''}".rstrip()


def taken_words(low: Decimal | None, high: Decimal | None) -> str:
    """What an account took: an amount, from where to where, or a dash where it is not known."""
    if low is None or high is None or low == high:
        return money(high, None)
    return f"{money(low, None)} to {money(high, None)}"


def money_to_read(amount: Decimal | None, currency: str | None) -> str:
    """An amount rounded for a sentence: to five digits, but no coarser than hundredths."""
    if not amount:
        return money(amount, currency)
    places = max(2, READ_DIGITS - 1 - amount.adjusted())
    return money(amount.quantize(Decimal(1).scaleb(-places)), currency)


def aligned(amounts: Sequence[Decimal | None]) -> list[str]:
    """Amounts of one width with their decimal points below each other, and all their digits."""
    texts = [money(amount, None) for amount in amounts]
    places = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    most = max(places, default=0)
    padded = [text + " " * (most - n) for text, n in zip(texts, places, strict=True)]
    width = max(map(len, padded), default=0)
    return [text.rjust(width) for text in padded]


def cut_words(cut: int, answers: int) -> str:
    """How many answers their max_tokens cut short, in a clause."""
    were = "was" if cut == 1 else "were"
    return f"{cut:,} of {counted(answers, 'answer')} {were} cut at max_tokens"


def attempt_words(attempts: int, retries: int, reasks: int = 0) -> str:
    """How many attempts were made, how many of them because one before had failed, and how many
    since an answer did not fit."""
    if not attempts:
        return "nothing was sent"
    said = counted(attempts, "attempt")
    said += f", {reasks:,} of them to ask again" if reasks else ""
    if not retries:
        return f"{said}, no retries"
    some = "1 a retry" if retries == 1 else f"{retries:,} retries"
    if reasks:
        return f"{said}, {some}"
    return f"{said}, {some.replace(' ', ' of them ', 1)}"


def rate(figure: float) -> str:
    """A figure per second, with four digits or to the whole number."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.4g}"


def percent(share: float) -> str:
    """A share of answers as a percentage; what is not all or nothing is not shown as that."""
    text = f"{share:.1%}"
    return f"{share:.3%}" if text in ("0.0%", "100.0%") and share not in (0, 1) else text


def points(difference: float) -> str:
    """A difference of two shares, in percentage points and with its sign."""
    return f"{difference * 100:+.1f} pp"


def share_of(share: float | None) -> str:
    """A share as a percentage, or a dash where it is not known."""
    return "-" if share is None else f"{share:.2%}"
