"""What holds for all tests."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

from tests.heeding import heed_signals

# How long an example takes is the machine's business: other work on it must fail no test.
# Half of what is usual; `make fuzz` tries many more.
MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
settings.register_profile("headrace", deadline=None, max_examples=50 * MORE)
settings.load_profile("headrace")


def pytest_configure() -> None:
    heed_signals()
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and reports are folded by it


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests last as long as the process: the collector need not look at them again and
    again, which took a fifth of the time that finding them takes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with unmeasured(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with unmeasured(item):
        yield


@contextmanager
def unmeasured(item: pytest.Item) -> Iterator[None]:
    """Slow tests don't count in the coverage: being measured, many of them take twice as long.

    pytest-cov's `no_cover` does nothing in the processes of pytest-xdist: of the two collectors
    that it begins there, it pauses one, and the other takes over.
    """
    traced = sys.gettrace()
    pauses = type(traced).__module__ == "coverage" and item.get_closest_marker("slow")
    if pauses:
        sys.settrace(None)
    try:
        yield
    finally:
        if pauses:
            sys.settrace(traced)
