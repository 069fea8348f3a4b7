"""The one error of a transport that httpx has no class for."""

import httpx


class UnprocessedError(httpx.ReadError):
    """The request was sent, and the server says that it did nothing with it: it may be sent again,
    and was not billed."""
