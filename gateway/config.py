"""What the gateway is set up with: keys, limits, prices, latency and faults."""

from decimal import Decimal

import msgspec

from .draws import digest
from .errors import GatewayError
from .faults import Fault, check_faults
from .latency import Latency, Time
from .limits import WindowKind
from .prices import DEFAULT_PRICES, PriceTable, check_amount


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API key. A budget of None is none; `models` None allows every model.

    `rpm` and `tpm` are the gateway's own where unset, and no limit where None. An `expired` key is
    refused like a wrong one.
    """

    secret: str
    id: str
    name: str
    rpm: int | msgspec.UnsetType | None = msgspec.UNSET
    tpm: int | msgspec.UnsetType | None = msgspec.UNSET
    daily_budget: Decimal | None = None
    monthly_budget: Decimal | None = None
    models: tuple[str, ...] | None = None
    expired: bool = False

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, name={self.name!r})"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set; the defaults serve the reference's two models to one key.

    Limits are for each key and a minute, None for no limit. `ttft_s` and `itl_s` (between tokens)
    are seconds or a distribution; `latency` has other ones for some models; beyond `capacity`
    answers at a time, requests queue. `output_tokens` is how long every answer would be if nothing
    cut it; None draws a length for each. `fault_header` lets a request ask for its own fault.
    Money is in the currency of `prices`; what there is to spend is `balance` + `gift`. `cache`
    bills repeated beginnings of prompts at the cached price. `log_headers` and `log_chunks` add
    those request headers, and each chunk's times, to the log.
    """

    keys: tuple[Key, ...] = ()
    seed: int = 0
    rpm: int | None = 60
    tpm: int | None = 100_000
    window: WindowKind = "fixed"
    ttft_s: Time = 0.0
    itl_s: Time = 0.0
    latency: dict[str, Latency] = {}
    capacity: int | None = None
    output_tokens: int | None = None
    faults: tuple[Fault, ...] = ()
    fault_header: bool = False
    prices: PriceTable = DEFAULT_PRICES
    offline: tuple[str, ...] = ()
    balance: Decimal = Decimal(100)
    gift: Decimal = Decimal(0)
    cache: bool = True
    log_headers: tuple[str, ...] = ()
    log_chunks: bool = False

    def active_keys(self) -> tuple[Key, ...]:
        """The keys as set, or the one that the seed makes."""
        return self.keys or (default_key(self.seed),)

    def check(self) -> None:
        """Raises GatewayError for what does not fit together."""
        check_faults(self.faults)
        digest(self.seed)  # raises for one that is too large
        for name in ("balance", "gift"):
            check_amount(name, getattr(self, name))
        for key in self.keys:
            for name in ("daily_budget", "monthly_budget"):
                budget = getattr(key, name)
                if budget is not None:
                    check_amount(f"{name} of {key.name}", budget)
        for name in ("secret", "id"):
            values = [getattr(key, name) for key in self.keys]
            if len(set(values)) < len(values):
                raise GatewayError(f"two keys have the same {name}")
        for name in ("rpm", "tpm"):
            for limit in (getattr(self, name), *(getattr(key, name) for key in self.keys)):
                if isinstance(limit, int) and limit < 1:
                    raise GatewayError(f"{name} is {limit}; it must be above 0")
        if self.capacity is not None and self.capacity < 1:
            raise GatewayError(f"capacity is {self.capacity}; it must be above 0")


def default_key(
    seed: int, secret: str | None = None, *, name: str = "default", number: int = 0
) -> Key:
    """The key of a gateway that was given none: `sk-` and 48 hex digits, from the seed."""
    token = digest(seed, b"key", b"%d" % number)
    return Key(
        secret=secret or f"sk-{token.hex()[:48]}",
        id=str(10**18 + int.from_bytes(token[-7:], "big") * 10),
        name=name,
        daily_budget=Decimal(50),
    )
