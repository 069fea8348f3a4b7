"""The house: who may import whom, what `--help` may load, and what the project is made of."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from inspect import signature
from itertools import chain
from pathlib import Path
from types import FunctionType, ModuleType
from typing import NamedTuple

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("jobs", "runner", "reports", "gateway")
# Room -> the rooms that it may import, from their faces.
ALLOWED = {"jobs": set(), "runner": {"jobs"}, "reports": {"jobs"}, "gateway": set()}
# After a run it is these that ask `reports` for the summary, and that show it.
ASK_FOR_THE_SUMMARY = {
    "runner/bulk/start.py",
    "runner/cli.py",
    "runner/demo.py",
    "runner/nightly/cli.py",
    "runner/nightly/budget.py",
    "runner/nightly/night.py",
    "runner/traffic/repeats.py",
    "runner/traffic/repeats_cli.py",
    "runner/traffic/start.py",
    "runner/traffic/steps.py",
    "runner/traffic/steps_cli.py",
    "runner/calibration/measure.py",
}
HEAVY = ("polars", "httpx", "trio", "rich", "msgspec", "tenacity", "numpy", "importlib.metadata")
LINES_MAX = 500


class Import(NamedTuple):
    """One import of a room by a file of another; `inside` is within a function."""

    file: str
    room: str
    module: str
    inside: bool


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports_of(path: Path) -> Iterator[Import]:
    name = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deep = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "headrace":
            modules = [f"headrace.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules = [node.module]
        for module in modules:
            package, _, place = module.partition(".")
            if package == "headrace" and place:
                yield Import(name, place.partition(".")[0], place, id(node) in deep)


@cache
def crossings() -> list[Import]:
    """Imports from one room into another."""
    return [
        found
        for path in python_files(*ROOMS)
        for found in imports_of(path)
        if found.room in ROOMS and found.room != found.file.partition("/")[0]
    ]


@pytest.mark.slow
def test_data_flows_one_way() -> None:
    wrong = [
        found
        for found in crossings()
        if found.room not in ALLOWED[found.file.partition("/")[0]]
        and not (found.room == "reports" and found.file in ASK_FOR_THE_SUMMARY)
    ]
    assert wrong == []
    assert crossings() != []


def test_rooms_import_only_each_others_faces() -> None:
    found = crossings()
    assert len(found) > 100
    assert [each for each in found if each.module != each.room] == []


@pytest.mark.slow
def test_inner_rooms_import_only_each_others_faces_and_never_back_up() -> None:
    """Relative imports: of a neighbour in the same room, of a room's face, or of a module that
    stands beside the rooms."""
    past, graph = [], defaultdict[str, set[str]](set)
    for path in python_files(*ROOMS):
        if path.name == "__init__.py":
            continue
        here = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = [*here[: len(here) - node.level], *(node.module or "").split(".")]
            there = [part for part in base if part]
            if len(there) > 2 and tuple(there[:2]) != here[:2]:
                past.append(f"{'/'.join(here)} imports {'.'.join(there)}")
            if there[:2] != list(here[:2]):
                graph["/".join(here[:2])].add("/".join(there[:2]))
    assert past == []
    assert len(graph) > 40
    floors = list(TopologicalSorter(graph).static_order())  # CycleError where they go round
    assert floors.index("runner/session") > floors.index("runner/limits")


@pytest.mark.slow
def test_reports_is_asked_only_once_a_run_has_ended() -> None:
    """Inside functions, or for the type checker: importing the runner loads no report."""
    modules = ("bulk", "cli", "demo", "traffic.start")
    imported = ", ".join(f"headrace.runner.{module}" for module in modules)
    code = f"import {imported}, sys; print('headrace.reports' in sys.modules)"
    assert run_python(code).strip() == "False"


@pytest.mark.slow
def test_dask_is_loaded_for_a_cluster_alone() -> None:
    modules = ("bulk.coordinator", "bulk.start", "traffic.start", "cluster.cli", "cluster.agent")
    imported = ", ".join(f"headrace.runner.{module}" for module in modules)
    code = (
        f"import {imported}, sys; print([m for m in ('dask', 'distributed') if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.slow
def test_the_gateway_is_reached_only_over_http() -> None:
    others = [f"headrace.{room}" for room in ROOMS if room != "gateway"]
    code = f"import headrace.gateway.cli, sys; print([m for m in {others} if m in sys.modules])"
    assert run_python(code).strip() == "[]"


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from headrace.runner.main import main
try:
    main(["--help"], prog_name="headrace")
except SystemExit as done:
    assert done.code == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"
    assert "demo" in done.stdout


@pytest.mark.slow
def test_workers_are_started_before_anything_large_is_loaded() -> None:
    """So that they load it while their coordinator does."""
    code = """
