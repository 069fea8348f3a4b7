"""What it takes to begin: `headrace --help` and a run of one job, each beside the imports that it
can't do without, and the size of a plain installation.

    python benchmarks/start.py [--repeats 15]

The installation is that of `pip install .`, into a folder of its own: the project and everything
that it needs by default, at the versions of constraints.txt. Exits 1 when a target is missed.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from machine import Pace, cores, environment, instant, judged, on, told

HELP_TIMES, RUN_TIMES = 3.0, 2.0
NEEDED = {"help": "import click", "run": "import trio, httpx, polars"}
INSTALLED_MB = 400
LARGEST = 6
ROOT = Path(__file__).resolve().parent.parent


def took_ms(core: int, *arguments: str, env: dict[str, str] | None = None) -> float:
    """How long Python takes for these arguments, to the end of its process."""
    with on(core):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, check=True
        )
        return 1000 * (time.perf_counter() - begin)


def help_ms(core: int) -> float:
    return took_ms(core, "-m", "headrace", "--help")


def run_ms(core: int, folder: Path, env: dict[str, str], number: int) -> float:
    """A run of one job, from the start of its process to its end."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Say something."}]}
    jobs, out = folder / "one.jsonl", folder / f"run-{number}"
    jobs.write_text(json.dumps(body) + "\n", encoding="utf-8")
    return took_ms(core, "-m", "headrace", "run", str(jobs), "--out", str(out), env=env)


def installed_mb(folder: Path) -> dict[str, float]:
    """Megabytes of each package in a fresh installation, the largest first."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(folder)]
    command += ["-c", "constraints.txt", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"the installation failed:\n{done.stderr}")
    sizes = {
        each.name: sum(path.stat().st_size for path in [each, *each.rglob("*")] if path.is_file())
        for each in folder.iterdir()
    }
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    return {name: size / 1e6 for name, size in largest}


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=15, show_default=True)
def main(repeats: int) -> None:
    """Measure what it takes to begin."""
    server, client = cores()
    help_ms(client)  # so that what is on the disk is in memory
    took = told("headrace --help", [help_ms(client) for _ in range(repeats)], "ms")
    clicks = [took_ms(client, "-c", NEEDED["help"]) for _ in range(repeats)]
    click_ms = told(f"  {NEEDED['help']}", clicks, "ms")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with instant(server, folder, Pace()) as running:
            env = environment(running)
            runs = [run_ms(client, folder, env, number) for number in range(repeats + 1)][1:]
        run_took = told("a run of one job", runs, "ms")
        needed = [took_ms(client, "-c", NEEDED["run"]) for _ in range(repeats)]
        needed_ms = told(f"  {NEEDED['run']}", needed, "ms")
        sizes = installed_mb(folder / "installed")
    for name, size in list(sizes.items())[:LARGEST]:
        click.echo(f"{name:32} {size:10,.1f} MB")
    whole = sum(sizes.values())
    met = judged(
        "`headrace --help`",
        f"{took:.0f} ms, {took / click_ms:.2f} times `{NEEDED['help']}`",
        f"{HELP_TIMES:g} times",
        met=took < HELP_TIMES * click_ms,
    )
    met &= judged(
        "start of a run of one job",
        f"{run_took:.0f} ms, {run_took / needed_ms:.2f} times `{NEEDED['run']}`",
        f"{RUN_TIMES:g} times",
        met=run_took <= RUN_TIMES * needed_ms,
    )
    met &= judged(
        "installed size of everything the default needs",
        f"{whole:,.0f} MB",
        f"{INSTALLED_MB} MB",
        met=whole < INSTALLED_MB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
