"""Servers that others wrote, each started on loopback with a log of its own that is read after."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import trustme

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SLOTS = 4
READY_S = 90.0
LITELLM_KEY = "sk-peers-of-the-tests-0123456789abcdef"


class UnavailableError(Exception):
    """Why a peer can't be had here, in words."""


class Served(NamedTuple):
    """A peer at work: where, its key, its log, and the authority that signed for it, if any."""

    url: str
    key: str
    log: Path
    authority: Path | None = None

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()


def environment(**more: str) -> dict[str, str]:
    """This one's, without what it says of headrace and of proxies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEADRACE") and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONPATH": str(ROOT / "src"), **more}


@contextlib.contextmanager
def running(command: list[str], log: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose standard error is its log; ended at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(**more),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def wait_until_ready(
    process: subprocess.Popen[str], url: str, *, tls: ssl.SSLContext | None = None
) -> None:
    """Until it answers GET `url` at all. Raises UnavailableError."""
    end_s = time.monotonic() + READY_S
    while time.monotonic() < end_s:
        if process.poll() is not None:
            raise UnavailableError(f"it ended at its start with exit code {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2, context=tls).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
            continue
        return
    raise UnavailableError(f"it was not ready within {READY_S:g} s")


def _python(package: str) -> Path:
    """The interpreter of the peers' environment, which has `package`."""
    python = ROOT / os.environ.get("PEERS_VENV", ".venv-peers") / "bin" / "python"
    if not python.exists():
        raise UnavailableError(f"there is no {python}")
    found = subprocess.run(
        [python, "-c", f"import importlib.util as u; assert u.find_spec({package!r})"],
        capture_output=True,
        check=False,
    )
    if found.returncode:
        raise UnavailableError(f"{package} is not installed in {python.parents[1].name}")
    return python


@contextlib.contextmanager
def llama(folder: Path) -> Iterator[Served]:
    """llama.cpp's server, from xllamacpp, with Gemma 3 of 270 million parameters."""
    python = _python("xllamacpp")
    log = folder / "llama.log"
    command = [str(python), str(HERE / "llama_server.py"), str(folder / "gemma.gguf"), str(SLOTS)]
    with running(command, log) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise UnavailableError(f"it did not start: {log.read_text()[-300:]}")
        wait_until_ready(process, f"{url}/health")
        yield Served(url, "none", log)


LITELLM_MODEL = """\
  - model_name: {name}
    litellm_params: {{model: openai/mock, api_key: none, mock_response: "{answer}"}}
"""
LITELLM_ANSWERS = {
    "mock": "The Elbe is a river.",
    "limited": "litellm.RateLimitError",
    "broken": "litellm.InternalServerError",
}
LITELLM_MODELS = "".join(
    LITELLM_MODEL.format(name=name, answer=answer) for name, answer in LITELLM_ANSWERS.items()
)
LITELLM = f"""\
model_list:
{LITELLM_MODELS}
general_settings: {{master_key: {LITELLM_KEY}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""


@contextlib.contextmanager
def litellm(folder: Path) -> Iterator[Served]:
    """litellm's proxy, whose models answer by themselves."""
    python = _python("litellm")
    config, log, port = folder / "litellm.yaml", folder / "litellm.err", free_port()
    config.write_text(LITELLM)
    program = str(python.with_name("litellm"))
    command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    access = folder / "litellm.log"
    # Its access log is on standard output.
    shell = ["/bin/sh", "-c", 'exec "$@" >"$0"', str(access), *command]
    with running(shell, log, LITELLM_LOCAL_MODEL_COST_MAP="True") as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(process, f"{url}/health/liveliness")
        yield Served(url, LITELLM_KEY, access)


@contextlib.contextmanager
def gateway(folder: Path, *flags: str) -> Iterator[Served]:
    """`headrace gateway`, for a proxy to stand before."""
    log = folder / "gateway.jsonl"
    command = [sys.executable, "-m", "headrace", "gateway", "--port", "0", "--log", str(log)]
    with running([*command, *flags], folder / "gateway.err") as process:
        assert process.stdout is not None
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        yield Served(said["HEADRACE_BASE_URL"], said["HEADRACE_API_KEY"], log)


NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  log_format peers escape=json
    '{{"status":$status,"method":"$request_method","upstream":"$upstream_status"'
    ',"protocol":"$server_protocol","connection":$connection}}';
  access_log {folder}/access.jsonl peers;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  limit_req_zone $server_port zone=all:1m rate=20r/s;
  upstream gateway {{ server {upstream}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    keepalive_requests {keepalive_requests};
    client_max_body_size 8m;
    location / {{
      {location}
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(
    folder: Path, behind: Served, *, location: str = "", keepalive_requests: int = 1000
) -> Iterator[Served]:
    """nginx with TLS and HTTP/2, before a gateway."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise UnavailableError("there is no nginx; Debian has it as nginx-light")
    authority, port = trustme.CA(), free_port()
    signed = authority.issue_cert("localhost", "127.0.0.1")
    signed.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(
            folder=folder,
            port=port,
            upstream=behind.url.removeprefix("http://"),
            location=location,
            keepalive_requests=keepalive_requests,
        )
    )
    tls = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    command = [program, "-p", str(folder), "-c", str(config)]
    with running(command, folder / "nginx.err") as process:
        url = f"https://localhost:{port}"
        wait_until_ready(process, f"{url}/v1/nothing", tls=tls)
        yield Served(url, behind.key, folder / "access.jsonl", folder / "authority.pem")


def posts_in(served: Served) -> list[dict[str, Any]]:
    """The POSTs in a log of JSON lines: the gateway's, or nginx's."""
    rows = [json.loads(line) for line in served.lines()]
    return [row for row in rows if row["method"] == "POST"]


def statuses_in(served: Served) -> list[int]:
    """Of the POSTs in uvicorn's access log, which is litellm's."""
    found = [re.search(r'"POST /v1/\S+ HTTP/1\.1" (\d+)', line) for line in served.lines()]
    return [int(each[1]) for each in found if each is not None]


class LlamaWork(NamedTuple):
    """What llama.cpp says that it did: requests, and tokens read (not from its cache), written."""

    requests: int
    read_tokens: int
    written_tokens: int


def work_in(served: Served) -> LlamaWork:
    lines = served.lines()
    timed = [re.search(r"\|\s+(prompt )?eval time = .*? / +(\d+) tokens", line) for line in lines]
    return LlamaWork(
        sum("processing task" in line for line in lines),
        sum(int(each[2]) for each in timed if each is not None and each[1]),
        sum(int(each[2]) for each in timed if each is not None and not each[1]),
    )
