"""The configuration of the gateway: keys, limits, prices, latency and faults."""

from decimal import Decimal

import msgspec

from .answers import AnswerRule
from .draws import digest
from .errors import GatewayError
from .faults import Fault, check_faults
from .latency import Latency, Time
from .limits import WindowKind
from .prices import DEFAULT_PRICES, PriceTable, check_amount


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API key.

    Args:
        secret: what clients send.
        id: its id in `GET /v1/balance`, in decimal digits.
        name: its name there and in the log.
        rpm: requests per minute; UNSET for the gateway's own limit, None for no limit.
        tpm: tokens per minute, in the same way.
        daily_budget: in the currency of the prices; None for no budget.
        monthly_budget: in the same way.
        models: the models that it may use; None for every model.
        expired: refused like a wrong key.
        from_seed: its secret is made from the seed, so others can make it, too.
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
    from_seed: bool = False

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, name={self.name!r})"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting; the defaults serve the reference's two models to one key.

    Args:
        keys: the API keys; none makes one from the seed.
        seed: the same seed gives the same answers, times and faults.
        rpm: requests per minute and key; None for no limit.
        tpm: tokens per minute and key; None for no limit.
        window: how a minute is counted: `fixed`, `sliding` or `bucket`.
        ttft_s: time to the first token, in seconds or as a distribution.
        itl_s: time between tokens, in the same way.
        latency: other times for some models.
        capacity: answers in progress at a time, beyond which requests queue; None for no limit.
        output_tokens: natural length of every answer; None draws one for each.
        answers: what is answered to some questions; the first that matches answers.
        faults: what goes wrong on purpose.
        fault_header: whether a request may ask for its own fault.
        prices: by model; all money is in their currency.
        offline: models that are answered with 404.
        balance: what can be spent is `balance` + `gift`.
        gift: see `balance`.
        cache: bill repeated beginnings of prompts at the cached price.
        log_headers: request headers that are logged.
        log_chunks: log when each chunk of a stream was due and sent.
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
    answers: tuple[AnswerRule, ...] = ()
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
        """The keys as configured, or the one made from the seed."""
        return self.keys or (default_key(self.seed),)

    def check(self) -> None:
        """Raises GatewayError for settings that do not fit together."""
        check_faults(self.faults)
        for rule in self.answers:
            if (fault := rule.fault()) is not None:
                raise GatewayError(f"an answer can't be used: {fault}")
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
    """The key of a gateway that is configured without one.

    Args:
        seed: its id and secret are made from it.
        secret: takes the place of the one made from the seed, which is `sk-` and 48 hex digits.
        name: its name.
        number: tells apart several keys of one seed.

    Raises:
        GatewayError: for a seed of more than 128 bits.
    """
    token = digest(seed, b"key", b"%d" % number)
    return Key(
        secret=secret or f"sk-{token.hex()[:48]}",
        id=str(10**18 + int.from_bytes(token[-7:], "big") * 10),
        name=name,
        daily_budget=Decimal(50),
        from_seed=not secret,
    )
