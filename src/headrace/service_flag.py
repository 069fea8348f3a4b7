"""The flag that chooses among `[[services]]`, of all commands that read them."""

import click

SERVICE = click.option(
    "--service",
    "service_names",
    metavar="NAME",
    multiple=True,
    help="Of [[services]] in headrace.toml, use this one; may be repeated.  [default: all]",
)
