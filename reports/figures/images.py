"""The images of a run: how many are files, and how many are links that may expire."""

import msgspec
import polars as pl

from headrace.jobs import IMAGE_URLS

from ..run import Run
from ..unpacked import check_results_unpack

# In JSON text. Inside a string the quotes would be escaped, so that neither would match.
LINK = r'"url"\s*:\s*"'
PATH = r'"(?:path|b64_json)"\s*:\s*"images/'
PATH_BESIDE_LINK = r'"path"\s*:\s*"images/'
LEFT_OUT = r'"images_left_out"\s*:\s*(\d+)'


class ImageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Images in the answers of the run's images jobs.

    `files` lie in the run's images/, `links` have no file. `left_out` came beyond what a job had
    asked for, and were not kept. `failed` counts links that the newest
    session could not fetch, `reasons` says why; 0 and empty where it was not asked to.
    """

    files: int
    links: int
    left_out: int = 0
    failed: int
    reasons: dict[str, int]


def count_images(run: Run) -> ImageCounts | None:
    """Count them; None where no job asked for any."""
    asked = run.results.filter(pl.col("url").is_in(IMAGE_URLS))
    if asked.select(pl.len()).collect().item() == 0:
        return None
    check_results_unpack(run)
    response = pl.col("response")
    counts = asked.filter(pl.col("status") == "succeeded").select(
        response.str.count_matches(PATH).sum().alias("files"),
        response.str.count_matches(LINK).sum().alias("links"),
        response.str.count_matches(PATH_BESIDE_LINK).sum().alias("fetched"),
        response.str.extract(LEFT_OUT).cast(pl.Int64).sum().alias("left_out"),
    )
    found = counts.collect().row(0, named=True)
    downloads = run.manifest.sessions[-1].downloads
    return ImageCounts(
        files=found["files"],
        links=found["links"] - found["fetched"],
        left_out=found["left_out"],
        failed=0 if downloads is None else downloads.failed,
        reasons={} if downloads is None else downloads.reasons,
    )
