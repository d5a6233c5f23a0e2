"""Which tests coverage.py traces, which makes Python slower by two thirds.

Those of the ESP library alone, which has to be covered whole, with the processes that they start.
What runs in the tests' own processes is known by probes: tests/support/probes.py.
"""

import os
from importlib import import_module
from pkgutil import walk_packages

import pytest
from coverage import Coverage

import console

TRACED = ("tests/esp/",)
# By this coverage of the tests' processes starts.
CONFIGURATION = "COVERAGE_PROCESS_CONFIG"


def load_all() -> None:
    """Load all modules but the program itself, so that each counts as loaded."""
    for module in walk_packages(console.__path__, "console."):
        if module.name != "console.__main__" and ".migrations" not in module.name:
            import_module(module.name)


class Untraced:
    """The plugin for pytest."""

    def __init__(self, *, spreads: bool) -> None:
        self.coverage = Coverage.current()
        self.configuration = os.environ.get(CONFIGURATION)
        self.is_tracing = self.coverage is not None
        self._trace(False)
        if self.coverage is not None and not spreads:
            load_all()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        if self.coverage is None or self.configuration is None:
            return
        self._trace(item.nodeid.startswith(TRACED))
        if self.is_tracing:
            os.environ[CONFIGURATION] = self.configuration
        else:
            os.environ.pop(CONFIGURATION, None)

    def pytest_sessionfinish(self) -> None:
        self._trace(True)

    def _trace(self, wanted: bool) -> None:
        if self.coverage is None or self.is_tracing == wanted:
            return
        if wanted:
            self.coverage.start()
        else:
            self.coverage.stop()
        self.is_tracing = wanted
