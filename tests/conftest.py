"""What holds for all tests."""

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import polars
import pytest
from hypothesis import settings

import headrace
from tests.heeding import heed_signals

# How long an example takes is the machine's business: other work on it must fail no test.
# Half of what is usual; `make fuzz` tries many more.
MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
settings.register_profile("headrace", deadline=None, max_examples=50 * MORE)
settings.load_profile("headrace")


def pytest_configure() -> None:
    heed_signals()
    give_polars_one_thread()
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and reports are folded by it


def give_polars_one_thread() -> None:
    """Here, not in the commands that tests start: most tables are of a few rows, of which handing
    them to other threads is a fifth of the work."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = before or "1"
    polars.thread_pool_size()
    if before is None:
        del os.environ["POLARS_MAX_THREADS"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests last as long as the process: the collector need not look at them again and
    again, which took a fifth of the time that finding them takes.

    What is measured of coverage is the modules themselves, not the finding of tests, of which being
    measured was a third.
    """
    if measuring():
        for module in pkgutil.walk_packages(headrace.__path__, "headrace."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    gc.disable()
    try:
        with unmeasured():
            return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with measured_unless_slow(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with measured_unless_slow(item):
        yield


def measured_unless_slow(item: pytest.Item) -> AbstractContextManager[None]:
    """Slow tests don't count in the coverage: being measured, many of them take twice as long."""
    return unmeasured() if item.get_closest_marker("slow") else nullcontext()


def measuring() -> bool:
    return type(sys.gettrace()).__module__ == "coverage"


@contextmanager
def unmeasured() -> Iterator[None]:
    """Pause the coverage, where there is any.

    pytest-cov's `no_cover` does nothing in the processes of pytest-xdist: of the two collectors
    that it begins there, it pauses one, and the other takes over.
    """
    traced = sys.gettrace()
    pauses = measuring()
    if pauses:
        sys.settrace(None)
    try:
        yield
    finally:
        if pauses:
            sys.settrace(traced)
