"""Which requests are let in: key, parameters, model, money, limits, in this order."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from .answer import Answer, Desk
from .chat import answer_chat, answer_search
from .clock import Clock
from .config import Config, Key
from .dice import Dice, digest
from .errors import ApiError
from .faults import FaultKind, draw_fault
from .http import Request
from .images import answer_images
from .ledger import Ledger
from .limits import KeyLimits, Refused
from .log import LogRow
from .messages import answer_messages
from .params import ChatParams, ImagesParams, MessagesParams, SearchParams, decode
from .prices import ModelPrice
from .writer import Writer


class Endpoint(NamedTuple):
    """One POST endpoint: how its parameters are read and who answers."""

    decoder: Any
    answer: Callable[[Any, Desk], Answer]
    images: bool


ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": Endpoint(msgspec.json.Decoder(ChatParams), answer_chat, False),
    "/v1/messages": Endpoint(msgspec.json.Decoder(MessagesParams), answer_messages, False),
    "/v1/search/completions": Endpoint(msgspec.json.Decoder(SearchParams), answer_search, False),
    "/v1/images/generations": Endpoint(msgspec.json.Decoder(ImagesParams), answer_images, True),
}


class Admitted(NamedTuple):
    """A request that will be answered, or struck by `fault`."""

    key: Key
    answer: Answer
    fault: FaultKind | None


class Admission:
    """Decides on each request, and counts the admitted ones against their key's limits."""

    def __init__(self, config: Config, ledger: Ledger, clock: Clock) -> None:
        keys = config.active_keys()
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._writer = Writer(config.seed, config.output_tokens)
        self._keys = {key.secret.encode(): key for key in keys}
        self._limits = {
            key.id: KeyLimits(
                config.window,
                config.rpm if key.rpm is msgspec.UNSET else key.rpm,
                config.tpm if key.tpm is msgspec.UNSET else key.tpm,
            )
            for key in keys
        }
        self._seen: dict[bytes, int] = {}

    def authenticate(self, request: Request) -> Key:
        """The key of `request`. Raises ApiError 401."""
        secret = request.headers.get(b"x-api-key")
        if secret is None:
            scheme, _, secret = request.headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not secret:
                raise ApiError(
                    401, "No API key: send Authorization: Bearer <key> or x-api-key: <key>."
                )
        key = self._keys.get(secret.strip())
        if key is None:
            raise ApiError(401, "Invalid or expired API key.")
        return key

    def admit(self, endpoint: Endpoint, request: Request, row: LogRow, base_url: str) -> Admitted:
        """Let one POST in, and count it. Raises ApiError, having counted nothing."""
        key = self.authenticate(request)
        row.key = key.id
        params = decode(endpoint.decoder, request.body)
        row.model = params.model
        row.stream = bool(getattr(params, "stream", False))
        price = self._price(params.model, endpoint, key)
        refusal = self._ledger.refusal(key)
        if refusal is not None:
            raise ApiError(403, refusal)

        state = digest(self._config.seed, request.path.encode("latin-1"), request.body)
        serial = row.request_id.removeprefix("req-")
        created = int(self._clock.wall(request.arrival).timestamp())
        answer = endpoint.answer(
            params, Desk(self._writer, price, state, serial, created, base_url)
        )
        return Admitted(key, answer, self._count(key, state, answer, row, request.arrival))

    def _price(self, model: str, endpoint: Endpoint, key: Key) -> ModelPrice:
        price = self._config.prices.models.get(model)
        if price is None or bool(price.images) is not endpoint.images:
            raise ApiError(404, f"Model {model} not found or offline.")
        if key.models is not None and model not in key.models:
            raise ApiError(403, f"This API key may not use the model {model}.")
        return price

    def _count(
        self, key: Key, state: bytes, answer: Answer, row: LogRow, arrival: float
    ) -> FaultKind | None:
        """Draw the fault of this attempt, and count what the request will be billed."""
        fault = None
        seen = 0
        if self._config.faults:
            # Attempts that a limit refused are not counted: chance must not hang on the timing.
            seen = self._seen.get(state, 0)
            dice = Dice(digest(self._config.seed, b"attempt", state, b"%d" % seen))
            fault = draw_fault(self._config.faults, dice)
        limits = self._limits[key.id]
        now_us = self._now_us(arrival)
        if fault == "429":
            row.fault = fault
            self._seen[state] = seen + 1
            raise rate_limited(limits.refuse(now_us, 1))
        tokens = answer.input_tokens + answer.output_tokens
        if limits.tpm is not None and tokens > limits.tpm:
            raise ApiError(
                400,
                f"Invalid parameter messages: the request needs {tokens} tokens, more than the "
                f"{limits.tpm} that this API key may use in a minute.",
            )
        refused = limits.admit(now_us, 0 if fault else tokens)
        if refused is not None:
            raise rate_limited(refused)
        if self._config.faults:
            self._seen[state] = seen + 1
        return fault

    def _now_us(self, at: float) -> int:
        """Microseconds since 1970 of `at`, so that fixed windows are the clock's minutes."""
        began, date = self._clock.anchor
        return round(date.timestamp() * 1_000_000) + round((at - began) * 1_000_000)


def rate_limited(refused: Refused) -> ApiError:
    """The reference's 429, with its three headers."""
    wait_s = refused.retry_after_s
    return ApiError(
        429,
        f"Rate limit exceeded. Please retry after {wait_s}s.",
        headers=(
            ("X-RateLimit-Limit", str(refused.limit)),
            ("X-RateLimit-Remaining", str(refused.remaining)),
            ("Retry-After", str(wait_s)),
        ),
    )
