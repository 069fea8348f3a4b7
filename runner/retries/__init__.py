"""What a failure is, and whether and when its job is sent again."""

from .failure import Failure, transport_failure
from .policy import BACKOFF_MAX_S, RetryPolicy
from .retry_after import retry_after_s

__all__ = [
    "BACKOFF_MAX_S",
    "Failure",
    "RetryPolicy",
    "retry_after_s",
    "transport_failure",
]
