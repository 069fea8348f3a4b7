"""Children have no key: neither the one that draws nor the practice gateway needs one."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from headrace.runner.children import environment_without_secrets
from headrace.runner.local_gateway import local_gateway
from headrace.runner.traffic.view import _start_screen

SECRETS = {
    "HEADRACE_API_KEY": "sk-1",
    "HEADRACE_GATEWAY_KEY": "sk-1",
    "OPENAI_API_KEY": "sk-1",
    "aws_secret_access_key": "sk-1",
    "HF_TOKEN": "sk-1",
    "https_proxy": "http://me:sk-1@proxy.test",
}


def test_what_is_secret_by_its_name_is_left_out() -> None:
    plain = {"PATH": "/bin", "TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": "src"}
    assert environment_without_secrets({**plain, **SECRETS}) == plain


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def test_the_process_that_draws_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, Any] = {}

    def popen(_command: list[str], **options: Any) -> Any:
        started.update(options)
        raise InterruptedError  # before it is one

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(InterruptedError):
        _start_screen()
    assert "sk-1" not in str(started)
    assert started["env"]["PATH"]


@pytest.mark.slow
def test_the_practice_gateway_has_no_key_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with local_gateway() as gateway:
        assert "sk-1" not in environment_of(gateway.pid)
