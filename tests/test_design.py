"""docs/design.md, the map: what it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
ROOMS = ("jobs", "runner", "reports", "gateway", "src", "tests")


def test_every_file_and_folder_that_the_map_names_is_there() -> None:
    named = [name for name in re.findall(r"`([\w./]+)`", PAGE) if name.split("/")[0] in ROOMS]
    files = {name for name in named if name.endswith(".py")}
    assert len(files) > 50
    assert [name for name in named if "/" in name and not (ROOT / name).exists()] == []


def test_the_walks_name_the_spine_in_order() -> None:
    walk = PAGE.partition("### A job line's way")[2].partition("### An SSE")[0]
    spine = [
        "reader",
        "engine",
        "backlog",
        "dispatch",
        "admission",
        "attempts",
        "client",
        "rows",
        "seal",
    ]
    places = [walk.index(f"{name}.py") for name in spine]
    assert places == sorted(places)


def test_every_room_is_in_the_table() -> None:
    table = PAGE.partition("## The rooms")[2].partition("## Four walks")[0]
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ("jobs", "runner", "reports")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert len(rooms) > 20
    missing = [room for room in rooms if "/" in room and f"{room.split('/')[-1]}/" not in table]
    assert missing == []
