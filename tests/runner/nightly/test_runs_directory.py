"""The directory of the nights: who holds it, what it remembers, and where its links lead."""

from datetime import timedelta
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.runner.errors import RunDirectoryError
from headrace.runner.nightly import RunsDirectory

from ...reports.conftest import START, RunMaker

DATES = [f"2026-06-{day:02}" for day in range(8, 16)]


def nights(runs: RunsDirectory, *dates: str) -> None:
    """Nights that were run, and not judged."""
    for date in dates:
        RunMaker(runs.night(date)).write()


def test_links_lead_to_the_newest_and_the_newest_good_night(tmp_path: Path) -> None:
    with RunsDirectory.open(tmp_path / "runs") as runs:
        for date, verdict in zip(DATES[:3], ("good", "good", "not met"), strict=True):
            nights(runs, date)
            runs.link_latest()
            runs.begin(date, "digest", rebase=False)
            runs.judged(date, verdict)  # type: ignore[arg-type]
    assert (tmp_path / "runs/latest").readlink() == Path("2026-06-10.run")
    assert (tmp_path / "runs/last-good").readlink() == Path("2026-06-09.run")
    with RunsDirectory.open(tmp_path / "runs") as runs:
        # A night that is judged again is never beside itself.
        assert runs.last_good("2026-06-09") == "2026-06-08"
        runs.judged("2026-06-09", "not met")
        runs.judged("2026-06-08", "not met")
    assert not (tmp_path / "runs/last-good").is_symlink()


def test_the_baseline_is_the_first_five_good_nights_since_the_file_changed(tmp_path: Path) -> None:
    with RunsDirectory.open(tmp_path / "runs") as runs:
        nights(runs, *DATES)
        for date in DATES:
            assert runs.begin(date, "one", rebase=False) is False
            runs.judged(date, "not met" if date == DATES[1] else "good")
        five = [date for date in DATES if date != DATES[1]][:5]
        assert runs.baseline("2026-06-16") == five
        assert runs.baseline(DATES[3]) == [DATES[0], DATES[2]]
        assert runs.begin(DATES[6], "another", rebase=False) is True
        assert runs.baseline("2026-06-16") == DATES[6:]
        assert runs.begin(DATES[7], "another", rebase=False) is False
        assert runs.begin(DATES[7], "another", rebase=True) is True
        assert runs.baseline("2026-06-16") == DATES[7:]
        assert runs.baseline(DATES[7]) == []


def test_an_unfinished_night_is_resumed_for_20_hours(tmp_path: Path) -> None:
    with RunsDirectory.open(tmp_path / "runs") as runs:
        assert runs.unfinished(START) is None
        nights(runs, "2026-06-08")
        assert runs.unfinished(START + timedelta(hours=19)) == "2026-06-08"
        assert runs.unfinished(START + timedelta(hours=20)) is None
        runs.begin("2026-06-08", "digest", rebase=False)
        runs.judged("2026-06-08", "good")
        assert runs.unfinished(START + timedelta(hours=1)) is None


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        RunsDirectory.open(tmp_path / "runs"),
        pytest.raises(RunDirectoryError, match="another process works on a night"),
        RunsDirectory.open(tmp_path / "runs"),
    ):
        pass
    with RunsDirectory.open(tmp_path / "runs") as runs:
        assert runs.dates() == []


def test_what_is_no_directory_of_nights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    RunMaker(tmp_path / "jobs.run").write()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/nightly.json").write_text("{")
    said = {"file": "is not a directory", "jobs.run": "is a run", "runs": "is damaged"}
    found = {}
    for name in said:
        with pytest.raises(InputError) as error, RunsDirectory.open(tmp_path / name):
            pass
        found[name] = error.value.said
    assert [name for name in said if said[name] not in found[name]] == []
    assert len(found) == 3


def test_a_link_that_somebody_put_there_is_replaced_not_followed(tmp_path: Path) -> None:
    with RunsDirectory.open(tmp_path / "runs") as runs:
        (tmp_path / "elsewhere").write_text("kept")
        (tmp_path / "runs/latest").symlink_to(tmp_path / "elsewhere")
        nights(runs, "2026-06-08")
        runs.link_latest()
    assert (tmp_path / "elsewhere").read_text() == "kept"
    assert (tmp_path / "runs/latest").readlink() == Path("2026-06-08.run")
