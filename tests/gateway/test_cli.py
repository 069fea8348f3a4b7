"""The command `headrace gateway`, its flags and its files."""

import json
import logging
import os
import resource
import signal
import ssl
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from headrace.gateway import Fault, Gateway, GatewayError, TimeDistribution, load_prices
from headrace.gateway.cli import gateway
from headrace.gateway.command import _allow_many_connections, _announce, _warn_if_late, build_config

HEADRACE = (sys.executable, "-c", "from headrace.runner.main import main; main()", "gateway")


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
        # The line is written before the server ends.
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
        (("--host", "0.0.0.0"), "its key is made from the seed: set HEADRACE_GATEWAY_KEY"),
        (("--host", "256.1.1.1"), "its key is made from the seed: set HEADRACE_GATEWAY_KEY"),
        (("--answers", "/nowhere/answers.jsonl"), "cannot read the answer file /nowhere/"),
        (("--config", "/nowhere/gateway.toml"), "cannot read the config file"),
        (("--tls-cert", "/nowhere/cert.pem"), "--tls-cert and --tls-key belong together"),
        (("--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"), "cannot use /nowhere/c"),
        (("--state", "/nowhere/state.db"), "cannot use the state file"),
        (("--itl", "uniform:5s:1s"), "--itl is 'uniform:5s:1s'"),
        (("--ttft", "9" * 5000 + "h"), "--ttft is longer than a year"),
        (("--rpm", "9" * 5000), "write a whole number above 0 and up to 1000000000000"),
        (("--balance", "1e70"), "--balance is 1e+70; write less than 10^24"),
        (("--balance", "1e-13"), "--balance has more than 12 decimals"),
        (("--seed", "9" * 39), "the seed is too large; write at most 38 digits"),
        (("--faults", "429@0"), "429@0: requests are counted from 1"),
        (("--faults", "429;retry-after=\u6c34=1"), "write printable ASCII"),
        (("--faults", "429;retry-after=1000000000=1"), "write at most 999999999"),
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


def test_an_address_that_is_not_there_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADRACE_GATEWAY_KEY", "sk-mine")
    done = CliRunner().invoke(gateway, ("--host", "256.1.1.1"))
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "cannot listen on 256.1.1.1" in line


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        ("", False),
        ('[[keys]]\nname = "a"\nsecret = "sk-own"\n', True),
        ('[[keys]]\nname = "a"\nsecret = "sk-own"\n[[keys]]\nname = "b"\n', False),
    ],
)
def test_others_reach_only_a_server_whose_keys_were_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, allowed: bool
) -> None:
    # The seed is 0 unless told otherwise: its key is the same on every machine.
    monkeypatch.delenv("HEADRACE_GATEWAY_KEY", raising=False)
    path = tmp_path / "gateway.toml"
    path.write_text(table)
    done = CliRunner().invoke(gateway, ("--host", "256.1.1.1", "--config", str(path)))
    assert done.exit_code == 2
    assert ("cannot listen" in done.stderr) is allowed
    assert ("its key is made from the seed" in done.stderr) is not allowed


