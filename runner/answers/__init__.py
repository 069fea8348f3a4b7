"""From the bytes of an answer to its text, usage and outcome, for both protocols."""

from .body import Answer, Partial, UnusableAnswerError, read_body
from .chat import ChatStream
from .errors import ErrorBody, error_of, read_error
from .json_text import decode, encode, json_text_of, looks_paid, raw
from .messages import MessagesStream
from .sse import EventTooLongError, SSEParser
from .stream import AnswerStream
from .token_times import TokenTimes
from .usage import amount_of, usage_in

__all__ = [
    "Answer",
    "AnswerStream",
    "ChatStream",
    "ErrorBody",
    "EventTooLongError",
    "MessagesStream",
    "Partial",
    "SSEParser",
    "TokenTimes",
    "UnusableAnswerError",
    "amount_of",
    "decode",
    "encode",
    "error_of",
    "json_text_of",
    "looks_paid",
    "raw",
    "read_body",
    "read_error",
    "usage_in",
]
