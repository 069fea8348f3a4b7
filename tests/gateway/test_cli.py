import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import gateway

HEADRACE = (sys.executable, "-c", "from runner.main import main; main()", "gateway")


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | more


@pytest.mark.slow
def test_it_prints_its_url_and_key_and_ends_cleanly(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with subprocess.Popen(
        [*HEADRACE, "--seed", "3", "--log", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().removeprefix("HEADRACE_BASE_URL=").strip()
        key = process.stdout.readline().removeprefix("HEADRACE_API_KEY=").strip()
        assert base_url.startswith("http://127.0.0.1:")
        assert key.startswith("sk-")
        request = urllib.request.Request(
            f"{base_url}/v1/balance", headers={"authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response)["object"] == "balance"
        # The line is there before the server ends.
        [line] = log.read_text().splitlines()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (out, process.returncode) == ("", 143)
    assert "Traceback" not in err
    row = json.loads(line)
    assert (row["method"], row["path"], row["status"], row["charge"]) == (
        "GET",
        "/v1/balance",
        200,
        "0.0",
    )
    assert row["arrival"].endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rpm", "0"), "--rpm is '0'"),
        (("--tpm", "x"), "--tpm is 'x'"),
        (("--ttft", "300"), "--ttft is '300'"),
        (("--ttft", "gamma:1s:2s"), "--ttft is 'gamma:1s:2s'"),
        (("--faults", "boom=1"), "no fault is called 'boom'"),
        (("--prices", "/nowhere/prices.toml"), "cannot read the price file"),
        (("--log", "/nowhere/log"), "cannot write the log"),
        (("--balance", "lots"), "--balance is 'lots'"),
        (("--host", "256.1.1.1"), "cannot listen on 256.1.1.1"),
        (("--config", "/nowhere/gateway.toml"), "cannot read the config file"),
        (("--tls-cert", "/nowhere/cert.pem"), "--tls-cert and --tls-key go together"),
        (("--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"), "cannot use /nowhere/c"),
        (("--state", "/nowhere/state.db"), "cannot use the state file"),
        (("--itl", "uniform:5s:1s"), "--itl is 'uniform:5s:1s'"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_2(
    arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADRACE_GATEWAY_KEY", raising=False)
    done = CliRunner().invoke(gateway, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert said in line
