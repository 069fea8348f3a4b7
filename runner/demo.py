"""`headrace demo`: the whole tool on this machine, without a key, a network or a bill.

A gateway of its own in a process of its own, jobs made of real text, a run under limits that bind
and with faults on the way, the report, and a check of every figure that must hold.
"""

import shutil
import sys
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from headrace.reports import Summary

    from .local_gateway import GatewayProcess
    from .session import RunOutcome

JOBS = 420
TEXT_MODEL = "deepseek-v4-flash"
IMAGE_MODEL = "gpt-image-2"
RPM = 3000
TPM = 1_000_000
# Answers as real services send them: errors inside a 200, odd spelling, usage in other places.
VARIANTS = (
    "error-detail",
    "finish-error",
    "then-error",
    "bom",
    "stream-as-json",
    "content-parts",
    "usage-cached-hits",
)
FAULTS = ",".join(
    [
        "429=0.005,500=0.01,502=0.01,504=0.01,reset=0.01,cut=0.02",
        *(f"provider:{name}=0.025" for name in VARIANTS),
    ]
)
SEED = 1
DEFAULT_DIRECTORY = "headrace-demo"
# Written into the demo's directory, so that only what a demo made is ever cleared away.
MARKER = ".made-by-headrace-demo"
PRICES = f"""\
# Prices of the demo's gateway; the run computes its cost from the same file.
currency = "CNY"

[models."{TEXT_MODEL}"]
input = 1.00           # per million tokens
cached_input = 0.02
output = 2.00
search_request = 0.03  # per search
source = "made up for the demo"

[models."{IMAGE_MODEL}".images]
default = 0.25         # per image
"""


class GatewayTotals(NamedTuple):
    """What the gateway's own log says of the run."""

    posts: int
    charged: Decimal