@pytest.mark.slow
def test_https_config_state_and_key_from_the_command_line(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "gateway.toml").write_text("balance = 7\ngift = 1\n")
    arguments = ["--config", "gateway.toml", "--state", "state.db", "--tls-cert", "cert.pem"]
    with subprocess.Popen(
        [*HEADRACE, *arguments, "--tls-key", "key.pem"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env=environment(HEADRACE_GATEWAY_KEY="sk-mine"),
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().removeprefix("HEADRACE_BASE_URL=").strip()
        assert base_url.startswith("https://127.0.0.1:")
        assert process.stdout.readline() == "HEADRACE_API_KEY=sk-mine\n"
        request = urllib.request.Request(f"{base_url}/v1/balance", headers={"x-api-key": "sk-mine"})
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        with urllib.request.urlopen(request, timeout=10, context=trusting) as response:
            assert json.load(response)["balance"] == 8.0
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130
    assert (tmp_path / "state.db").exists()


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.7", True),
        ("gateway.example", True),
    ],
)
def test_it_says_so_when_others_can_reach_it(
    host: str, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    _announce(Gateway(), host, f"http://{host}:1")
    shown = capsys.readouterr()
    assert shown.out.startswith(f"HEADRACE_BASE_URL=http://{host}:1\nHEADRACE_API_KEY=sk-")
    assert (f"Warning: listening on {host}: others" in shown.err) is warned


def test_it_warns_when_it_was_late(capsys: pytest.CaptureFixture[str]) -> None:
    application = Gateway()
    for _ in range(100):
        application.lateness.add(0.0001)
    _warn_if_late(application)
    assert capsys.readouterr().err == ""
    for _ in range(100):
        application.lateness.add(0.005)
    _warn_if_late(application)
    said = capsys.readouterr().err
    assert said.startswith("Warning: 1 % of 200 paced writes left more than 5.0 ms late (worst")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from headrace.gateway.cli import gateway; "
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'trio', 'msgspec', 'ssl'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_log_that_cannot_be_written_ends_the_server_in_one_line() -> None:
    with subprocess.Popen(
        [*HEADRACE, "--log", "/dev/full"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().removeprefix("HEADRACE_BASE_URL=").strip()
        with pytest.raises(OSError, match=r"."):
            urllib.request.urlopen(f"{base_url}/nowhere", timeout=10)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert err.splitlines()[1:] == [
        "Error: cannot write the log /dev/full: No space left on device"
    ]


def test_flags_override_the_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_GATEWAY_KEY", "sk-mine")
    path, prices = tmp_path / "gateway.toml", tmp_path / "prices.toml"
    path.write_text('rpm = 5\ntpm = 6\nbalance = 7\nwindow = "bucket"\ncapacity = 3\n')
    prices.write_text('currency = "USD"\n[models.m]\ninput = 1\n')
    unset = dict.fromkeys(parameter.name for parameter in gateway.params)
    said = {
        "config": str(path),
        "rpm": "NONE",
        "ttft": "300ms",
        "itl": "uniform:1ms:2ms",
        "fault_header": True,
        "log_chunks": True,
        "faults": "500=0.5",
        "prices": str(prices),
        "balance": "8.5",
        "seed": 9,
    }
    config = build_config(unset | said)
    assert (config.rpm, config.tpm, config.balance, config.seed) == (None, 6, Decimal("8.5"), 9)
    assert (config.window, config.capacity, config.prices.currency) == ("bucket", 3, "USD")
    assert (config.ttft_s, config.itl_s) == (0.3, TimeDistribution("uniform", 0.001, 0.002))
    assert (config.fault_header, config.log_chunks) == (True, True)
    assert config.faults == (Fault("500", 0.5),)
    assert [key.secret for key in config.keys] == ["sk-mine"]
    path.write_text('[[keys]]\nname = "own"\nsecret = "sk-own"\n')
    assert [key.secret for key in build_config(unset | {"config": str(path)}).keys] == ["sk-own"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = 1", "Expected `object`"),
        ("x = [", "is not a TOML price file"),
        ("[models.m]\ninput = -1", 'models."m".input is -1; an amount is zero or more'),
        ("[models.m.images]\ndefault = nan", "images.default is"),
    ],
)
def test_an_invalid_price_file_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(GatewayError) as caught:
        load_prices(path)
    assert said in str(caught.value)


def test_a_price_file_for_clients_serves_here_too(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(
        "[models.m]\ninput = 1\ncached-input = 0.5\ncache-write-1h = 6\nreasoning = 3\n"
        "web-search = 10\nmax-input-tokens = 9\n"
        "[[models.m.bands]]\nfrom-input-tokens = 5\ninput = 2\n"
    )
    price = load_prices(path).models["m"]
    assert price.tokens_cost(fresh=2, cached=2, output=0) == Decimal("0.000003")


def test_too_many_connections_are_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    # trio logged a traceback ten times per second.
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    logger = logging.getLogger("trio.serve_listeners")
    try:
        _allow_many_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
        for _ in range(3):
            logger.error("accept returned %s", "EMFILE", exc_info=OSError(24, "Too many"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        logger.propagate, logger.handlers = True, []
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "Warning: too many connections are open to accept more; "
        "raise the limit of open files (ulimit -n).\n"
    )
