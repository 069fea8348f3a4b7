"""What the gateway is set up with: keys, limits, prices, latency and faults."""

from decimal import Decimal

import msgspec

from .dice import digest
from .faults import FaultRate
from .limits import WindowKind
from .prices import DEFAULT_PRICES, PriceTable


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API key. A budget of None is none; `models` None allows every model.

    `rpm` and `tpm` are the gateway's own where unset, and no limit where None.
    """

    secret: str
    id: str
    name: str
    rpm: int | msgspec.UnsetType | None = msgspec.UNSET
    tpm: int | msgspec.UnsetType | None = msgspec.UNSET
    daily_budget: Decimal | None = None
    monthly_budget: Decimal | None = None
    models: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, name={self.name!r})"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set; the defaults serve the reference's two models to one key.

    Limits are for each key and a minute, None for no limit. Times are in seconds; `itl_s` is the
    time between tokens. `output_tokens` is how long every answer would be if nothing cut it; None
    draws a length for each. Money is in the currency of `prices`.
    """

    keys: tuple[Key, ...] = ()
    seed: int = 0
    rpm: int | None = 60
    tpm: int | None = 100_000
    window: WindowKind = "fixed"
    ttft_s: float = 0.0
    itl_s: float = 0.0
    output_tokens: int | None = None
    faults: tuple[FaultRate, ...] = ()
    prices: PriceTable = DEFAULT_PRICES
    balance: Decimal = Decimal(100)

    def active_keys(self) -> tuple[Key, ...]:
        """The keys as set, or the one that the seed makes."""
        return self.keys or (default_key(self.seed),)


def default_key(seed: int, secret: str | None = None) -> Key:
    """The key of a gateway that was given none: `sk-` and 48 hex digits, from the seed."""
    token = digest(seed, b"key")
    return Key(
        secret=secret or f"sk-{token.hex()[:48]}",
        id=str(10**18 + int.from_bytes(token[-7:], "big") * 10),
        name="default",
        daily_budget=Decimal(50),
    )
