"""Every target for speed in one go, written to benchmarks/RESULTS.md with the machine and versions.

    python benchmarks/results.py [--only NAME ...] [--out benchmarks/RESULTS.md]
    python benchmarks/results.py --proof nights        that section alone; all others stay

Each measurement is a script of its own beside this one, which says what it does and pins what it
starts to a core. Wants two cores to itself and about ten minutes. Exits 1 when a target is missed,
2 when something could not be measured.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from machine import ROWS

HERE = Path(__file__).resolve().parent
# Name -> script and its arguments, the quick ones first.
PARTS = {
    "start": ("start.py",),
    "bulk": ("bulk.py", "--repeats", "5"),
    "floor": ("floor.py", "--repeats", "5"),
    "workers": ("workers.py", "--repeats", "5"),
    "local-cluster": ("local_cluster.py", "--repeats", "3"),
    "load": ("load.py", "--repeats", "5"),
    "watched": ("watched.py", "--repeats", "5", "--seconds", "12"),
    "chunks": ("chunks.py", "--repeats", "3"),
    "report": ("report.py", "--repeats", "3"),
    "lines": ("lines.py", "--line-bytes", "400"),
    "datasets": ("datasets.py",),
    "join": ("join.py",),
}
# What proves promises by many cases, each a module and its arguments, with a section of its own and
# a make target.
PROOFS = {
    "nights": ("tests.nights",),
    "repeats": ("tests.repeats",),
    "users": ("tests.users",),
    "prices": ("tests.price_fit",),
    "crash": ("tests.crash",),
    "crash-cluster": ("tests.crash", "--cluster", "--kills", "60", "--interrupts", "12"),
    "crash-services": ("tests.crash", "--services", "3", "--kills", "40", "--interrupts", "12"),
    "cluster": ("tests.cluster_simulation",),
}
PACKAGES = ("trio", "httpx", "httptools", "msgspec", "polars", "aiohttp")


def measure(name: str, rows: Path) -> tuple[str, int]:
    """Run one part: what it printed, and its exit code."""
    script, *arguments = PARTS[name]
    click.echo(f"-- {name}")
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=os.environ | {ROWS: str(rows)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    click.echo(done.stdout, nl=False)
    return done.stdout, done.returncode


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def machine(load: float) -> list[str]:
    count = len(os.sched_getaffinity(0))
    found = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- {processor()}, {count} cores to itself, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}; {found}",
        f"- load average when it began: {load:.2f}"
        + ("" if load < 0.5 else " (others were at work: the figures are worse than the truth)"),
    ]


def page(rows: list[dict[str, Any]], said: dict[str, str], took_s: float, load: float) -> str:
    """The results as Markdown."""
    lines = ["# Results", "", "Written by `make bench`; medians of several runs. Client and server"]
    lines += ["have a core each, and what is compared ran in the same go.", "", *machine(load), ""]
    lines += ["| what | measured | target | |", "| --- | --- | --- | --- |"]
    for row in rows:
        verdict = "met" if row["met"] else "**missed**"
        lines.append(f"| {row['what']} | {row['figure']} | {row['target']} | {verdict} |")
    lines += ["", f"In all it took {took_s / 60:.1f} minutes. What each part said:"]
    for name, text in said.items():
        lines += ["", f"## {name}", "", "    python benchmarks/" + " ".join(PARTS[name]), ""]
        lines += ["    " + line if line else "" for line in text.rstrip().splitlines()]
    return "\n".join(lines) + "\n"


def sections(text: str) -> dict[str, str]:
    """The sections of a page by name; what stands above them has none."""
    found = {"": ""}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("## "):
            name = line[3:].strip()
            found[name] = ""
        found[name] += line
    return found


def proofs(out: Path) -> str:
    """The sections of proofs that a page has, to be kept."""
    text = out.read_text(encoding="utf-8") if out.exists() else ""
    return "".join(f"\n{part.strip()}\n" for name, part in sections(text).items() if name in PROOFS)


def prove(name: str, out: Path) -> int:
    """Run one proof and put what it printed in its section's place; its exit code."""
    begin = time.monotonic()
    command = [sys.executable, "-m", *PROOFS[name]]
    process = subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = []
    with process:
        for line in process.stdout:
            click.echo(line, nl=False)
            said.append(line.rstrip())
    minutes = (time.monotonic() - begin) / 60
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.1f} minutes"
    lines = [f"## {name}", "", f"    make {name}        # {when}", ""]
    lines += ["    " + line if line else "" for line in said]
    found = sections(out.read_text(encoding="utf-8")) if out.exists() else {}
    found[name] = "\n".join(lines) + "\n"
    out.write_text("\n".join(part.strip() + "\n" for part in found.values()), encoding="utf-8")
    click.echo(f"Written to {out}")
    return process.returncode


@click.command()
@click.option("--proof", type=click.Choice(list(PROOFS)), help="This proof's section, no other.")
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="These parts alone.")
@click.option("--out", type=click.Path(path_type=Path), default=HERE / "RESULTS.md")
def main(proof: str | None, only: tuple[str, ...], out: Path) -> None:
    """Measure everything and write it down."""
    if proof is not None:
        sys.exit(prove(proof, out))
    load, begin = os.getloadavg()[0], time.monotonic()
    said: dict[str, str] = {}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        kept.touch()
        for name in only or PARTS:
            said[name], code = measure(name, kept)
            failed |= code not in (0, 1)
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    kept_proofs = proofs(out)
    out.write_text(page(rows, said, time.monotonic() - begin, load) + kept_proofs, encoding="utf-8")
    click.echo(f"Written to {out}")
    sys.exit(2 if failed else int(not all(row["met"] for row in rows)))


if __name__ == "__main__":
    main()
