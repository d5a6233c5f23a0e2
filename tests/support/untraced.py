"""Which tests are measured by coverage, which makes Python slower by two thirds.

Of the cases of one test the first is: the others go the same way with other values. Not measured
are tests that go over and over through what other tests cover, and processes, but for those whose
code runs nowhere else. The ESP library, which has to be covered whole, is measured in all cases.
The console's modules are loaded first, and measured as they load. Nothing is measured while tests
are collected, nor in the process that spreads tests over others.
"""

import os
from collections.abc import Collection, Iterable
from importlib import import_module
from pkgutil import walk_packages

import pytest
from coverage import Coverage

import console

UNTRACED = (
    "tests/accounts/test_lying_directory.py",
    "tests/api/test_access.py",
    "tests/api/test_docs.py",
    "tests/api/test_http_forms.py",
    "tests/api/test_nothing_given.py",
    "tests/api/test_openapi.py",
    "tests/api/test_other_team.py",
    "tests/architecture/",
    "tests/audit/test_approvals_offline.py::test_each_single_field",
    "tests/audit/test_approvals_offline.py::test_the_operator_approves_in_nobodys",
    "tests/audit/test_every_service.py",
    "tests/audit/test_state.py",
    "tests/audit/test_state_of_worlds.py::test_many_sends_packed_and_erased",
    "tests/audit/test_tampering.py::test_a_file_in_no_order",
    "tests/audit/test_tampering.py::test_each_checkpoint_is_checked_once_a_run",
    "tests/audit/tlog/test_checking.py::test_any_changed_byte",
    "tests/audit/tlog/test_growing.py::test_it_is_the_same_tree",
    "tests/catalogue/test_any_template.py",
    "tests/catalogue/test_forms_of_languages.py",
    "tests/catalogue/test_imports_apart.py",
    "tests/catalogue/test_query_counts.py",
    "tests/catalogue/test_reading_time.py",
    "tests/catalogue/test_transfer_round_trip.py",
    "tests/clients/",
    "tests/demo/test_demo.py",
    "tests/demo/test_demo_ends.py",
    "tests/demo/test_serve.py",
    "tests/deploy/",
    "tests/exports/test_in_browser.py",
    "tests/exports/test_processes.py",
    "tests/exports/test_years.py::test_each_filter",
    "tests/fuzz/",
    "tests/incidents/test_drill.py",
    "tests/incidents/test_incidents_under_way.py",
    "tests/interactions/test_feed.py",
    "tests/interactions/test_pace.py",
    "tests/interactions/test_poll_converges.py",
    "tests/interactions/test_poller.py::test_five_thousand_with_changes_while_it_pages",
    "tests/journeys/",
    "tests/live/test_board_differences.py::test_who_took_the_differences",
    "tests/pages/test_access.py",
    "tests/pages/test_axe_in_browser.py",
    "tests/pages/test_board_audience.py::test_an_incident_reaches",
    "tests/pages/test_board_audience.py::test_one_definition_means",
    "tests/pages/test_catalogue_in_browser.py",
    "tests/pages/test_clock_in_browser.py",
    "tests/pages/test_every_page_in_browser.py",
    "tests/pages/test_focus_in_browser.py",
    "tests/pages/test_import_in_browser.py",
    "tests/pages/test_in_browser.py",
    "tests/pages/test_living_board.py",
    "tests/pages/test_other_team.py",
    "tests/pages/test_query_counts.py",
    "tests/pages/test_search.py",
    "tests/pages/test_search_in_browser.py",
    "tests/pages/test_second_language.py",
    "tests/pages/test_unanswered_in_browser.py",
    "tests/pages/test_unsaved_in_browser.py",
    "tests/pages/test_writing_in_browser.py",
    "tests/security/",
    "tests/sends/test_audience_plans.py",
    "tests/sends/test_class_migration.py",
    "tests/sends/test_contact_budget_at_once.py",
    "tests/sends/test_dispatcher.py",
    "tests/sends/test_fairness.py",
    "tests/sends/test_history_plans.py",
    "tests/sends/test_history_search.py",
    "tests/sends/test_holding.py",
    "tests/sends/test_quota.py",
    "tests/sends/test_sends_listed.py",
    "tests/sends/test_splitting.py",
    "tests/sends/test_workers.py",
    "tests/simulate/",
    "tests/site/test_answers_meanwhile.py",
    "tests/site/test_reading_time.py",
    "tests/torture/",
)
EACH_CASE = ("tests/esp/",)
WITH_PROCESSES = ("tests/esp/",)
# By this coverage of the tests' processes starts.
CONFIGURATION = "COVERAGE_PROCESS_CONFIG"


def first_cases(nodeids: Iterable[str]) -> set[str]:
    """One case of each test, the same whatever order they come in."""
    first: dict[str, str] = {}
    for nodeid in nodeids:
        test = nodeid.partition("[")[0]
        first[test] = min(nodeid, first.get(test, nodeid))
    return set(first.values())


def traced(nodeids: Collection[str]) -> set[str]:
    """Those of the tests that are measured."""
    each = {nodeid for nodeid in nodeids if nodeid.startswith(EACH_CASE)}
    return each | {it for it in first_cases(nodeids) if not it.startswith(UNTRACED)}


def load_all() -> None:
    """Load all modules but the program itself: whoever needs one first may not be measured."""
    for module in walk_packages(console.__path__, "console."):
        if module.name != "console.__main__" and ".migrations" not in module.name:
            import_module(module.name)


class Untraced:
    """The plugin for pytest."""

    def __init__(self, *, spreads: bool) -> None:
        self.coverage = Coverage.current()
        self.configuration = os.environ.get(CONFIGURATION)
        self.is_measuring = self.coverage is not None
        self.traced: set[str] = set()
        if self.is_measuring and not spreads:
            load_all()
        self._measure(False)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.traced = traced([item.nodeid for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        if self.coverage is None or self.configuration is None:
            return
        self._measure(item.nodeid in self.traced)
        if self.is_measuring and item.nodeid.startswith(WITH_PROCESSES):
            os.environ[CONFIGURATION] = self.configuration
        else:
            os.environ.pop(CONFIGURATION, None)

    def pytest_sessionfinish(self) -> None:
        self._measure(True)

    def _measure(self, wanted: bool) -> None:
        if self.coverage is None or self.is_measuring == wanted:
            return
        if wanted:
            self.coverage.start()
        else:
            self.coverage.stop()
        self.is_measuring = wanted
