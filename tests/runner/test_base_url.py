"""Base URLs: what is taken, what becomes of a job's path under each, and what no message shows."""

from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given as given_any
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.runner import Secret
from headrace.runner.base_url import (
    BaseUrls,
    base_url_from,
    base_urls_from,
    base_urls_in_settings,
    endpoint_url,
    without_secrets,
)
from headrace.runner.request_heads import request_heads
from headrace.runner.settings import RunSettings, settings_from
from tests.runner.conftest import KEY, Bench, Service, chat_line

CHAT, MESSAGES, BALANCE = "/v1/chat/completions", "/v1/messages", "/v1/balance"
AZURE = "https://a.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("given", "base", "chat"),
    [
        ("https://a.test", "https://a.test", "https://a.test/v1/chat/completions"),
        ("https://a.test/", "https://a.test", "https://a.test/v1/chat/completions"),
        ("  https://a.test/v1/ ", "https://a.test", "https://a.test/v1/chat/completions"),
        ("http://[::1]:80/x/v1", "http://[::1]:80/x", "http://[::1]:80/x/v1/chat/completions"),
        ("https://a.test/api/v1", "https://a.test/api", "https://a.test/api/v1/chat/completions"),
        ("https://a.test/p/v4", "https://a.test/p/v4", "https://a.test/p/v4/chat/completions"),
        (
            "https://a.test/v1beta/openai/",
            "https://a.test/v1beta/openai",
            "https://a.test/v1beta/openai/chat/completions",
        ),
        (
            "https://a.test/v1/accounts/7/ai",
            "https://a.test/v1/accounts/7/ai",
            "https://a.test/v1/accounts/7/ai/chat/completions",
        ),
        (
            AZURE,
            AZURE,
            "https://a.openai.azure.com/openai/deployments/gpt/chat/completions"
            "?api-version=2024-10-21",
        ),
        (
            "https://a.test/openai/v1?api-version=preview",
            "https://a.test/openai/v1?api-version=preview",
            "https://a.test/openai/v1/chat/completions?api-version=preview",
        ),
        # A name that only begins as a version does is none.
        ("https://a.test/v1ction", "https://a.test/v1ction", "https://a.test/v1ction" + CHAT),
    ],
)
def test_what_the_base_url_says_of_a_version_stands_in_for_v1(
    given: str, base: str, chat: str
) -> None:
    assert base_url_from(given, {}) == base
    assert base_url_from(base, {}) == base
    assert endpoint_url(base, CHAT) == chat


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("https://a.test/v1/chat/completions", "https://a.test/v1"),
        ("https://a.test/v1/chat/completions/", "https://a.test/v1"),
        ("https://a.test/chat/completions", "https://a.test"),
        ("https://a.test/v1/messages", "https://a.test/v1"),
        ("https://a.test/api/v4/Chat/Completions", "https://a.test/api/v4"),
        ("https://a.test/v1/images/generations", "https://a.test/v1"),
        ("https://a.test/v1/embeddings", "https://a.test/v1"),
        (AZURE.replace("?", "/chat/completions?"), AZURE),
    ],
)
def test_a_base_url_that_holds_the_endpoint_is_told_and_what_to_give(
    given: str, instead: str
) -> None:
    with pytest.raises(InputError) as caught:
        base_url_from(given, {})
    assert "holds the endpoint /" in caught.value.message
    assert caught.value.message.endswith(f"give {instead}")
    assert "\n" not in caught.value.message
    assert base_url_from(instead, {}) + "/v1" in (instead, instead + "/v1")


@pytest.mark.parametrize(
    "given",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://a b.test",
        "https://a\tb.test",
        "https://user:sk-secret@api.example.com",
        "https://user:sk-secret/x@api.example.com",
        "user:sk-secret@api.example.com",
        "//user:sk-secret@api.example.com",
        "https:user:sk-secret@api.example.com",
        "ftp://user:sk-secret@api.example.com",
        "https://api.example.com?key=sk-secret",
        "https://api.example.com/v1/chat/completions?key=sk-secret",
        "https://api.example.com?sk-secret",
        "https://api.example.com?api-version=1&key=sk-secret",
        "https://api.example.com?api-version=sk-secret%20",
        "https://api.example.com?api-version=",
        "https://api.example.com#sk-secret",
        "https://[half",
    ],
)
def test_a_base_url_that_cannot_be_used(given: str) -> None:
    with pytest.raises(InputError) as caught:
        base_url_from(given, {})
    assert "sk-secret" not in caught.value.message
    assert "base URL" in caught.value.message


