"""The head of a request: its line and its headers, as HTTP/1.1 has them."""

import httpx

from .streams import Origin


def head_bytes(method: str, url: httpx.URL, headers: httpx.Headers) -> bytes:
    """The request line and the headers, without the empty line that ends them."""
    lines = [b"%s %s HTTP/1.1" % (method.encode(), url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in headers.raw]
    return b"\r\n".join(lines)


class RequestHead:
    """A request without its body, made once for many."""

    def __init__(self, method: str, url: httpx.URL, headers: httpx.Headers) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.origin = Origin.of(url)
        self._head = head_bytes(method, url, headers)

    def with_body(self, body: bytes) -> bytes:
        """The whole request, as HTTP/1.1 has it."""
        if not body:
            return self._head + b"\r\n\r\n"
        return b"%s\r\ncontent-length: %d\r\n\r\n%s" % (self._head, len(body), body)
