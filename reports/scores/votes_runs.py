"""Where judges were asked about the answers of a run: runs of their own inside it."""

from pathlib import Path

from headrace.jobs import SCORES

VOTES_RUN = "votes.run"


def votes_runs(directory: Path) -> list[Path]:
    """The runs of the judges' votes.

    Args:
        directory: the run that was judged; it need not be there.
    """
    return sorted((directory / SCORES).glob(f"*/{VOTES_RUN}"))
