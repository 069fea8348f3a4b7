"""What it takes to begin: the time of `headrace --help`, and the size of a plain installation.

    python benchmarks/start.py [--repeats 15]

The installation is that of `pip install .`, into a folder of its own: the project and everything
that it needs by default, at the versions of constraints.txt. Exits 1 when a target is missed.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from machine import cores, judged, on, told

HELP_MS = 150
INSTALLED_MB = 400
LARGEST = 6
ROOT = Path(__file__).resolve().parent.parent


def help_ms(core: int) -> float:
    command = [sys.executable, "-m", "headrace", "--help"]
    with on(core):
        begin = time.perf_counter()
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return 1000 * (time.perf_counter() - begin)


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
    _, client = cores()
    help_ms(client)  # so that what is on the disk is in memory
    took = told("headrace --help", [help_ms(client) for _ in range(repeats)], "ms")
    with tempfile.TemporaryDirectory() as folder:
        sizes = installed_mb(Path(folder))
    for name, size in list(sizes.items())[:LARGEST]:
        click.echo(f"{name:32} {size:10,.1f} MB")
    whole = sum(sizes.values())
    met = judged("`headrace --help`", f"{took:.0f} ms", f"{HELP_MS} ms", met=took < HELP_MS)
    met &= judged(
        "installed size of everything the default needs",
        f"{whole:,.0f} MB",
        f"{INSTALLED_MB} MB",
        met=whole < INSTALLED_MB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
