"""What counts toward an outage: the one rule of the run that is at work and of who looks at it."""

import polars as pl

from .rows import ErrorKind

# So many failures of the service in a row are an outage.
OUTAGE_AFTER = 20
# The service, not the job, is at fault; of `http` the status says which.
SERVICE_KINDS: frozenset[ErrorKind] = frozenset(
    {"connect", "tls", "timeout", "reset", "protocol", "stream"}
)
SERVER_ERROR = 500
# The code of a whole answer that holds nothing usable: the service is up, whatever it says.
UNUSABLE_ANSWER = "UNUSABLE_ANSWER"
# The code of an answer that does not have the form that it must have. It came, and was paid for.
SCHEMA_CODE = "SCHEMA"
# The code of a request that the server said it did nothing with: it is there, and will take others.
UNPROCESSED = "UNPROCESSED"
SERVICE_IS_UP = frozenset({UNUSABLE_ANSWER, UNPROCESSED})


def counts_toward_outage(kind: ErrorKind, *, status: int | None, code: str | None) -> bool:
    """Whether a failed attempt says that the service is down.

    Args:
        kind: what failed.
        status: the answer's HTTP status; None without an answer.
        code: the code in the error body, or our own.
    """
    if kind == "http":
        return status is not None and status >= SERVER_ERROR
    return kind in SERVICE_KINDS and code not in SERVICE_IS_UP


def toward_outage() -> pl.Expr:
    """`counts_toward_outage` of each row of attempts; false for one that was answered."""
    kind, code = pl.col("error_kind"), pl.col("error_code").fill_null("")
    refused = (kind == "http") & (pl.col("http_status") >= SERVER_ERROR)
    silent = kind.is_in(sorted(SERVICE_KINDS)) & ~code.is_in(sorted(SERVICE_IS_UP))
    return (silent | refused).fill_null(value=False)
