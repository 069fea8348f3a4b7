"""`headrace load`: a shape of traffic, and what it met with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from headrace.service_flag import SERVICE

from .. import defaults
from ..params import Money, send_flags, time_flag
from ..service_flags import chosen_services, the_one_service
from ..stderr import print_err

if TYPE_CHECKING:
    from .options import LoadOptions, LoadPlan

LENGTHS = "512, uniform:100:900, normal:512:64, histogram:FILE."


@click.command()
@click.option("--users", type=click.IntRange(min=1), metavar="N", help="A closed loop of N users.")
@click.option("--think", metavar="TIME", help="A user's pause: 2s, uniform:1s:3s, exponential:2s.")
@click.option("--rate", metavar="N/s", help="An open loop: requests are due at this rate.")
@click.option(
    "--stages",
    metavar="'0s:5/s, 60s:50/s'",
    help="An open loop whose rate changes; or users who come and go: '0s:1u, 60s:50u'.",
)
@click.option("--replay", metavar="FILE", help="An open loop: the times and lengths of a trace.")
@click.option(
    "--arrivals",
    type=click.Choice(["constant", "poisson", "gamma"]),
    default=defaults.ARRIVALS,
    show_default=True,
    help="How requests lie about the rate.",
)
@click.option(
    "--variation",
    type=click.FloatRange(0.05, 20),
    metavar="X",
    default=defaults.VARIATION,
    show_default=True,
    help="Of gamma arrivals: 1 is poisson, more comes in bursts.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.001, 1000),
    metavar="X",
    default=defaults.SPEED,
    show_default=True,
    help="How many times as fast to replay.",
)
@click.option(
    "--trace-unit",
    type=click.Choice(["s", "ms"]),
    help="Of a trace's times.  [default: its form's]",
)
@click.option(
    "--block-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="What a trace's hash_ids stand for.  [default: 512, Alibaba's 16]",
)
@time_flag("--duration", text="How long to measure.")
@click.option("--requests", type=click.IntRange(min=1), metavar="N", help="How many to measure.")
@time_flag("--warmup", defaults.WARMUP_S, text="Before it is measured.")
@time_flag("--grace", defaults.LOAD.grace_s, text="For what is in flight at the end.")
@click.option("--model", metavar="M", help=f"[default: {defaults.MODEL}, or what --jobs say]")
@click.option(
    "--url",
    default=defaults.URL,
    show_default=True,
    metavar="PATH",
    help="Which endpoint, such as /v1/embeddings.",
)
@click.option("--stream/--no-stream", default=None, help="[default: --stream, or what --jobs say]")
@click.option(
    "--prompt-tokens", metavar="N", help=f"{LENGTHS}  [default: {defaults.PROMPT_TOKENS}]"
)
@click.option(
    "--output-tokens", metavar="N", help=f"Likewise.  [default: {defaults.OUTPUT_TOKENS}]"
)
@click.option(
    "--shared-prefix",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=defaults.SHARED_PREFIX,
    help="Share of each prompt that is the same in all.",
)
@click.option(
    "--turns",
    default=defaults.TURNS,
    show_default=True,
    metavar="N",
    help="Requests per conversation.",
)
@click.option(
    "--extra", metavar="JSON", help="More fields for each body: '{\"ignore_eos\": true}'."
)
@click.option("--jobs", metavar="FILE", help="Send the jobs of a file instead, in a circle.")
@click.option("--sample", is_flag=True, help="Draw from the jobs of the file.")
@click.option(
    "--slo",
    "objectives",
    metavar="EXPR",
    multiple=True,
    help="What a good request keeps to, such as 'ttft_s < 0.8'.",
)
@click.option(
    "--require",
    metavar="EXPR",
    multiple=True,
    help="What the run must meet, such as 'p95(latency_s) < 3': else exit code 4.",
)
@click.option(
    "--unclear",
    type=click.Choice(["met", "missed", "point"]),
    default="point",
    show_default=True,
    help="What such a one counts as whose interval holds its limit; point: as it came out.",
)
@time_flag(
    "--client-error",
    text="What this client may be late by.  [default: 1 % of the latency; a gap between tokens]",
)
@click.option(
    "--cost-per-hour",
    type=Money(),
    metavar="AMOUNT",
    help="What the hardware costs that answers: for the cost of a million tokens.",
)
@click.option(
    "--sweep",
    metavar="LOADS",
    help="A run for each: '10/s, 20/s, 40/s', or users: '8, 16, 32'.",
)
@click.option(
    "--find",
    metavar="EXPR",
    help="The highest rate that meets this, such as 'p95(ttft_s) < 0.8 and error_rate < 0.01'; "
    "it begins at --rate, or 1/s; over users it begins at --users.",
)
@click.option(
    "--precision",
    type=click.FloatRange(0.001, 1),
    default=defaults.PRECISION,
    show_default=True,
    help="Of --find: how far apart the loads may be that meet and miss, as a share.",
)
@click.option("--highest", metavar="N/s|N", help="Of --find: never beyond this rate, or users.")
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    metavar="N",
    help="The run so many times, to see how much runs differ; --require is of all of them.",
)
@click.option(
    "--against",
    metavar="URL",
    help="A second service, each in turn (A, B, B, A); its key is in HEADRACE_API_KEY_AGAINST.",
)
@click.option(
    "--against-key-variable", metavar="NAME", help="The variable that has the key of --against."
)
@send_flags(
    defaults.LOAD, concurrency="none", text="Requests in flight; more is queued, never skipped."
)
@click.option(
    "--cancel", metavar="5%@2s", help="Cancel a share of the requests so long after they are sent."
)
@click.option(
    "--scrape",
    metavar="URL",
    help="Read the server's metrics once a second: http://127.0.0.1:8000/metrics.",
)
@SERVICE
@click.option("--seed", type=int, metavar="N", help="Of all chance.  [default: from the clock]")
@click.option("--out", metavar="RUN", help="A new run directory.  [default: load-DATE-N.run]")
def load(*, as_json: bool, **options: Any) -> None:
    """Send a shape of traffic, and report latency and throughput.

    One of --users, --rate, --stages and --replay is the shape; --duration or --requests ends it.
    Exit code 6 when the client could not keep up, so that its figures are not the service's; 4
    when they are, and miss what --require says; 1 when requests failed and nothing judges that.

    The key is read from HEADRACE_API_KEY.
    """
    from pathlib import Path

    from rich.console import Console

    from headrace.jobs import (
        SETTINGS_FILE,
        model_limits_from,
        other_endpoints_from,
        printable,
    )

    from ..cli import show_summary
    from ..clock import wall_now
    from ..session import REAL_ENVIRONMENT
    from .options import plan
    from .repeats_cli import make_repeats
    from .start import load_and_summarise
    from .steps_cli import make_steps
    from .view import display_on

    refuse_flags_of_another(click.get_current_context(), options)
    several = {name: options.pop(name) for name in ("sweep", "find", "precision", "highest")}
    again = {name: options.pop(name) for name in ("repeats", "against", "against_key_variable")}
    rpm, tpm, path = options["rpm"], options["tpm"], Path(SETTINGS_FILE)
    if services := chosen_services(options.pop("service_names"), rpm=rpm, tpm=tpm):
        options["service"] = the_one_service(services, model=options["model"])
        options["base_url"] = None
    else:
        options["model_limits"] = model_limits_from(path, rpm=rpm, tpm=tpm)
    options["endpoints"] = other_endpoints_from(path).named
    asked = cast("LoadOptions", options)
    if any(value is not None for value in again.values()):
        if several["sweep"] is not None or several["find"] is not None:
            raise click.UsageError(
                "--repeats and --against are of one load; leave out --sweep, --find"
            )
        make_repeats(asked, **again, as_json=as_json)
        return
    if several["sweep"] is not None or several["find"] is not None:
        make_steps(asked, **several, as_json=as_json)
        return
    planned = plan(asked, None, wall_now())
    print_calibration_warnings(planned)
    if planned.source.announcement is not None:
        print_err(printable(planned.source.announcement))
    judged = load_and_summarise(
        planned,
        display_on(Console(stderr=True)),
        REAL_ENVIRONMENT._replace(announce=print_err),
    )
    show_summary(judged.summary, as_json=as_json, gate=judged.gate)
    outcome = judged.outcome
    if outcome.reason is not None:
        print_err(f"Stopped: {printable(outcome.reason)}")
    click.get_current_context().exit(outcome.exit_code)


def refuse_flags_of_another(ctx: click.Context, options: Mapping[str, Any]) -> None:
    """Raise UsageError where a flag was given whose own flag was not, so that it would do nothing;
    a settings file may have it for the commands that do."""
    given = click.core.ParameterSource.COMMANDLINE
    for name, of, example in (
        ("precision", "find", "--find 'p95(ttft_s) < 0.8'"),
        ("highest", "find", "--find 'p95(ttft_s) < 0.8'"),
        ("unclear", "require", "--require 'p95(ttft_s) < 0.8'"),
    ):
        if not options[of] and ctx.get_parameter_source(name) is given:
            raise click.UsageError(f"--{name} is of --{of}; leave it out, or give {example}")


def print_calibration_warnings(planned: "LoadPlan") -> None:
    """Say what this machine's client was not seen to do, where it has been calibrated."""
    from .calibrated import calibration_path, saved_calibration
    from .calibration_warnings import calibration_warnings

    calibration = saved_calibration(calibration_path())
    for line in [] if calibration is None else calibration_warnings(calibration, planned):
        print_err(f"Warning: {line}")