@click.command()
@click.option(
    "--out",
    default=DEFAULT_DIRECTORY,
    metavar="DIR",
    show_default=True,
    help="Where the demo puts its files; an earlier demo there is replaced.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo(out: str, *, as_json: bool) -> None:
    """Gateway, jobs, run and report in one go, offline.

    Exit code 0 when everything came out as planned, down to the last digit of the cost.
    """
    from rich.console import Console

    from .cli import show_summary
    from .signals import ending_at_signals

    console = Console(stderr=True, highlight=False)
    console.soft_wrap = not console.is_terminal  # a pipe has no width to fold at
    directory = Path(out)
    bad_lines = make_files(directory)
    console.print(
        f"{JOBS} jobs made of the standard library's docstrings, and {bad_lines} bad lines, "
        f"in {directory / 'jobs.jsonl'}."
    )
    what_next = f"its files stay in {directory}; give the same command to begin anew"
    with ending_at_signals(what_next) as ending, serving(directory) as gateway:
        console.print(
            f"A gateway at {gateway.base_url} allows {RPM:,} requests and {TPM:,} tokens per "
            "minute; some answers fail on purpose."
        )
        outcome, summary = _run(directory, gateway, console)
        ending.check(outcome.exit_code)
    show_summary(summary, as_json=as_json)
    unmet = check(directory, bad_lines)
    if summary.balance.verdict != "agrees":
        unmet.append(f"the balance check: {summary.balance.verdict}")
    for line in unmet:
        console.print(f"Not as planned: {line}", style="red", markup=False)
    if not unmet:
        _what_next(console, directory)
    click.get_current_context().exit(1 if unmet else 0)


def make_files(directory: Path) -> int:
    """Make the demo's directory, job file and price file; returns the number of bad lines.

    Raises jobs.InputError where the directory holds something that no demo made.
    """
    from headrace.jobs import BAD_LINES, InputError, docstring_jobs

    if directory.exists() and not (directory / MARKER).exists():
        raise InputError(f"{directory} exists and no demo made it; choose another --out")
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(parents=True)
        (directory / MARKER).touch()
        (directory / "prices.toml").write_text(PRICES, encoding="utf-8")
        lines = list(
            docstring_jobs(JOBS, text_model=TEXT_MODEL, image_model=IMAGE_MODEL, seed=SEED)
        )
        every = len(lines) // len(BAD_LINES)
        for n, bad in enumerate(BAD_LINES):
            lines.insert(n * (every + 1) + every // 2, bad)
        text = b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
        (directory / "jobs.jsonl").write_bytes(text)
    except OSError as error:
        raise InputError(
            f"cannot write {directory}: {error.strerror}; choose another --out"
        ) from error
    return len(BAD_LINES)


def serving(directory: Path) -> AbstractContextManager["GatewayProcess"]:
    """The demo's gateway, which writes its log into the directory."""
    from .local_gateway import local_gateway

    return local_gateway(
        *("--seed", str(SEED), "--rpm", str(RPM), "--tpm", str(TPM)),
        *("--ttft", "80ms", "--itl", "2ms", "--faults", FAULTS),
        *("--prices", str(directory / "prices.toml"), "--log", str(directory / "gateway.log")),
    )


def _run(
    directory: Path, gateway: "GatewayProcess", console: Any
) -> tuple["RunOutcome", "Summary"]:
    from headrace.jobs import load_prices

    from .bulk import display_on, run_and_summarise
    from .secret import Secret
    from .settings import RunSettings

    settings = RunSettings(
        base_url=gateway.base_url,
        key=Secret(gateway.key),
        rpm=RPM,
        tpm=TPM,
        prices=load_prices(directory / "prices.toml"),
        seed=SEED,
    )
    jobs = str(directory / "jobs.jsonl")
    return run_and_summarise(jobs, directory / "jobs.run", settings, display_on(console))


def read_gateway_totals(log: Path) -> GatewayTotals:
    """Requests for jobs, and what they were charged, as the gateway wrote it down."""
    import msgspec

    posts = 0
    charged = Decimal(0)
    for line in log.read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if row["method"] == "POST":
            posts += 1
            charged += Decimal(row["charge"])
    return GatewayTotals(posts, charged)


def check(directory: Path, bad_lines: int) -> list[str]:
    """What did not come out as planned, in words; empty where all did.

    The figures are read from the run's Parquet and from the gateway's log, not from the report.
    """
    import polars as pl

    run = directory / "jobs.run"
    truth = read_gateway_totals(directory / "gateway.log")
    results = pl.read_parquet(run / "results" / "*.parquet", columns=["index", "status"])
    attempts = pl.read_parquet(run / "attempts" / "*.parquet", columns=["sent_at", "cost"])
    rejects = (run / "rejects.jsonl").read_bytes().count(b"\n")
    succeeded = int((results["status"] == "succeeded").sum())
    sent = len(attempts) - attempts["sent_at"].null_count()
    cost = Decimal(str(attempts["cost"].sum()))
    pairs = (
        ("jobs that succeeded", succeeded, JOBS),
        ("jobs with a result", results["index"].n_unique(), JOBS),
        ("lines rejected", rejects, bad_lines),
        ("attempts recorded, and requests in the gateway's log", sent, truth.posts),
        ("cost computed, and charges in the gateway's log", cost, truth.charged),
    )
    return [f"{what}: {found}, not {planned}" for what, found, planned in pairs if found != planned]


def _what_next(console: Any, directory: Path) -> None:
    run = directory / "jobs.run"
    beside = Path(sys.executable).parent
    command, python = (
        (name if shutil.which(name) == str(beside / name) else _shown(beside / name))
        for name in ("headrace", "python")
    )
    read = f"import polars as pl; print(pl.read_parquet('{run}/results/*.parquet'))"
    for line in (
        "As planned: the cost is what the gateway's own ledger says, to the last digit.",
        "",
        f"The run directory is {run}. Try next:",
        f"  {command} report {run} --html",
        f'  {python} -c "{read}"',
        f"  {command} gateway            an API to develop against",
        f"  {command} run your.jsonl     your own jobs, on your own gateway",
    ):
        console.print(line, markup=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
