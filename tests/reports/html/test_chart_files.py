"""The charts as files: SVG that parses, PNG of twice the size, and nothing of the page's theme."""

import struct
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.reports.figures.summary import summary_of
from headrace.reports.html import write_charts
from headrace.reports.html.chart_files import SCALE, WIDTH, image_spec
from headrace.reports.html.charts import Chart
from headrace.reports.html.cost_chart import cost_chart
from headrace.reports.run import open_run
from tests.reports.conftest import RunMaker, at


@pytest.fixture
def chart(made: RunMaker) -> Chart:
    made.job(0, cost=Decimal("0.5"), model="</text><script>alert(1)</script>")
    found = cost_chart(summary_of(open_run(made.write())))
    assert found is not None
    return found


def test_a_picture_has_the_light_colours_in_it(chart: Chart) -> None:
    spec = image_spec(chart)
    assert "var(" not in str(spec)
    assert (spec["width"], spec["config"]["background"]) == (WIDTH, "#fdfcfa")
    assert spec["title"]["text"] == chart.title


@pytest.mark.slow
def test_every_chart_is_written_as_svg_and_png(made: RunMaker, tmp_path: Path) -> None:
    for index in range(5):
        made.job(
            index,
            cost=Decimal(1),
            latency_s=1.0 + index,
            ttft_s=0.5,
            model="<b>",
            sent_at=at(index),
        )
    folder = tmp_path / "new" / "charts"
    written = write_charts(made.write(), folder)
    names = {path.stem for path in written}
    assert names == {
        *("cost", "latency-histogram", "latency-ecdf", "ttft-histogram", "ttft-ecdf"),
        *("latency-over-time", "requests-a-minute", "tokens-a-minute", "in-flight"),
    }
    assert sorted(folder.iterdir()) == sorted(written)
    for name in names:
        root = ET.fromstring((folder / f"{name}.svg").read_text(encoding="utf-8"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        data = (folder / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        (wide,) = struct.unpack(">I", data[16:20])
        assert wide >= WIDTH * SCALE
    assert "<b>" not in (folder / "cost.svg").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in (folder / "cost.svg").read_text(encoding="utf-8")


def test_a_folder_that_is_a_file_is_an_error(made: RunMaker, tmp_path: Path) -> None:
    (tmp_path / "charts").write_text("")
    with pytest.raises(InputError, match=r"cannot write to .*charts"):
        write_charts(made.write(), tmp_path / "charts")
