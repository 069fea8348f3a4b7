"""The command `headrace gateway`."""

from typing import Any

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="0 for a free one.",
)
@click.option(
    "--config", metavar="FILE", help="TOML file of keys, limits, latency, faults and more."
)
@click.option("--rpm", help="Requests per minute for each key, or none.  [default: 60]")
@click.option("--tpm", help="Tokens per minute for each key, or none.  [default: 100000]")
@click.option(
    "--window",
    type=click.Choice(["fixed", "sliding", "bucket"]),
    help="How a minute is counted for the limits.  [default: fixed]",
)
@click.option("--ttft", metavar="TIME", help="Time to the first token, such as 300ms.")
@click.option("--itl", metavar="TIME", help="Time between tokens, such as 10ms.")
@click.option("--answers", metavar="FILE", help="What to answer to which question, JSONL.")
@click.option("--faults", help="Such as 429=0.02,reset=0.01: shares of requests.")
@click.option(
    "--fault-header", is_flag=True, help="Let requests ask for a fault: x-headrace-fault: KIND."
)
@click.option("--seed", type=int, help="The same seed gives the same answers.  [default: 0]")
@click.option("--balance", help="Opening balance, in the currency of the prices.  [default: 100]")
@click.option("--prices", metavar="FILE", help="Price table, TOML.")
@click.option("--log", metavar="FILE", help="Append what the server saw: a JSON line per request.")
@click.option("--log-chunks", is_flag=True, help="Log when each chunk was due and was sent.")
@click.option(
    "--metrics",
    metavar="ADDR",
    help="Serve /metrics at this address too: 127.0.0.1:9464.",
)
@click.option("--state", metavar="FILE", help="Keep the ledger across restarts (SQLite).")
@click.option(
    "--until-eof",
    is_flag=True,
    help="End once standard input does: with the program that started it, however that ends.",
)
@click.option("--tls-cert", metavar="FILE", help="Serve HTTPS: the certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Serve HTTPS: the private key, PEM.")
def gateway(**options: Any) -> None:
    """Serve the API on this machine, for tests and trials.

    Once it listens, it prints its base URL and its API key as lines that a shell can export. The
    key comes from the config file, from HEADRACE_GATEWAY_KEY, or from the seed. Flags override
    the config file. Where others can reach it (--host), the key has to be one that was set. A TIME
    may be a distribution: uniform:100ms:500ms, exponential:300ms or
    lognormal:300ms:0.5 (median, sigma).
    """
    from .command import run

    run(options)
