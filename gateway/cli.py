"""The command `headrace gateway`."""

from typing import Any

import click

_LOOPBACK = ("127.", "::1", "localhost")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: a free one."
)
@click.option("--rpm", default="60", show_default=True, help="Requests a minute, or none.")
@click.option("--tpm", default="100000", show_default=True, help="Tokens a minute, or none.")
@click.option(
    "--window",
    type=click.Choice(["fixed", "sliding", "bucket"]),
    default="fixed",
    show_default=True,
    help="How the limits count a minute.",
)
@click.option("--ttft", default="0ms", show_default=True, help="Time to the first token.")
@click.option("--itl", default="0ms", show_default=True, help="Time between tokens.")
@click.option("--faults", default="", help="Such as 429=0.02,reset=0.01: shares of requests.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same answers.")
@click.option("--balance", default="100", show_default=True, help="What the tenant has to spend.")
@click.option("--prices", metavar="FILE", help="Price table, TOML.")
@click.option("--log", metavar="FILE", help="Append what the server saw, one JSON line a request.")
def gateway(**options: Any) -> None:
    """Serve the API on this machine, to try things on.

    Prints its base URL and its API key, as lines that a shell can export, once it listens. The
    key comes from the seed, or from HEADRACE_GATEWAY_KEY.
    """
    from .command import run

    host = options["host"]
    if not host.startswith(_LOOPBACK):
        click.echo(
            f"Warning: listening on {host}: others on the network can reach this server.", err=True
        )
    run(options)
