"""Which tests run without coverage, which makes Python slower by two thirds: those that go over and
over through what other tests cover, and what they start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from coverage import Coverage

UNTRACED = (
    "tests/api/test_access.py",
    "tests/api/test_docs.py",
    "tests/catalogue/test_any_template.py",
    "tests/catalogue/test_transfer_round_trip.py",
    "tests/demo/test_demo.py",
    "tests/demo/test_demo_ends.py",
    "tests/demo/test_serve.py",
    "tools/fuzz/",
    "tests/journey/",
    "tests/pages/test_access.py",
    "tests/pages/test_axe_in_browser.py",
    "tests/pages/test_catalogue_in_browser.py",
    "tests/pages/test_clock_in_browser.py",
    "tests/pages/test_every_page_in_browser.py",
    "tests/pages/test_focus_in_browser.py",
    "tests/pages/test_import_in_browser.py",
    "tests/pages/test_in_browser.py",
    "tests/pages/test_living_board.py",
    "tests/pages/test_search.py",
    "tests/pages/test_search_in_browser.py",
    "tests/pages/test_unanswered_in_browser.py",
    "tests/pages/test_unsaved_in_browser.py",
    "tests/pages/test_writing_in_browser.py",
    "tests/security/",
    "tools/torture/",
)
# By this coverage of the tests' processes starts.
CONFIGURATION = "COVERAGE_PROCESS_CONFIG"


@contextmanager
def untraced() -> Iterator[None]:
    coverage = Coverage.current()
    if coverage is None:
        yield
        return
    configuration = os.environ.pop(CONFIGURATION)
    coverage.stop()
    try:
        yield
    finally:
        coverage.start()
        os.environ[CONFIGURATION] = configuration


class Untraced:
    """The plugin for pytest."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not item.nodeid.startswith(UNTRACED):
            return (yield)
        with untraced():
            return (yield)
