"""`make test-quick`: what can be had in two minutes, without a browser and without processes.

Of the cases of a test the first is run. Where tests need the database, a few of each file are.
Left out are tests with a browser, those that start processes (marked, or by what they are given)
and files that go through much at length.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

# What starts a process for who is given it.
PROCESSES = {
    *("demo", "server", "servers", "simulator", "start_simulator", "simulators", "workers"),
    *("oidc_provider", "start", "proxy", "nginx", "site", "installed"),
}
# Files that do, and those that go through much at length.
LEFT_OUT = (
    "tests/accounts/test_idle_sessions.py",
    "tests/api/test_access.py",
    "tests/api/test_example_programs.py",
    "tests/api/test_idempotency.py",
    "tests/api/test_nothing_given.py",
    "tests/api/test_other_team.py",
    "tests/architecture/test_functions.py",
    "tests/architecture/test_imports.py",
    "tests/audit/test_every_service.py",
    "tests/audit/test_state.py",
    "tests/audit/tlog/test_checking.py",
    "tests/catalogue/test_forms_of_languages.py",
    "tests/catalogue/test_imports_apart.py",
    "tests/catalogue/test_query_counts.py",
    "tests/clients/",
    "tests/demo/test_demo_ends.py",
    "tests/demo/test_serve.py",
    "tests/deploy/",
    "tests/embedded/test_server.py",
    "tests/esp/psdk/",
    "tests/esp/simulator/test_main.py",
    "tests/esp/test_every_transport.py",
    "tests/esp/test_tls.py",
    "tests/fuzz/",
    "tests/incidents/test_incidents_under_way.py",
    "tests/interactions/test_poll_command.py",
    "tests/interactions/test_poll_converges.py",
    "tests/journeys/",
    "tests/pages/test_access.py",
    "tests/pages/test_import.py",
    "tests/pages/test_other_team.py",
    "tests/pages/test_query_counts.py",
    "tests/pages/test_search.py",
    "tests/pages/test_second_language.py",
    "tests/scxml/",
    "tests/security/test_rates.py",
    "tests/sends/test_audience_plans.py",
    "tests/sends/test_class_migration.py",
    "tests/sends/test_found_by_torture.py",
    "tests/sends/test_history_search.py",
    "tests/sends/test_java.py",
    "tests/sends/test_over_orchestration.py",
    "tests/sends/test_psdk.py",
    "tests/sends/test_sends_listed.py",
    "tests/site/test_log_lines.py",
    "tests/torture/",
)
A_FEW = 3
# The tests' own PostgreSQL, and the list of the files.
ALLOWED = re.compile(r"pginstall|\bgit\b")


class Quick:
    """The plugin for pytest, with `--quick`."""

    def __init__(self) -> None:
        self.is_testing = False
        sys.addaudithook(self._hear)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        quick = sorted(filter(is_quick, items), key=lambda item: item.nodeid)
        first = first_cases(item.nodeid for item in quick)
        of_file: Counter[str] = Counter()
        kept = set()
        for item in quick:
            if item.nodeid not in first:
                continue
            file = item.nodeid.partition("::")[0]
            of_file[file] += uses_database(item)
            if of_file[file] <= A_FEW:
                kept.add(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        self.is_testing = True
        try:
            return (yield)
        finally:
            self.is_testing = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "subprocess.Popen" or not self.is_testing:
            return
        if not ALLOWED.search(f"{arguments[0]} {arguments[1]}"):
            raise AssertionError("It starts a process: mark it with pytest.mark.processes")


def first_cases(nodeids: Iterable[str]) -> set[str]:
    """One case of each test, the same whatever order they come in."""
    first: dict[str, str] = {}
    for nodeid in nodeids:
        test = nodeid.partition("[")[0]
        first[test] = min(nodeid, first.get(test, nodeid))
    return set(first.values())


def is_quick(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser") or item.get_closest_marker("processes"):
        return False
    given = set(getattr(item, "fixturenames", ()))
    if case := getattr(item, "callspec", None):
        given |= {value for value in case.params.values() if isinstance(value, str)}
    return not given & PROCESSES and not item.nodeid.startswith(LEFT_OUT)


def uses_database(item: pytest.Item) -> bool:
    given = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or "db" in given
