"""Which base URL a run has, where its requests go then, and where the key is."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import BaseUrls, InputError
from headrace.runner import Secret
from headrace.runner.base_url import base_urls_from, base_urls_in_settings
from headrace.runner.request_heads import request_heads
from headrace.runner.settings import RunSettings, settings_from
from tests.runner.conftest import KEY, Bench, Service, chat_line

CHAT, MESSAGES, BALANCE = "/v1/chat/completions", "/v1/messages", "/v1/balance"
AZURE = "https://a.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21"


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
