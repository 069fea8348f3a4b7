"""Runs from somebody else: a small whole run with one thing in it changed, seeded."""

import json
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

DATA = Path(__file__).parent / "data"
RUNS = DATA / "runs-of-0.1"
# The last one went to three services, of which one stopped in its first session; the second one was
# killed.
KINDS = ("finished", "killed", "load", "services")
SECRET = b"what is outside the run, and nobody's business: 2f6d1c"
DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE = "a\x00\x1b[2J\r\nAll jobs succeeded\x85\u202e\u2028<script>=cmd|'../../../../secret"
VALUES: tuple[Any, ...] = (
    *(None, True, [], {}, "", HOSTILE, "x" * 100_000, "../secret", "=1+1"),
    *(-1, 0, -0.5, 1e308, -1e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400),
    *("NaN", "-Infinity", "1e999999999", "1e-999999999", "-5", "0." + "9" * 500),
    *("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("1960-01-01T00:00:00Z", "8999-12-31T23:59:59Z"),
    json.loads("[" * 400 + "]" * 400),
)


class World(NamedTuple):
    """A run, and what lies beside it that nobody may touch."""

    run: Path
    outside: Path

    @classmethod
    def made(cls, root: Path, kind: str) -> "World":
        run, outside = root / f"{kind}.run", root / "outside"
        shutil.copytree(DATA / "services" / "killed" if kind == "services" else RUNS / kind, run)
        (outside / "folder").mkdir(parents=True)
        (outside / "secret").write_bytes(SECRET)
        (outside / "folder" / "part-000001.parquet").write_bytes(SECRET)
        (outside / "folder" / "000001.jsonl").write_bytes(SECRET)
        shutil.copy(RUNS / "jobs.jsonl", root / "jobs.jsonl")
        return cls(run, outside)

    def untouched(self) -> bool:
        """Whether what lies outside is as it was."""
        found = {
            path.relative_to(self.outside).as_posix(): path.read_bytes()
            for path in self.outside.rglob("*")
            if path.is_file()
        }
        names = ("secret", "folder/part-000001.parquet", "folder/000001.jsonl")
        return found == dict.fromkeys(names, SECRET)


def spoil(world: World, rng: random.Random) -> str:
    """Change one thing in the run, and say which."""
    return rng.choice((_replace_file, _change_json, _change_json, _change_table))(world, rng)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _socket(path: Path) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)  # the address of a socket has at most 107 bytes
        listener.bind(path.name)
    os.chdir(here)


