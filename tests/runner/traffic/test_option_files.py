"""Files that options name, on their way to machines that don't have them."""

from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.runner.traffic import option_files
from headrace.runner.traffic.option_files import packed, unpacked


def test_what_is_packed_here_is_what_the_options_name_there(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    names = ("jobs.jsonl.gz", "p.toml", "in.csv", "out.csv", "trace.csv")
    files = {name: here / name for name in names}
    for name, path in files.items():
        path.write_bytes(name.encode())
    asked: Any = {
        "jobs": str(files["jobs.jsonl.gz"]),
        "prices": files["p.toml"],
        "replay": str(files["trace.csv"]),
        "prompt_tokens": f"histogram:{files['in.csv']}",
        "output_tokens": f"histogram:{files['out.csv']}",
        "turns": "3",
        "rate": "5/s",
    }
    found: Any = unpacked(asked, packed(asked), there)
    paths = [found["jobs"], found["prices"], found["replay"]]
    paths += [found[name].removeprefix("histogram:") for name in ("prompt_tokens", "output_tokens")]
    assert all(path.startswith(str(there)) for path in paths)
    read = [Path(path).read_bytes() for path in paths]
    assert read == [b"jobs.jsonl.gz", b"p.toml", b"trace.csv", b"in.csv", b"out.csv"]
    assert found["jobs"].endswith("/jobs.jsonl.gz")
    assert (found["turns"], found["rate"]) == ("3", "5/s")


def test_options_without_files_are_as_they_were(tmp_path: Path) -> None:
    asked: Any = {"users": 3, "prompt_tokens": "uniform:1:9"}
    assert packed(asked) == {}
    assert unpacked(asked, {}, tmp_path) is asked


def test_several_workers_of_a_machine_may_write_the_same(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(b"x")
    asked: Any = {"jobs": str(path)}
    first, second = (unpacked(asked, packed(asked), tmp_path / "there") for _ in range(2))
    assert first == second
    assert [each.name for each in (tmp_path / "there" / "files" / "0").iterdir()] == ["jobs.jsonl"]


def test_files_that_are_too_large_to_be_sent_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(option_files, "FILES_BYTES_MAX", 5)
    jobs, prices = tmp_path / "jobs.jsonl", tmp_path / "prices.toml"
    jobs.write_bytes(b"abc")
    prices.write_bytes(b"ab")
    asked: Any = {"jobs": str(jobs), "prices": str(prices)}
    assert packed(asked) == {str(jobs): b"abc", str(prices): b"ab"}
    prices.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"sent to each worker, and .*prices\.toml is too large"):
        packed(asked)


def test_a_machine_that_can_not_be_written_to_says_so(tmp_path: Path) -> None:
    asked: Any = {"jobs": "jobs.jsonl"}
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write to .*file"):
        unpacked(asked, {"jobs.jsonl": b"x"}, tmp_path / "file")
