"""Reading the account's balance: GET /v1/balance, as the reference describes it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

import httpx
import msgspec
import trio

from headrace.jobs import (
    PERIODS,
    AccountChange,
    BalanceReading,
    KeySentAs,
    PeriodBudget,
    printable,
    to_places,
)

from ..answers import read_error
from ..client import Client, Document
from ..clock import RunClock
from ..defaults import KEY_VARIABLE
from ..errors import BalanceError, KeyRefusedError, UnreachableError
from ..outcome import MESSAGE_CHARACTERS_MAX
from ..retries import retry_after_s
from ..secret import Secret, Secrets
from ..transport import proxy_variable, transport_to

PATH = "/v1/balance"
READ_S = 15.0  # for one reading, the attempts at it together
BACKOFF_S = 0.5  # before the second attempt; twice as long before each further one
# Of other failures another attempt would say the same.
FINAL_STATUSES = frozenset({501, 505})
# Charges may be booked after the answer: the balance is read until it stands still.
STABLE_WITHIN_S = 5.0
STILL_S = 1.5
STABLE_STEP_S = 0.25
ROUNDED_DECIMALS = 2


# What Decimal(38, 12) holds: more places are those of a float, and are rounded.
AMOUNT_MAX = Decimal(10) ** 26
NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout)
BUDGET_COLUMNS = [f"{period}_{name}" for period in PERIODS for name in PeriodBudget._fields[1:]]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Checked(msgspec.Struct):
    """Takes only what a table can hold; anything else is another shape."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal):
                if not (value.is_finite() and abs(value) < AMOUNT_MAX):
                    raise ValueError(f"{name} is not an amount of money")
                if value.as_tuple().exponent < -12:  # type: ignore[operator]
                    setattr(self, name, to_places(value))
            elif isinstance(value, datetime):
                try:
                    value.astimezone(UTC)
                except OverflowError as error:
                    raise ValueError(f"{name} is not a moment of ours") from error


class KeyBudget(_Checked):
    """`api_key` in the answer."""

    id: str | None = None
    name: str | None = None
    daily_budget: Decimal | None = None
    daily_used: Decimal | None = None
    daily_remaining: Decimal | None = None
    daily_reset_at: Moment | None = None
    monthly_budget: Decimal | None = None
    monthly_used: Decimal | None = None
    monthly_remaining: Decimal | None = None
    monthly_reset_at: Moment | None = None


class BalanceBody(_Checked):
    """The answer's body."""

    currency: str
    balance: Decimal
    api_key: KeyBudget = msgspec.field(default_factory=KeyBudget)


