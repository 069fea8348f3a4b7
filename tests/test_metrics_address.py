"""Where metrics are served."""

import re
import socket

import pytest

from headrace.metrics_address import Address, listen, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464),
        ("9464", "127.0.0.1", 9464),
        (":9464", "127.0.0.1", 9464),
        ("[::1]:0", "::1", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("localhost:1", "localhost", 1),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "::1:9464", "host:65536", "host:-1", "a/b:1", "x\n:1", "h:9464/m"]
)
def test_what_is_not_an_address_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address; write one like 127\.0\.0\.1:9464"):
        parse_address(text)


def test_only_loopback_is_loopback() -> None:
    hosts = ["127.0.0.1", "127.8.9.1", "::1", "localhost", "0.0.0.0", "::", "10.0.0.1", "example"]
    assert [Address(host, 1).is_loopback for host in hosts] == [True] * 4 + [False] * 4


def test_a_port_that_is_taken_or_a_host_that_is_not_here_is_one_line() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        port = taken.getsockname()[1]
        said = (
            f"--metrics can't listen on 127.0.0.1:{port} (Address already in use); give another "
            "address, or 127.0.0.1:0 for a free port"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
            listen(Address("127.0.0.1", port))
    with pytest.raises(ValueError, match=r"can't listen on 192\.0\.2\.1:1"):
        listen(Address("192.0.2.1", 1))
