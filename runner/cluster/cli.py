"""The commands `headrace cluster ...`: what the machines of a cluster can do."""

import click

UNUSABLE_EXIT_CODE = 1


@click.group()
def cluster() -> None:
    """Look at the machines of a dask cluster before they are used. Sends no request."""


@cluster.command()
@click.argument("cluster", metavar="URL|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(cluster: str, *, as_json: bool) -> None:
    """Compare the machines of a cluster with this one.

    URL is that of a dask scheduler, tls://HOST:PORT (or tcp:// on loopback); FILE is its scheduler
    file. Compared are the key (by a digest: it is never sent), versions and clocks; shown are
    cores, open files and ports. Exit code 1 where a machine can't take part.

    The key is read from HEADRACE_API_KEY, here and on each machine.
    """
    import asyncio
    import secrets

    from rich.console import Console

    from headrace.jobs import printable_json

    from ..settings import key_from
    from .check import as_json as json_of
    from .check import check_cluster
    from .check_table import print_check

    key_from(None)  # what is wrong with it is said before anything else
    found = asyncio.run(check_cluster(cluster, secrets.token_bytes(32)))
    if as_json:
        click.echo(printable_json(json_of(found)), nl=False)
    else:
        print_check(found, Console())
    if not found.usable:
        click.get_current_context().exit(UNUSABLE_EXIT_CODE)