class Account:
    """Reads the balance of the account that the client's key belongs to: that of `service`, where
    there are several. `key_variable` is where the key came from, for who has to change it."""

    def __init__(
        self,
        client: Client,
        clock: RunClock,
        *,
        service: str | None = None,
        key_variable: str = KEY_VARIABLE,
    ) -> None:
        self._client = client
        self._clock = clock
        self._service = service
        self.key_variable = key_variable
        self.url_setting = "--base-url" if service is None else "its base-url in headrace.toml"

    async def read(
        self, moment: Literal["before", "during", "after"], *, spent: Decimal
    ) -> BalanceReading:
        """One reading; `spent` is the run's computed cost by now.

        The first and the last of a run are tried again while there is time, after 429, 5xx and
        failures of the transport. A service without this endpoint, or with another shape of it,
        makes a reading that says so. Raises KeyRefusedError on 401, and UnreachableError where
        nothing listens before the run.
        """
        until_s = trio.current_time() + READ_S
        delay_s = BACKOFF_S
        failed: BalanceReading | None = None
        while True:
            asked_s: float | None = None
            try:
                with trio.fail_at(until_s):
                    answer = await self._client.get(PATH)
            except trio.TooSlowError:
                return failed or self._without(moment, spent, None, f"no answer in {READ_S:g} s")
            except httpx.TransportError as error:
                if moment == "before" and failed is None and isinstance(error, NO_CONNECTION):
                    base_url = self._client.base_url
                    proxy = proxy_variable(base_url)
                    check = self.url_setting if proxy is None else f"{self.url_setting} and {proxy}"
                    raise UnreachableError(
                        f"no connection to {base_url}: {error}; check {check}"
                    ) from error
                failed = self._without(moment, spent, None, f"no answer: {error}")
            else:
                failed = reading = self._of(answer, moment, spent)
                if not _passes(answer.status):
                    return reading
                asked_s = self._asked_s(answer)
            wait_s = delay_s if asked_s is None else max(asked_s, delay_s)
            if moment == "during" or trio.current_time() + wait_s >= until_s:
                return failed
            await trio.sleep(wait_s)
            delay_s *= 2

    def _asked_s(self, answer: Document) -> float | None:
        message = read_error(answer.data).message
        now = self._clock.utc(self._clock.now())
        return retry_after_s(httpx.Headers(answer.headers), message=message, now=now)

    def _of(
        self, answer: Document, moment: Literal["before", "during", "after"], spent: Decimal
    ) -> BalanceReading:
        """The reading in an answer. Raises KeyRefusedError."""
        status, data = answer.status, answer.data
        if status == 401:
            said = (read_error(data).message or "status 401")[:MESSAGE_CHARACTERS_MAX]
            raise KeyRefusedError(
                f"the gateway refused the key; check {self.key_variable} (it said: {said})"
            )
        if status != 200:
            return self._without(moment, spent, status, f"GET {PATH} answered {status}")
        try:
            body = msgspec.json.decode(data, type=BalanceBody)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._without(moment, spent, status, f"another shape of balance: {error}")
        key = body.api_key
        return BalanceReading(
            read_at=self._clock.utc(self._clock.now()),
            moment=moment,
            spent=spent,
            http_status=status,
            currency=body.currency,
            balance=body.balance,
            decimals=_decimals(body.balance, key.daily_used, key.monthly_used),
            key_id=key.id,
            key_name=key.name,
            service=self._service,
            **{name: getattr(key, name) for name in BUDGET_COLUMNS},
        )

    def _without(
        self,
        moment: Literal["before", "during", "after"],
        spent: Decimal,
        status: int | None,
        error: str,
    ) -> BalanceReading:
        return BalanceReading(
            read_at=self._clock.utc(self._clock.now()),
            moment=moment,
            spent=spent,
            http_status=status,
            error=error,
            service=self._service,
        )

    async def read_until_stable(self, *, spent: Decimal, first: BalanceReading) -> BalanceReading:
        """The balance after the run, once the charges since `first` are in it.

        That is when a figure rose by `spent` exactly and none by less, or when all stand still with
        none short of it by more than a service that rounds may show; one that is shorter may still
        be caught up by late charges. Takes at most `STABLE_WITHIN_S` seconds after the first
        answer. Raises KeyRefusedError.
        """
        paid = spent - first.spent
        reading = await self.read("after", spent=spent)
        with trio.move_on_after(STABLE_WITHIN_S):
            still_since_s = self._clock.now()
            while (taken := _taken(first, reading)) and min(taken) != paid:
                enough = min(taken) >= paid - _rounded_away(first, reading)
                if enough and self._clock.now() - still_since_s >= STILL_S:
                    break
                await trio.sleep(STABLE_STEP_S)
                later = await self.read("after", spent=spent)
                if later.balance is None:
                    continue  # the figures at hand are better than none
                if _taken(first, later) != taken:
                    still_since_s = self._clock.now()
                reading = later
        return reading

    async def read_until_still(
        self, *, spent: Decimal, billed_s: float | None = None
    ) -> BalanceReading:
        """The balance after a run whose cost nobody knows: once no figure has changed for
        `STILL_S`, or `STABLE_WITHIN_S` have passed.

        Charges may be booked after the answer, and without prices nothing in a reading tells
        whether they were. So the time counts from `billed_s`, when the last attempt ended that may
        be billed, where that is known: a wait since then, such as for a retry that was refused, was
        as good. Raises KeyRefusedError.
        """
        reading = await self.read("after", spent=spent)
        with trio.move_on_after(STABLE_WITHIN_S):
            until_s = self._clock.now() if billed_s is None else billed_s
            while reading.balance is not None and self._clock.now() < until_s + STILL_S:
                await trio.sleep_until(until_s + STILL_S)
                later = await self.read("after", spent=spent)
                if any(_taken(reading, later)):
                    until_s = self._clock.now()
                if later.balance is not None:
                    reading = later
        return reading


