"""What a failure is, and whether and when its job is sent again."""

from .failure import Failure, transport_failure
from .policy import RetryPolicy, backoff_max_s
from .retry_after import retry_after_s

__all__ = [
    "Failure",
    "RetryPolicy",
    "backoff_max_s",
    "retry_after_s",
    "transport_failure",
]
