"""Which requests are admitted: key, parameters, model, money and limits are checked, in order."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from .answers import AnswerBook
from .cache import Prefix, PromptCache
from .chat import chat_response, search_response
from .chat_params import ChatParams, SearchParams
from .clock import Clock
from .completions import CompletionsParams, completions_response
from .config import Config, Key
from .draws import SeededDigest, SeededDraws, digest
from .embeddings import EmbeddingsParams, embeddings_response
from .errors import ApiError, GatewayError
from .faults import Fault, draw_fault, parse_fault
from .http import Request
from .images import images_response
from .latency import Latency, Pace
from .ledger import Ledger
from .limits import KeyLimits, OverLimit
from .log import LogRow
from .messages import messages_response
from .messages_params import CountParams, MessagesParams
from .moderations import MODELS as JUDGES
from .moderations import ModerationsParams, moderations_response
from .params import ImagesParams, decode
from .prices import ModelPrice
from .rerank import RerankParams, rerank_response
from .response import EventStream, RequestContext, Response
from .responses import responses_response
from .responses_params import ResponsesParams
from .text import TextGenerator
from .variants import Protocol, choose, take_apart

FAULT_HEADER = b"x-headrace-fault"
NO_PRICE = ModelPrice()

Respond = Callable[[Any, RequestContext], Response]


class Endpoint(NamedTuple):
    """One POST endpoint.

    Args:
        decoder: decodes its parameters.
        respond: makes the response.
        protocol: how it is written.
        streams: whether its parameters may ask for a stream.
    """

    decoder: Any
    respond: Respond
    protocol: Protocol
    streams: bool = False

    @property
    def images(self) -> bool:
        """Whether it is of models that make images."""
        return self.protocol == "images"

    @property
    def judges(self) -> bool:
        """Whether it is of models that judge texts, and have no price."""
        return self.protocol == "moderations"


def _endpoint(
    params: Any, respond: Respond, protocol: Protocol, *, streams: bool = False
) -> Endpoint:
    return Endpoint(msgspec.json.Decoder(params), respond, protocol, streams)


ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": _endpoint(ChatParams, chat_response, "chat", streams=True),
    "/v1/messages": _endpoint(MessagesParams, messages_response, "messages", streams=True),
    "/v1/search/completions": _endpoint(SearchParams, search_response, "chat", streams=True),
    "/v1/images/generations": _endpoint(ImagesParams, images_response, "images"),
    # Beyond the reference.
    "/v1/responses": _endpoint(ResponsesParams, responses_response, "responses", streams=True),
    "/v1/completions": _endpoint(
        CompletionsParams, completions_response, "completions", streams=True
    ),
    "/v1/embeddings": _endpoint(EmbeddingsParams, embeddings_response, "embeddings"),
    "/v1/rerank": _endpoint(RerankParams, rerank_response, "rerank"),
    "/v1/moderations": _endpoint(ModerationsParams, moderations_response, "moderations"),
}


# Beyond the reference, and answered at once: free, and counted toward no limit.
COUNT_DECODER = msgspec.json.Decoder(CountParams)


class Admitted(NamedTuple):
    """A request that will be answered at `pace`, or that `fault` will strike."""

    key: Key
    response: Response
    pace: Pace
    fault: Fault | None


class Admission:
    """Decides on each request, and counts the admitted ones against their key's limits."""

    def __init__(self, config: Config, ledger: Ledger, clock: Clock) -> None:
        keys = config.active_keys()
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._generator = TextGenerator(config.seed, config.output_tokens)
        self._cache = PromptCache()
        self._look_up = self._cache.look_up if config.cache else _no_prefix
        self._book = AnswerBook(config.answers) if config.answers else None
        self._keys = {key.secret.encode(): key for key in keys}
        # The whole usual header, so that it need not be parsed.
        self._bearers = {b"Bearer " + key.secret.encode(): key for key in keys if not key.expired}
        self._request_digests = {
            path: SeededDigest(config.seed, path.encode("ascii")) for path in ENDPOINTS
        }
        served = [each for each in config.prices.models.items() if each[0] not in config.offline]
        self._text_prices = {model: price for model, price in served if not price.images}
        self._image_prices = {model: price for model, price in served if price.images}
        self._limits = {
            key.id: KeyLimits(
                config.window,
                config.rpm if key.rpm is msgspec.UNSET else key.rpm,
                config.tpm if key.tpm is msgspec.UNSET else key.tpm,
            )
            for key in keys
        }
        self._latency = Latency(config.ttft_s, config.itl_s)
        self._random_times = any(each.random for each in (self._latency, *config.latency.values()))
        self._has_chance = bool(self._random_times or config.faults or config.fault_header)
        # The pace of all answers, where nothing is random and no model has its own.
        self._pace = None if self._random_times or config.latency else self._latency.pace(1, None)
        self._seen: dict[bytes, int] = {}
        self._admitted = 0

    def authenticate(self, request: Request) -> Key:
        """The key of `request`. Raises ApiError 401."""
        secret = request.headers.get(b"x-api-key")
        if secret is None:
            header = request.headers.get(b"authorization", b"")
            key = self._bearers.get(header)
            if key is not None:
                return key
            scheme, _, secret = header.partition(b" ")
            if scheme.lower() != b"bearer" or not secret:
                raise ApiError(
                    401, "No API key: send Authorization: Bearer <key> or x-api-key: <key>."
                )
        key = self._keys.get(secret.strip())
        if key is None or key.expired:
            raise ApiError(401, "Invalid or expired API key.")
        return key

    def check(
        self,
        decoder: Any,
        request: Request,
        row: LogRow,
        *,
        images: bool = False,
        judges: bool = False,
    ) -> tuple[Key, Any, ModelPrice]:
        """Key, parameters and price of one POST, whose key may ask for its model. ApiError."""
        key = self.authenticate(request)
        row.key = key.id
        params = decode(decoder, request.body)
        model: str = params.model
        row.model = model
        price = (self._image_prices if images else self._text_prices).get(model)
        if judges and model.startswith(JUDGES):
            price = NO_PRICE
        if price is None:
            raise ApiError(404, f"Model {model} not found or offline.")
        if key.models is not None and model not in key.models:
            raise ApiError(403, f"This API key may not use the model {model}.")
        return key, params, price

    def models(self, key: Key) -> list[str]:
        """The models that `key` may use."""
        served = [*self._text_prices, *self._image_prices]
        return [model for model in served if key.models is None or model in key.models]

    def admit(self, endpoint: Endpoint, request: Request, row: LogRow, base_url: str) -> Admitted:
        """Admit one POST, and count it. Raises ApiError, having counted nothing."""
        key, params, price = self.check(
            endpoint.decoder, request, row, images=endpoint.images, judges=endpoint.judges
        )
        model: str = params.model
        row.stream = endpoint.streams and bool(params.stream)
        now_us = self._clock.unix_us(request.arrival)
        refusal = self._ledger.refusal(key, now_us)
        if refusal is not None:
            raise ApiError(403, refusal)

        request_digest = self._request_digests[request.path](request.body)
        context = RequestContext(
            self._generator,
            price,
            request_digest,
            row.request_id[4:],
            now_us // 1_000_000,
            base_url,
            self._look_up,
            self._book,
            self._config.seed,
        )
        try:
            response = endpoint.respond(params, context)
        except RecursionError:
            raise ApiError(400, "The request body is nested too deeply.") from None
        fault, draws = self._draw(request, request_digest) if self._has_chance else (None, None)
        if fault is not None and fault.kind == "provider":
            fault, response, draws = self._variant(
                request, endpoint.protocol, params, price, response, fault, draws
            )
        self._count(key, response, now_us, fault)
        if draws is not None:
            # Attempts that a limit refused are not counted: chance must not depend on timing.
            self._seen[request_digest] = self._seen.get(request_digest, 0) + 1
        self._admitted += 1
        if response.prefix.blocks:
            self._cache.remember(response.prefix)
        pace = self._pace
        if pace is None:
            pace = self._config.latency.get(model, self._latency).pace(response.steps, draws)
        return Admitted(key, response, pace, fault)

    def _draws(self, request_digest: bytes) -> SeededDraws:
        """The draws of this attempt at a request."""
        attempt = b"%d" % self._seen.get(request_digest, 0)
        return SeededDraws(digest(self._config.seed, b"attempt", request_digest, attempt))

    def _draw(
        self, request: Request, request_digest: bytes
    ) -> tuple[Fault | None, SeededDraws | None]:
        """The fault of this attempt, and the draws for its times; both None without any chance."""
        faults = self._config.faults
        draws = None
        if faults or self._random_times:
            draws = self._draws(request_digest)
        fault = draw_fault(faults, draws, self._admitted + 1) if faults and draws else None
        if self._config.fault_header:
            asked = request.headers.get(FAULT_HEADER)
            if asked is not None:
                try:
                    fault = parse_fault(asked.decode("latin-1"))
                except GatewayError as error:
                    raise ApiError(400, f"Invalid header x-headrace-fault: {error}.") from None
        return fault, draws

    def _variant(
        self,
        request: Request,
        protocol: Protocol,
        params: Any,
        price: ModelPrice,
        response: Response,
        fault: Fault,
        draws: SeededDraws | None,
    ) -> tuple[Fault | None, Response, SeededDraws | None]:
        """The answer in the variant that `fault` asks for; as it is where none fits it."""
        if draws is None:
            draws = self._draws(self._request_digests[request.path](request.body))
        streamed = isinstance(response.body, EventStream)
        if protocol in ("chat", "completions") and (params.n or 1) > 1:
            return None, response, draws
        answer = take_apart(protocol, response, price, streamed=streamed)
        variant = choose(answer, fault.variant, draws)
        if variant is None:
            return None, response, draws
        return msgspec.structs.replace(fault, variant=variant.name), variant.make(answer), draws

    def _count(self, key: Key, response: Response, now_us: int, fault: Fault | None) -> None:
        """Count the tokens that will be billed. Raises ApiError 429 over a limit."""
        limits = self._limits[key.id]
        if fault is not None and fault.status == 429:
            return
        tokens = response.input_tokens + response.output_tokens
        if limits.tpm is not None and tokens > limits.tpm:
            raise ApiError(
                400,
                f"Invalid request: it needs {tokens} tokens, more than the "
                f"{limits.tpm} that this API key may use per minute.",
            )
        refused = limits.admit(now_us, tokens if fault is None or fault.is_billed else 0)
        if refused is not None:
            raise ApiError(
                429,
                limit_message(refused.retry_after_s),
                headers=(*_limit_headers(refused), ("Retry-After", str(refused.retry_after_s))),
            )

    def limit_headers(self, key: Key) -> list[tuple[str, str]]:
        """X-RateLimit-Limit and -Remaining as of now, for a 429 that is a fault."""
        now_us = self._clock.unix_us()
        return _limit_headers(self._limits[key.id].over_limit(now_us, 0))


def _no_prefix(_model: str, _prompt: str) -> Prefix:
    return Prefix()


def limit_message(wait_s: int) -> str:
    """The message of a 429, in the reference's words."""
    return f"Rate limit exceeded. Please retry after {wait_s}s."


def _limit_headers(refused: OverLimit) -> list[tuple[str, str]]:
    if refused.limit is None:
        return []
    return [
        ("X-RateLimit-Limit", str(refused.limit)),
        ("X-RateLimit-Remaining", str(refused.remaining)),
    ]
