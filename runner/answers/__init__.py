"""From the bytes of an answer to its text, usage and outcome, for both protocols."""

from .body import Answer, ErrorBody, Partial, UnusableAnswerError, error_of, read_body, read_error
from .chat import ChatStream
from .messages import MessagesStream
from .sse import EventTooLongError, SSEParser
from .token_times import TokenTimes

__all__ = [
    "Answer",
    "ChatStream",
    "ErrorBody",
    "EventTooLongError",
    "MessagesStream",
    "Partial",
    "SSEParser",
    "TokenTimes",
    "UnusableAnswerError",
    "error_of",
    "read_body",
    "read_error",
]
