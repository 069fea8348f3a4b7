"""An object store on loopback: as much of S3 as reading takes, so HEAD, GET of ranges and lists."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LIST = (
    '<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><Prefix>{}</Prefix>'
    "<KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{}"
    "</ListBucketResult>"
)
ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-06-08T12:00:00.000Z</LastModified>"
    '<ETag>"1"</ETag><Size>{}</Size></Contents>'
)


@contextmanager
def object_store(objects: dict[str, bytes]) -> Iterator[dict[str, str]]:
    """Serve objects by their keys, in whatever bucket; what to set to read them as `s3://...`."""
    answering = type("Answering", (_Answering,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "of-the-tests",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        key = unquote(url.path).lstrip("/").partition("/")[2]
        if "list-type" in asked:
            prefix = asked.get("prefix", [""])[0]
            found = {name: data for name, data in self.objects.items() if name.startswith(prefix)}
            entries = "".join(ENTRY.format(name, len(data)) for name, data in found.items())
            self._send(200, LIST.format(prefix, len(found), entries).encode())
        elif key not in self.objects:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._send_range(self.objects[key])

    def _send_range(self, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, data)
            return
        begin, end = asked[1], asked[2]
        first = int(begin) if begin else max(0, len(data) - int(end))
        last = min(int(end), len(data) - 1) if begin and end else len(data) - 1
        self._send(206, data[first : last + 1], f"bytes {first}-{last}/{len(data)}")

    def _send(self, status: int, body: bytes, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 08 Jun 2026 12:00:00 GMT")
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
