"""From the bytes of an answer to its text, usage and outcome, for all endpoints."""

from .body import NO_OUTPUT, Answer, Partial, UnusableAnswerError
from .charset import as_utf8
from .chat import ChatStream
from .embeddings import match_request
from .endpoint_usage import placed_usage
from .errors import ErrorBody, read_error
from .json_text import encode, json_text_of, looks_answered, raw
from .messages import MessagesStream
from .plain_chunks import add_plain
from .readers import read_body
from .sse import Event, EventTooLongError, SSEParser, begins_as_events, events_in
from .stream import AnswerStream
from .streams import stream_of
from .token_times import TokenTimes
from .tool_input import tool_input
from .usage import amount_of, usage_in

__all__ = [
    "NO_OUTPUT",
    "Answer",
    "AnswerStream",
    "ChatStream",
    "ErrorBody",
    "Event",
    "EventTooLongError",
    "MessagesStream",
    "Partial",
    "SSEParser",
    "TokenTimes",
    "UnusableAnswerError",
    "add_plain",
    "amount_of",
    "as_utf8",
    "begins_as_events",
    "encode",
    "events_in",
    "json_text_of",
    "looks_answered",
    "match_request",
    "placed_usage",
    "raw",
    "read_body",
    "read_error",
    "stream_of",
    "tool_input",
    "usage_in",
]
