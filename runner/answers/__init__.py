"""From the bytes of an answer to its text, usage and outcome, for both protocols."""

from .body import Answer, ErrorBody, Partial, UnusableAnswerError, error_of, read_body, read_error
from .chat import ChatStream
from .messages import MessagesStream

__all__ = [
    "Answer",
    "ChatStream",
    "ErrorBody",
    "MessagesStream",
    "Partial",
    "UnusableAnswerError",
    "error_of",
    "read_body",
    "read_error",
]