def _passes(status: int) -> bool:
    """Whether another attempt may be answered better."""
    return status == 429 or (status >= 500 and status not in FINAL_STATUSES)


def _taken(first: BalanceReading, last: BalanceReading) -> list[Decimal]:
    """What each figure says was taken from the account; [] without a figure.

    A figure that was reset is left out, and a balance that was topped up is short for ever.
    """
    if first.balance is None or last.balance is None:
        return []
    return AccountChange(first, last).taken


def _rounded_away(first: BalanceReading, last: BalanceReading) -> Decimal:
    """The most that two figures may hide between them: a unit of their last decimal. Of fewer than
    two decimals nobody knows whether that is how many the service has."""
    decimals = max(first.places, last.places)
    return Decimal(1).scaleb(-decimals) if decimals >= ROUNDED_DECIMALS else Decimal(0)


class EmptyFund(NamedTuple):
    """What has nothing left, in words, and when it has again; None where nobody knows."""

    name: str
    resets_at: datetime | None


def empty_fund(reading: BalanceReading) -> EmptyFund | None:
    """Which of the balance and the budgets has nothing left; None where all have.

    Of several the one that takes longest to come back, for until then nothing can be paid.
    """
    if reading.balance is not None and reading.balance <= 0:
        return EmptyFund("the balance", None)
    for period in reversed(PERIODS):  # the longest first
        budget = reading.budgets[period]
        if budget.remaining is not None and budget.remaining <= 0:
            return EmptyFund(f"the key's {period} budget", budget.reset_at)
    return None


def _decimals(*amounts: Decimal | None) -> int:
    exponents = [amount.as_tuple().exponent for amount in amounts if amount is not None]
    return max(0, *(-exponent for exponent in exponents if isinstance(exponent, int)))


async def read_once(
    base_url: str,
    key: Secret,
    *,
    hidden: Secrets | None = None,
    service: str | None = None,
    auth: KeySentAs | None = None,
    key_variable: str = KEY_VARIABLE,
) -> BalanceReading:
    """One reading, outside any run, of a service as `Account` and `Client` know it. Raises
    KeyRefusedError, UnreachableError and BalanceError."""
    clock = RunClock()
    async with transport_to(base_url) as transport:
        client = Client(
            transport, base_url=base_url, key=key, hidden=hidden, auth=auth, clock=clock
        )
        account = Account(client, clock, service=service, key_variable=key_variable)
        reading = await account.read("before", spent=Decimal(0))
    if reading.error is not None:
        raise BalanceError(f"{base_url} has no balance to show: {reading.error}")
    return reading


def show_reading(reading: BalanceReading) -> str:
    """A reading for people, one amount per line."""
    lines = [f"balance        {reading.balance:f} {reading.currency}"]
    for period, name in zip(PERIODS, ("today", "this month"), strict=True):
        _, budget, used, left, reset = reading.budgets[period]
        if budget is None or left is None:
            lines.append(f"{name:<14} no budget set")
            continue
        until = f", until {reset.isoformat()}" if reset else ""
        lines.append(f"{name:<14} {used or 0:f} used of {budget:f}, {left:f} left{until}")
    if reading.key_name or reading.key_id:
        lines.append(f"key            {reading.key_name or ''} ({reading.key_id})")
    return "\n".join(map(printable, lines))