@given_any(st.text("ht:/@?#[]%.v1 secr\t", max_size=25))
def test_any_text_is_a_base_url_or_one_clear_error(text: str) -> None:
    try:
        found = base_url_from(f"https://{text}", {})
    except InputError as error:
        found = error.message
    assert "\n" not in found
    assert "@" not in found


def test_a_url_is_shown_without_its_user_and_query() -> None:
    assert without_secrets("https://me:pass@a.test/x?key=1#y") == "https://a.test/x"
    assert without_secrets("me:pa@ss@a.test") == "a.test"
    assert without_secrets("https://a.test/x") == "https://a.test/x"


def test_each_protocol_may_have_a_base_url_of_its_own() -> None:
    both = {"openai": "https://a.test/api/paas/v4", "anthropic": "https://a.test/api/anthropic/"}
    urls = base_urls_from(both)
    assert urls == BaseUrls("https://a.test/api/paas/v4", "https://a.test/api/anthropic")
    heads = request_heads(*urls, key=Secret(KEY), headers=()).posts
    assert str(heads[CHAT].url) == "https://a.test/api/paas/v4/chat/completions"
    assert str(heads[MESSAGES].url) == "https://a.test/api/anthropic/v1/messages"
    one = base_urls_from({"anthropic": "https://a.test"})
    assert one == BaseUrls("https://a.test", "https://a.test")
    with pytest.raises(InputError, match="did you mean 'anthropic'"):
        base_urls_from({"antropic": "https://a.test"})
    with pytest.raises(InputError, match="two Unix sockets"):
        base_urls_from({"openai": "unix:/a", "anthropic": "unix:/b"})


def test_azure_has_the_key_where_it_looks_for_it() -> None:
    heads = request_heads(AZURE, AZURE, key=Secret(KEY), headers=())
    assert heads.posts[CHAT].headers["api-key"] == KEY
    assert heads.get["api-key"] == KEY
    plain = request_heads("https://a.test", "https://a.test", key=Secret(KEY), headers=())
    assert "api-key" not in plain.posts[CHAT].headers
    assert plain.posts[CHAT].headers["authorization"] == f"Bearer {KEY}"


def test_the_settings_file_has_a_table_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert base_urls_in_settings() == {}
    (tmp_path / "headrace.toml").write_text('[base-urls]\nanthropic = "https://b.test"\n')
    assert base_urls_in_settings() == {"anthropic": "https://b.test"}
    (tmp_path / "headrace.toml").write_text('[base-urls]\nopeanai = "https://b.test"\n')
    with pytest.raises(InputError, match="did you mean 'openai'"):
        base_urls_in_settings()
    (tmp_path / "headrace.toml").write_text("[base-urls]\nopenai = 1\n")
    with pytest.raises(InputError, match="openai = "):
        base_urls_in_settings()


async def test_a_run_sends_each_protocol_to_its_own_base_url(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    origins: list[Any] = []

    async def connect(origin: Any) -> trio.abc.Stream:
        origins.append(origin.host)
        return await service.connect(origin)

    bench.write(chat_line("a"), chat_line("b").replace(b"chat/completions", b"messages"))
    bench.write(
        *(
            line.replace(b'"model"', b'"max_tokens": 9, "model"')
            for line in bench.jobs.read_bytes().splitlines()
        )
    )
    ran = await bench.run_over(
        connect, KEY, anthropic_base_url="http://messages.test/v4", concurrency=1
    )
    paths = {seen.headers["host"]: seen.path for seen in service.posts}
    assert paths == {"gateway.test": CHAT, "messages.test": "/v4/messages"}
    assert {*origins} == {"gateway.test", "messages.test"}
    assert ran.manifest["anthropic_base_url"] == "http://messages.test/v4"


def test_what_is_wrong_with_a_route_is_told_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pa/ss@proxy.test:1")
    with pytest.raises(InputError, match=r"^HTTPS_PROXY is not") as caught:
        settings_from(RunSettings, "sk-1", base_url="https://a.test")
    assert "pa/ss" not in caught.value.message
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(InputError, match=r"^SSL_CERT_FILE is .*gone\.pem"):
        settings_from(RunSettings, "sk-1", base_url="https://a.test")
    with pytest.raises(InputError, match=r"^SSL_CERT_FILE is"):
        settings_from(RunSettings, "sk-1", base_url="http://a.test", download=True)
    assert settings_from(RunSettings, "sk-1", base_url="http://a.test").download is False
