"""The URL that metrics are read from."""

import pytest

from headrace.jobs import InputError
from headrace.runner.scrape import checked_scrape_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000/metrics", "http://127.0.0.1:8000/metrics"),
        (" https://vllm.example/prom ", "https://vllm.example/prom"),
        ("http://[::1]:9/", "http://[::1]:9/metrics"),
        ("http://host", "http://host/metrics"),
    ],
)
def test_a_url_is_taken_and_a_bare_host_has_its_metrics(text: str, url: str) -> None:
    assert checked_scrape_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:8000/metrics",
        "ftp://host/x",
        "http://",
        "http://a b/",
        "http://h:0/",
        "http://h:x/",
    ],
)
def test_what_is_no_url_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^--scrape .*; write it like http://127\.0\.0\.1:8000"):
        checked_scrape_url(text)


@pytest.mark.parametrize(
    "text",
    ["http://me:sk-secret@host/metrics", "http://host/m?key=sk-secret", "http://h/m#sk-secret"],
)
def test_what_may_hold_a_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_scrape_url(text)
    assert "sk-secret" not in str(caught.value)
