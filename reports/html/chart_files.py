"""The charts of a report as files: SVG, and PNG of twice the size."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from headrace.jobs import InputError

from ..figures import summary_of
from ..output import write_whole
from ..run import open_run, reading_tables
from .charts import FONT, Chart
from .page import charts_of
from .page_shell import template_text
from .timeseries import time_series_of

WIDTH = 720
SCALE = 2.0
IMAGE_FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif"


def write_charts(directory: Path, folder: Path, *, tolerance: Decimal | None = None) -> list[Path]:
    """Write every chart of a run's report into a folder, which is made where it is not there.

    Raises InputError where the directory is not a run, or a file can't be written.
    """
    import vl_convert

    run = open_run(directory)
    summary = summary_of(run, tolerance=tolerance)
    with reading_tables(directory):
        charts = charts_of(run, summary, time_series_of(run))
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts.all():
            spec = image_spec(chart)
            svg = folder / f"{chart.name}.svg"
            write_whole(svg, vl_convert.vegalite_to_svg(spec).encode())
            png = folder / f"{chart.name}.png"
            write_whole(png, vl_convert.vegalite_to_png(spec, scale=SCALE))
            written += [svg, png]
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror}; choose another --charts"
        ) from error
    return written


def image_spec(chart: Chart) -> dict[str, Any]:
    """A chart's spec for an image: with a width, a ground, its title, and the light colours."""
    light = template_text("page.css").partition("@media")[0]
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", light))
    text = json.dumps(chart.spec).replace(FONT, IMAGE_FONT)
    spec: dict[str, Any] = json.loads(
        re.sub(r"var\((--[\w-]+)\)", lambda found: colours[found[1]], text)
    )
    spec["width"] = WIDTH
    spec["title"] = {"text": chart.title, "anchor": "start", "fontSize": 13, "offset": 10}
    spec["config"]["background"] = colours["--paper"]
    spec["padding"] = 12
    return spec
