"""The commands `headrace prices ...`: prices from an account, and a price file held against one."""

import click

DIFFERS_EXIT_CODE = 4


_service = click.option(
    "--service", metavar="NAME", help="Of RUNs with several services, the one that is meant."
)


@click.group()
def prices() -> None:
    """Tell prices from what an account took, check a price file, or import a published list."""


@prices.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--out", metavar="FILE", help="Write the price file there.  [default: print it]")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@_service
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
def fit(
    runs: tuple[str, ...], *, out: str | None, force: bool, service: str | None, as_json: bool
) -> None:
    """Infer prices from the balance readings of RUNs and what their answers used.

    A price is told where only one of at most six decimals is possible, and as a range elsewhere.
    It takes one or two runs more than there are prices, each with another share of input, output
    and so on: small ones will do. A run without --prices will do, too.
    """
    from pathlib import Path

    from .figures import data_json
    from .output import refuse_existing, write_whole
    from .price_fit import fit_data, fit_notes, fit_prices, fit_toml, observe, open_runs

    if out is not None:
        refuse_existing(Path(out), force=force)
    observed = observe(open_runs(runs, service=service))
    found = fit_prices(observed)
    text = fit_toml(found, observed)
    if out is not None:
        write_whole(Path(out), text.encode())
        for words in fit_notes(found, observed):
            click.echo(words, err=True)
        told = sum(each.told is not None for each in found.prices.values())
        click.echo(f"Wrote {out}: {told} of {len(found.prices)} prices told", err=as_json)
    if as_json:
        click.echo(data_json(fit_data(found, observed)), nl=False)
    elif out is None:
        click.echo(text, nl=False)


@prices.command()
@click.argument("file", metavar="FILE")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@_service
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
def check(file: str, runs: tuple[str, ...], *, service: str | None, as_json: bool) -> None:
    """Compare the price file FILE with what the account took during RUNs, by model.

    Exit code 4 where they differ.
    """
    from pathlib import Path

    from headrace.jobs import load_prices

    from .figures import data_json
    from .price_fit import check_lines, check_prices, observe, open_runs, refuse_other_currency

    table = load_prices(Path(file))
    bands = {
        model: [band.from_input_tokens for band in price.bands]
        for model, price in table.models.items()
        if price.bands
    }
    observed = observe(open_runs(runs, service=service), bands)
    refuse_other_currency(table, observed, file)
    found = check_prices(observed, table)
    if as_json:
        click.echo(data_json(found), nl=False)
    else:
        for line in check_lines(found):
            click.echo(line)
    if found.verdict == "differs":
        click.get_current_context().exit(DIFFERS_EXIT_CODE)


@prices.command("import")
@click.argument("file", metavar="FILE")
@click.option("--out", required=True, metavar="FILE", help="The price file to write.")
@click.option("--force", is_flag=True, help="Overwrite it.")
@click.option("--provider", metavar="NAME", help="Only this provider's models.")
@click.option("--model", "models", metavar="GLOB", multiple=True, help="Only these; repeatable.")
def import_(
    file: str, *, out: str, force: bool, provider: str | None, models: tuple[str, ...]
) -> None:
    """Make a price file of a published list: litellm's model_prices_and_context_window.json, or
    models.dev's api.json, downloaded before. In USD, as they are.
    """
    from pathlib import Path

    from headrace.jobs import counted, price_file_text, published_prices

    from .output import refuse_existing, write_whole

    refuse_existing(Path(out), force=force)
    found = published_prices(Path(file), provider=provider, models=models)
    write_whole(Path(out), price_file_text(found.table, source=found.source).encode())
    for words in found.notes:
        click.echo(words, err=True)
    click.echo(f"Wrote {out}: prices of {counted(len(found.table.models), 'model')}")
