"""The command `headrace gateway`."""

from typing import Any

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: a free one."
)
@click.option("--config", metavar="FILE", help="Keys, limits, latency, faults ..., TOML.")
@click.option("--rpm", help="Requests a minute for each key, or none.  [default: 60]")
@click.option("--tpm", help="Tokens a minute for each key, or none.  [default: 100000]")
@click.option(
    "--window",
    type=click.Choice(["fixed", "sliding", "bucket"]),
    help="How the limits count a minute.  [default: fixed]",
)
@click.option("--ttft", metavar="TIME", help="Time to the first token, such as 300ms.")
@click.option("--itl", metavar="TIME", help="Time between tokens, such as 10ms.")
@click.option("--faults", help="Such as 429=0.02,reset=0.01: shares of requests.")
@click.option(
    "--fault-header", is_flag=True, help="Let requests ask for a fault: x-headrace-fault: KIND."
)
@click.option("--seed", type=int, help="Same seed, same answers.  [default: 0]")
@click.option("--balance", help="What the tenant has to spend.  [default: 100]")
@click.option("--prices", metavar="FILE", help="Price table, TOML.")
@click.option("--log", metavar="FILE", help="Append what the server saw, one JSON line a request.")
@click.option("--log-chunks", is_flag=True, help="With each chunk's due and sent time in the log.")
@click.option("--state", metavar="FILE", help="Keep the ledger there across restarts (SQLite).")
@click.option("--tls-cert", metavar="FILE", help="Serve HTTPS: the certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Serve HTTPS: the private key, PEM.")
def gateway(**options: Any) -> None:
    """Serve the API on this machine, to try things on.

    Prints its base URL and its API key, as lines that a shell can export, once it listens. The
    key comes from the config file, from HEADRACE_GATEWAY_KEY, or from the seed. Flags go before
    the config file. A TIME may be a distribution: uniform:100ms:500ms, exponential:300ms or
    lognormal:300ms:0.5 (median, sigma).
    """
    from .command import run

    run(options)
