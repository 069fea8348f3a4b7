"""The server's own figures, drawn."""

import json

from headrace.jobs import ScrapeFacts, ServerReading, row_frame
from headrace.reports import summarise
from headrace.reports.html.charts import Chart
from headrace.reports.html.server_charts import server_charts
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import LoadMaker, facts


def charts(made: RunMaker, *names: str, value: float = 0.5) -> dict[str, Chart]:
    made.load = facts(scrape=ScrapeFacts(readings=20, failed=0))
    maker = LoadMaker(made)
    for n in range(120):
        maker.request(n / 10, ttft_s=0.25, latency_s=0.5)
    directory = made.write()
    rows = [
        ServerReading(at=at(float(n)), name=name, labels="{}", value=value * n)
        for n in range(20)
        for name in names
    ]
    row_frame(ServerReading, rows).write_parquet(directory / "server.parquet")
    found = summarise(directory).load
    assert found is not None
    return {chart.name: chart for chart in server_charts(found)}


def test_what_is_known_is_drawn_on_the_axis_of_the_client(made: RunMaker) -> None:
    found = charts(
        made,
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:kv_cache_usage_perc",
        "vllm:generation_tokens_total",
        "vllm:num_preemptions_total",
    )
    assert list(found) == [
        *("server-requests", "server-kv-cache", "server-output-tokens", "server-preemptions")
    ]
    requests = found["server-requests"]
    spec = json.dumps(requests.spec)
    assert '"domain": [-2.0, 10.0]' in spec
    assert requests.columns == ("at", "running", "waiting")
    assert requests.rows[0] == ("-2.00 s", "0", "0")
    assert requests.rows[-1][0] == "10.0 s"  # what came after the last request was due is not
    assert found["server-kv-cache"].rows[3] == ("1.00 s", "150")


def test_one_line_has_no_legend_and_what_never_happened_is_not_drawn(made: RunMaker) -> None:
    found = charts(made, "sglang:num_running_reqs", "vllm:num_preemptions_total", value=0.0)
    assert list(found) == ["server-requests"]
    assert '"legend": null' in json.dumps(found["server-requests"].spec)


def test_millions_fit_beside_the_axis(made: RunMaker) -> None:
    found = charts(made, "llamacpp:prompt_tokens_total", value=2e6)
    assert '"format": "~s"' in json.dumps(found["server-input-tokens"].spec)
    assert charts(made, "own:thing") == {}
