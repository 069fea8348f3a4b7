"""Errors: of the configuration, and of requests with the reference's codes."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

# The reference's eight, then those that HTTP itself calls for.
CODES: dict[int, str] = {
    400: "INVALID_PARAMS",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "MODEL_NOT_FOUND",
    429: "RATE_LIMIT",
    500: "INTERNAL_ERROR",
    502: "UPSTREAM_ERROR",
    504: "GATEWAY_TIMEOUT",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "INVALID_PARAMS",
    431: "INVALID_PARAMS",
    503: "UPSTREAM_ERROR",
    529: "UPSTREAM_ERROR",
}

PHRASES: dict[int, str] = {status.value: status.phrase for status in HTTPStatus} | {
    529: "Site Is Overloaded"
}


class GatewayError(Exception):
    """The gateway cannot be configured as asked, or a file of its own fails; one line says why."""


class ApiError(Exception):
    """A refused request: becomes the reference's JSON error body, with `headers` beside it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or CODES[status]
        self.message = message
        self.headers = headers

    def body(self, request_id: str) -> bytes:
        """The JSON error body of the reference."""
        error = {"code": self.code, "message": self.message, "request_id": request_id}
        return msgspec.json.encode({"error": error})
