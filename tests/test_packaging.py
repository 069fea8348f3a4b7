"""What an installation puts where, and that nothing beside a user's script can get in its way."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

import headrace

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("jobs", "runner", "reports", "gateway")
# Names that files of a user may well have, beside a script of theirs.
USER_FILES = ("jobs.py", "runner.py", "gateway.py", "reports/__init__.py", "tests/__init__.py")
# What would stop anybody's script, but not a child process of ours.
IN_THE_WAY = (*USER_FILES, "queue.py", "trio.py", "click.py", "headrace/__init__.py")


def put(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise SystemExit('{name} of the user was run')\n")


class Built(NamedTuple):
    """A wheel that was made from the sdist, and that sdist."""

    wheel: Path
    sdist: Path

    @property
    def names(self) -> set[str]:
        return set(zipfile.ZipFile(self.wheel).namelist())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """As PyPI would have it: the sdist of the checkout, and the wheel of the sdist alone."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run([*build, "-t", "sdist"], check=True, capture_output=True, cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    subprocess.run([*build, "-t", "wheel"], check=True, capture_output=True, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return Built(wheel, sdist)


@pytest.mark.slow
def test_a_wheel_installs_one_package_with_all_that_the_rooms_hold(built: Built) -> None:
    tops = {name.partition("/")[0] for name in built.names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"headrace"}
    sources = {
        f"headrace/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(sources) > 200
    assert sources <= built.names
    assert {"headrace/__init__.py", "headrace/__main__.py", "headrace/py.typed"} <= built.names


@pytest.mark.slow
def test_a_wheel_of_the_checkout_is_that_of_the_sdist(built: Built, tmp_path: Path) -> None:
    """`pip install .` builds straight from the checkout, whose links must not count twice."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(wheel).namelist()) == built.names


@pytest.mark.slow
def test_no_file_of_the_users_gets_in_the_way_of_a_library_call(
    built: Built, tmp_path: Path
) -> None:
    installed, work = tmp_path / "installed", tmp_path / "work"
    zipfile.ZipFile(built.wheel).extractall(installed)
    put(work, USER_FILES)
    modules = (
        "runner.bulk.start",
        "runner.traffic.start",
        "reports.figures.summary",
        "gateway.server",
    )
    imports = ", ".join(f"headrace.{module}" for module in ("jobs.cli", *modules))
    (work / "script.py").write_text(f"import {imports}; print(headrace.__file__)\n")
    # Python puts the script's folder first, and then these.
    path = os.pathsep.join([str(work), str(installed)])
    done = subprocess.run(
        [sys.executable, "script.py"],
        check=False,
        capture_output=True,
        text=True,
        cwd=work,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.stderr, done.stdout.strip()) == ("", str(installed / "headrace/__init__.py"))


@pytest.mark.slow
def test_a_child_process_imports_nothing_from_the_current_directory(tmp_path: Path) -> None:
    put(tmp_path, IN_THE_WAY)
    code = (
        "from headrace.runner.local_gateway import local_gateway\n"
        "with local_gateway() as gateway: print(gateway.base_url)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("http://127.0.0.1:")


def test_the_face_loads_nothing_by_itself() -> None:
    code = "import headrace, sys; print([m for m in sys.modules if m.startswith('headrace.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['headrace.lazy']"


def test_every_error_on_the_face_is_a_headrace_error() -> None:
    errors = [name for name in headrace.__all__ if name.endswith("Error")]
    assert len(errors) > 8
    others = [e for e in errors if not issubclass(getattr(headrace, e), headrace.HeadraceError)]
    assert others == []