def _replacements(world: World, old: bytes) -> dict[str, Callable[[Path], object]]:
    outside = world.outside
    return {
        "nothing": lambda path: None,
        "a link to a file": lambda path: path.symlink_to(outside / "secret"),
        "a link to a directory": lambda path: path.symlink_to(outside / "folder"),
        "a link to nothing": lambda path: path.symlink_to(outside / "not-there"),
        "a link to a device": lambda path: path.symlink_to("/dev/zero"),
        "a link to itself": lambda path: path.symlink_to(path),
        "a hard link": lambda path: path.hardlink_to(outside / "secret"),
        "a FIFO": os.mkfifo,
        "a socket": _socket,
        "a directory": lambda path: path.mkdir(),
        "an empty file": lambda path: path.write_bytes(b""),
        "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(3000)),
        "NULs": lambda path: path.write_bytes(bytes(5000)),
        "deep JSON": lambda path: path.write_bytes(DEEP + b"\n"),
        "half of it": lambda path: path.write_bytes(old[: len(old) // 2]),
        "all but 9 bytes of it": lambda path: path.write_bytes(old[:-9]),
        "it and garbage": lambda path: path.write_bytes(old + b"\xff\x00garbage\n"),
        "a byte changed": lambda path: path.write_bytes(
            old[: len(old) // 3] + b"\xff" + old[len(old) // 3 + 1 :]
        ),
    }


def places(run: Path) -> list[Path]:
    """Where a run has a file or a directory, or could have one."""
    there = [path for path in sorted(run.rglob("*")) if path.name != "summary.json"]
    names = ("journal", "images", "report.html.partial", "summary.json", "run.json.partial")
    extra = (
        "journal/000001.jsonl",
        "results/part-000001.parquet.partial",
        "concurrency.jsonl",
        "server.parquet",
    )
    missing = [run / name for name in (*names, *extra) if not (run / name).exists()]
    return there + [path for path in missing if path.parent.is_dir()]


def _replace_file(world: World, rng: random.Random) -> str:
    path = rng.choice(places(world.run))
    old = path.read_bytes() if path.is_file() else b""
    what, put = rng.choice(list(_replacements(world, old).items()))
    _remove(path)
    put(path)
    return f"{what} in the place of {path.relative_to(world.run)}"


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(each, (*path, key))


def _change_json(world: World, rng: random.Random) -> str:
    files = [path for path in sorted(world.run.rglob("*.json*")) if path.name != "summary.json"]
    path = rng.choice([world.run / "run.json", *files])
    whole = path.suffix == ".json"
    lines = [path.read_bytes()] if whole else path.read_bytes().splitlines()
    number = rng.randrange(len(lines))
    value = json.loads(lines[number])
    *outer, last = rng.choice(list(_leaves(value)))
    place = value
    for key in outer:
        place = place[key]
    new = rng.choice((*VALUES, "(removed)", "(added)", "(added)"))
    if new == "(removed)" and isinstance(place, dict):
        del place[last]
    elif new == "(added)" and isinstance(place, dict):
        place["another"] = "(deep)"
    else:
        place[last] = new
    lines[number] = json.dumps(value).encode().replace(b'"(deep)"', DEEP)
    path.write_bytes(b"\n".join(lines) + b"\n")
    where = ".".join(map(str, (*outer, last)))
    return f"{str(new)[:60]!r} as {where} in line {number + 1} of {path.name}"


def _cells(dtype: Any) -> list[Any]:
    if dtype in (pl.Int64, pl.Int32):
        most = 2 ** (63 if dtype == pl.Int64 else 31) - 1
        return [None, -1, 0, most, -most - 1]
    if dtype == pl.Float64:
        return [None, float("nan"), float("inf"), -1.0, 1e308, -1e308]
    if isinstance(dtype, pl.Datetime):
        return [None, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
    if isinstance(dtype, pl.Decimal):
        return [None, Decimal(-1), Decimal("9" * 25), Decimal("1e-12")]
    if dtype == pl.String:
        deep = DEEP.decode()
        return [None, "", HOSTILE, deep, '{"data":[{"b64_json":"images/10-0.png"}]}', "succeeded"]
    return [None]


def _change_table(world: World, rng: random.Random) -> str:
    tables = sorted(world.run.rglob("*.parquet"))
    if not tables:
        return _change_json(world, rng)
    path = rng.choice(tables)
    table = pl.read_parquet(path)
    name = rng.choice(table.columns)
    where = f"the column {name} of {path.relative_to(world.run)}"
    change = rng.choice(("cell", "cell", "cell", "all", "type", "drop", "dates", "no rows"))
    column = pl.col(name)
    if change == "drop":
        table = table.drop(name)
    elif change == "type":
        table = table.with_columns(column.is_null().alias(name))
    elif change == "no rows":
        table = table.clear()
    elif change == "dates" and isinstance(table[name].dtype, pl.Datetime):
        far = pl.lit(rng.choice((2**63 - 1, -(2**63) + 1)), dtype=pl.Int64)
        table = table.with_columns(far.cast(table[name].dtype).alias(name))
    else:
        new = rng.choice(_cells(table[name].dtype))
        row = rng.randrange(len(table)) if len(table) else 0
        at = pl.lit(value=True) if change == "all" else pl.int_range(pl.len()) == row
        value = pl.lit(new, dtype=table[name].dtype)
        table = table.with_columns(pl.when(at).then(value).otherwise(column).alias(name))
        where = f"{str(new)[:40]!r} in {where}"
    table.write_parquet(path)
    return f"{change}: {where}"