import sys
from headrace.runner.cli import _processes
from headrace.runner import worker_command
assert _processes(workers=2, cluster=None) == 2
print(*sorted({"polars", "trio", "httpx", "headrace.jobs"} & set(sys.modules)))
"""
    assert run_python(code).strip() == ""


@pytest.mark.slow
def test_a_command_loads_no_other_command_line_and_is_not_looked_through_at_its_end() -> None:
    code = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))
from headrace.runner.main import main
main(["run", "--help"], prog_name="headrace", standalone_mode=False)
import httpx
print("pygments" in sys.modules, gc.get_freeze_count() > 10_000)
"""
    assert run_python(code).splitlines()[-2:] == ["False False", "True"]


def test_every_command_is_where_the_root_says() -> None:
    from headrace.runner.main import COMMANDS, main

    assert len(COMMANDS) > 5
    for name in COMMANDS:
        shown = CliRunner().invoke(main, [name, "--help"], prog_name="headrace")
        assert (shown.exit_code, shown.stderr) == (0, "")
        assert shown.stdout.startswith(f"Usage: headrace {name}")


def faces() -> list[str]:
    """Every package of the house that hands names on, as dotted names."""
    inner = [
        "headrace." + ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files(*ROOMS)
        if path.name == "__init__.py" and "__all__" in path.read_text(encoding="utf-8")
    ]
    return ["headrace", *inner]


@pytest.mark.parametrize("name", faces())
def test_a_face_is_sorted_and_complete_and_hands_on_what_it_says(name: str) -> None:
    """Twice, since a submodule that is loaded hides a name of the same spelling."""
    face = import_module(name)
    names: list[str] = face.__all__
    assert names == sorted(set(names), key=order)
    assert names != []
    shown = [
        alias.name
        for node in ast.walk(ast.parse(Path(str(face.__file__)).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module not in ("typing", "headrace.lazy")
        for alias in node.names
        if alias.name not in ("late", "annotations")
    ]
    assert sorted(shown) == sorted(names)
    for each in names * 2:
        assert not isinstance(getattr(face, each), ModuleType), each
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = face.nonsense


def test_every_class_and_function_on_a_packages_face_says_what_it_is() -> None:
    silent, documented = [], 0
    for room in ROOMS:
        face = import_module(f"headrace.{room}")
        for name in face.__all__:
            if isinstance(value := getattr(face, name), type | FunctionType):
                documented += 1
                silent += [] if value.__doc__ else [f"{room}.{name}"]
    assert documented > 100
    assert silent == []


def test_functions_of_several_parameters_list_them() -> None:
    """On the faces of the packages: each in `Args:`, and what is raised in a section of its own."""
    wrong, found = [], 0
    for room in ROOMS:
        face = import_module(f"headrace.{room}")
        for name in face.__all__:
            value = getattr(face, name)
            if not isinstance(value, FunctionType):
                continue
            parameters = list(signature(value).parameters)
            if len(parameters) < 2:
                continue
            found += 1
            text = value.__doc__ or ""
            listed = re.findall(r"^ {8}(\w+): ", text.partition("Args:")[2], re.MULTILINE)
            if listed[: len(parameters)] != parameters or re.search(r"Raises \w", text):
                wrong.append(f"{room}.{name}")
    assert found > 15
    assert wrong == []


def order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: how the linter sorts `__all__`."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def test_no_file_holds_more_than_one_noun_can() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in python_files(*ROOMS, "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX
    }
    assert long == {}


def test_the_constraints_pin_everything_and_name_no_index() -> None:
    lines = [
        line.partition("#")[0].strip()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    ]
    pins = dict(line.split("==") for line in lines if line)
    assert len(pins) > 50
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        name = requirement.split(">")[0].split("=")[0].split("[")[0].strip()
        assert name.lower() in {pin.lower().replace("_", "-") for pin in pins}, name


def test_ci_runs_what_the_makefile_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make lint", "make test"]
