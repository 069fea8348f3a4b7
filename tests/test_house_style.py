"""The house style, as far as a test can hold it: of every file, and of the tests themselves."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import median

import pytest

pytestmark = pytest.mark.slow  # whichever test comes first reads every file
ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("jobs", "runner", "reports", "gateway")
FILES = sorted(
    path
    for folder in (*ROOMS, "src/headrace/*.py", "tests", "benchmarks", "examples")
    for path in ROOT.glob(folder if folder.endswith(".py") else f"{folder}/**/*.py")
)
# Where another thread or process is waited for, which trio's clock can't stand in for.
MAY_SLEEP = {
    "runner/record/lock.py",
    "tests/crash/harness.py",
    "tests/reports/chromium.py",
    "tests/reports/html/test_browser.py",
    "tests/runner/traffic/test_cli.py",
    "tests/runner/traffic/test_machine.py",
    "tests/runner/transport/test_arrival.py",
    "tests/runner/workers/test_processes.py",
}
# Tests of what several files do together. A test of one file is named for it, so this only shrinks.
MIRROR_NO_FILE = {
    "gateway/test_asked_forms.py",
    "gateway/test_clients.py",
    "gateway/test_clients_beyond.py",
    "gateway/test_clients_errors.py",
    "gateway/test_clients_forms.py",
    "gateway/test_face.py",
    "gateway/test_faults_sent.py",
    "gateway/test_fuzz.py",
    "gateway/test_table.py",
    "gateway/test_tls.py",
    "gateway/variants/test_variants.py",
    "reports/figures/test_balance_unpriced.py",
    "reports/html/test_browser.py",
    "reports/test_foreign_runs.py",
    "runner/answers/test_answers.py",
    "runner/answers/test_dressed_streams.py",
    "runner/answers/test_streams_assembled.py",
    "runner/calibration/test_against_a_gateway.py",
    "runner/cluster/test_real_clusters.py",
    "runner/limits/test_estimates_learnt.py",
    "runner/limits/test_limits.py",
    "runner/money/test_balance_truth.py",
    "runner/money/test_cost_note.py",
    "runner/money/test_money_guards.py",
    "runner/money/test_money_promise.py",
    "runner/record/test_durability.py",
    "runner/record/test_durability_disk.py",
    "runner/record/test_durability_mounts.py",
    "runner/record/test_foreign_directory.py",
    "runner/record/test_segment_writers.py",
    "runner/test_answer_cases.py",
    "runner/test_beyond_reference.py",
    "runner/test_client_oddities.py",
    "runner/test_client_packed.py",
    "runner/test_client_shapes.py",
    "runner/test_cut_streams.py",
    "runner/test_fault_table.py",
    "runner/test_hostile.py",
    "runner/test_memory.py",
    "runner/test_promises.py",
    "runner/test_report_truth.py",
    "runner/test_resume.py",
    "runner/test_retries.py",
    "runner/test_retry_failed.py",
    "runner/test_runs_of_0_1.py",
    "runner/test_standard_streams.py",
    "runner/test_stopping.py",
    "runner/test_unprocessed.py",
    "runner/test_variant_table.py",
    "runner/traffic/test_load.py",
    "runner/traffic/test_measurement_errors.py",
    "runner/traffic/test_mirrored_workers.py",
    "runner/transport/test_cancelled.py",
    "runner/transport/test_sweep_compared.py",
}
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls_of(nodes: Iterator[ast.AST]) -> set[str]:
    """What is called, as it is written: `random.choice`."""
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from outside_functions(child)


def test_every_file_says_what_it_is() -> None:
    assert len(FILES) > 400
    code = [path for path in FILES if path.name != "__init__.py" or path.read_text()]
    assert [name_of(path) for path in code if not ast.get_docstring(tree_of(path))] == []


def test_files_are_short_and_have_a_name_of_their_own() -> None:
    lengths = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
        if path.name != "__init__.py"
    ]
    assert max(lengths) <= 500
    assert median(lengths) <= 160
    assert [name_of(path) for path in FILES if path.stem in VAGUE] == []


def test_time_and_randomness_come_from_outside() -> None:
    """No clock is read at import, and only `random.Random` is used, never the global generator."""
    clocks, drawing, sleeping = [], [], set()
    for path in FILES:
        name, tree = name_of(path), tree_of(path)
        called = calls_of(ast.walk(tree))
        if "time.sleep" in called and name.startswith((*ROOMS, "tests")):
            sleeping.add(name)
        if name.startswith(ROOMS):
            modules = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            drawing += [
                f"{name}: {call}"
                for call in called
                if "random" in modules and re.fullmatch(r"random\.[a-z]\w*", call)
            ]
            clocks += [
                f"{name}: {call}"
                for call in calls_of(outside_functions(tree))
                if re.search(r"\btime\.\w+$|\bcurrent_time$|\.now$", call)
            ]
    assert (clocks, drawing) == ([], [])
    assert sleeping == MAY_SLEEP


def test_the_folders_of_the_tests_are_those_of_the_rooms() -> None:
    for room in ROOMS:
        inner = {path.parent.name for path in (ROOT / room).glob("*/__init__.py")}
        tested = {path.parent.name for path in (ROOT / "tests" / room).glob("*/test_*.py")}
        assert tested == inner, room
    assert (ROOT / "tests" / "runner" / "limits").is_dir()


def test_a_test_is_named_for_the_file_that_it_tests() -> None:
    """tests/runner/limits/test_lane.py is of runner/limits/lane.py."""
    tests = [
        path.relative_to(ROOT / "tests")
        for room in ROOMS
        for path in (ROOT / "tests" / room).rglob("test_*.py")
    ]
    assert len(tests) > 100
    without = {
        test.as_posix()
        for test in tests
        if not (ROOT / test.with_name(test.name.removeprefix("test_"))).exists()
    }
    assert without == MIRROR_NO_FILE


def test_what_is_run_before_a_commit_is_what_ci_runs() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: (.*)", text) == ["make lint"]
    assert re.findall(r"repo: (.*)", text) == ["local"]


# -- every test asserts something that can't be passed by


def holds_of_nothing(test: ast.expr) -> bool:
    """Whether it is true of no rows at all: `all(...)`, or `[... for ...] == []`."""
    if isinstance(test, ast.Compare):
        empty = ast.unparse(test.comparators[0]) in ("[]", "{}", "set()")
        return empty and isinstance(test.left, ast.ListComp | ast.SetComp | ast.DictComp)
    return isinstance(test, ast.Call) and ast.unparse(test.func) == "all"


def asserts(statements: Sequence[ast.stmt]) -> bool:
    """Whether an assertion is reached whatever happens: none in a loop, a handler or one branch."""
    for each in statements:
        if isinstance(each, ast.Assert) and not holds_of_nothing(each.test):
            return True
        if isinstance(each, ast.With | ast.AsyncWith):
            opened = calls_of(item.context_expr for item in each.items)
            if opened & {"pytest.raises", "pytest.RaisesGroup", "pytest.warns"}:
                return True
            if asserts(each.body):
                return True
        if isinstance(each, ast.If) and asserts(each.body) and asserts(each.orelse):
            return True
        if isinstance(each, ast.Try) and (asserts(each.body) or asserts(each.finalbody)):
            return True
    return False


def test_every_test_asserts_something_that_is_reached() -> None:
    tests = [
        (name_of(path), node)
        for path in FILES
        if path.name.startswith("test_")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_")
    ]
    assert len(tests) > 1000
    assert [f"{name}: {test.name}" for name, test in tests if not asserts(test.body)] == []


def test_the_rule_knows_an_assertion_that_may_not_run() -> None:
    texts = {
        "for n in rows: assert n": False,
        "if rows: assert rows[0]": False,
        "assert all(rows)": False,
        "assert [n for n in rows if n] == []": False,
        "with pytest.raises(ValueError): run()": True,
        "with opened(): assert rows": True,
        "if rows:\n assert rows[0]\nelse:\n assert asked": True,
        "assert rows": True,
    }
    assert {text: asserts(ast.parse(text).body) for text in texts} == texts
