"""Which stream an endpoint answers with."""

from collections.abc import Callable

from headrace.jobs import Endpoint, StreamKind

from .any_events import AnyEvents
from .chat import ChatStream
from .completions import CompletionsStream
from .messages import MessagesStream
from .responses import ResponsesStream
from .stream import AnswerStream

STREAMS: dict[StreamKind, Callable[[], AnswerStream]] = {
    "chat": ChatStream,
    "completions": CompletionsStream,
    "messages": MessagesStream,
    "responses": ResponsesStream,
    "events": AnyEvents,
}


def stream_of(endpoint: Endpoint) -> AnswerStream:
    """An empty stream of the endpoint. One that doesn't stream is taken for chat: nothing of it is
    understood then."""
    return STREAMS[endpoint.stream or "chat"]()
