"""Which proxy the environment sets, and that messages name its variable and show no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError
from headrace.runner.transport.proxies import proxy_for, proxy_variable

PROXIES = {"HTTP_PROXY": "http://p:1", "https_proxy": "q:2", "NO_PROXY": "in.test,.corp.test"}


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("http://a.test", PROXIES, "http://p:1"),
        ("https://a.test", PROXIES, "http://q:2"),
        ("https://in.test", PROXIES, None),
        ("https://x.corp.test:8443/base", PROXIES, None),
        ("http://127.0.0.1:8000", PROXIES, None),
        ("http://localhost:8000", PROXIES, None),
        ("http://[::1]:8000", PROXIES, None),
        ("https://a.test", {"ALL_PROXY": "http://r:3"}, "http://r:3"),
        ("https://a.test", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://a.test", {"ALL_PROXY": "http://r:3", "NO_PROXY": "*"}, None),
        ("https://a.test", {}, None),
    ],
)
def test_the_environment_says_where_a_proxy_stands(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    "value",
    [
        "ftp://me:secret@x",
        "socks://me:secret@x:1",
        "socks4://me:secret@x:1",
        "http://me:sec/secret@x:1",
        "http://me:12/secret@x:1",
        "http://me:sec#secret@x:1",
        "http://me:sec?secret@x:1",
        "http://me:sec@secret@x:1",
        "http://me:secret@x:port",
        "http://me:secret@x:99999",
        "http://me:secret@",
        "http://me:secret@[x",
        "http://me:secret@x y:1",
        "http://me:secret@x\x00:1",
        "me:secret@",
        "://secret",
        "secret://",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        proxy_for("https://a.test", {variable: value})
    assert caught.value.message.startswith(f"{variable} ")
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message
    assert proxy_for("http://127.0.0.1", {variable: value}) is None  # it is not needed


def test_the_variable_that_sets_it_is_known() -> None:
    environment = {"https_proxy": "http://p:1", "ALL_PROXY": "http://q:1", "NO_PROXY": "in.test"}
    urls = ["https://a.test", "http://a.test", "https://in.test", "https://localhost", "unix:/x"]
    found = [proxy_variable(url, environment) for url in urls]
    assert found == ["https_proxy", "ALL_PROXY", None, None, None]


@given(st.text("htps:/@?#[]%.xk5 4é\t\x00", max_size=20))
def test_any_value_is_a_proxy_or_one_clear_error(value: str) -> None:
    try:
        found = proxy_for("https://a.test", {"HTTPS_PROXY": value})
    except InputError as error:
        found = error.message if error.message.startswith("HTTPS_PROXY ") else "unnamed"
    assert found is None or "://" in found


def test_a_proxy_may_have_a_user_and_be_reached_by_tls() -> None:
    values = ["http://me:p%2Fss@x:1", "https://x:8443/", "x:1", "[::1]:3128"]
    found = [proxy_for("https://a.test", {"HTTPS_PROXY": value}) for value in values]
    assert found == [values[0], values[1], "http://x:1", "http://[::1]:3128"]
