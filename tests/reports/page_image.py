"""`make picture`: runs the demo, draws its report, and takes the README's picture of the page."""

import subprocess
import sys
import tempfile
from pathlib import Path

from .chromium import chromium, found

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "report.png"
WIDTH, HEIGHT = 960, 1360
BYTES_MAX = 200_000


def main() -> None:
    """Write docs/report.png. Exits with a line of what is missing."""
    if found() is None:
        sys.exit("no chromium here: install one to take the picture")
    with tempfile.TemporaryDirectory() as folder:
        headrace = [sys.executable, "-m", "headrace"]
        subprocess.run(
            [*headrace, "demo", "--out", "demo"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        subprocess.run([*headrace, "report", "demo/jobs.run", "--html"], cwd=folder, check=True)
        with chromium(Path(folder) / "profile") as tab:
            tab.colours("light")
            tab.size(WIDTH, HEIGHT)
            tab.open(Path(folder) / "demo" / "jobs.run" / "report.html")
            tab.picture(PICTURE, high=HEIGHT)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size:,} bytes")  # noqa: T201
    if size > BYTES_MAX:
        sys.exit(f"that is more than {BYTES_MAX:,} bytes")


if __name__ == "__main__":
    main()
