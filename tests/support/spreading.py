"""How tests are spread over processes, with `pytest -n 2 --dist loadgroup`.

A file goes to one process as a whole, so that what its tests share (a web server, a wheel, a
cluster) is made once. Some files share more, and go together.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.demos import SHARED

# What goes together, and those that take long, in the order in which they are begun: what is left
# for the end has to be short, or others would wait for it.
GROUPS = {
    # Those that use the shared demo, so that it starts once in a process: two groups of about the
    # same length.
    "demo 0": (
        "tests/pages/test_audience_in_browser.py",
        "tests/pages/test_axe_in_browser.py",
        "tests/pages/test_every_page_in_browser.py",
        "tests/pages/test_search_in_browser.py",
        "tests/pages/test_clock_in_browser.py",
        "tests/pages/test_edit_conflict_in_browser.py",
        "tests/pages/test_focus_in_browser.py",
        "tests/pages/test_in_browser.py",
        "tests/pages/test_writing_in_browser.py",
    ),
    "demo 1": (
        "tests/pages/test_incidents_in_browser.py",
        "tests/demo/test_demo.py",
        "tests/demo/test_serve.py",
        "tests/journeys/",
        "tests/pages/test_catalogue_in_browser.py",
        "tests/pages/test_chat_in_browser.py",
        "tests/pages/test_embedding_in_browser.py",
        "tests/pages/test_import_in_browser.py",
        "tests/pages/test_living_board.py",
        "tests/pages/test_nothing_moves.py",
        "tests/pages/test_unanswered_in_browser.py",
        "tests/pages/test_unsaved_in_browser.py",
    ),
    # With a demo of its own.
    "crowded demo": ("tests/pages/test_outage_in_browser.py",),
    "upgrade": ("tests/deploy/test_upgrade.py",),
    "end of the demo": ("tests/demo/test_demo_ends.py",),
    # Those with Java, so that its classes are compiled and it is started once.
    "java": (
        "tests/esp/psdk/",
        "tests/esp/test_every_transport.py",
        "tests/interactions/test_poll_command.py",
        "tests/sends/test_java.py",
        "tests/sends/test_psdk.py",
    ),
    # Those with a directory, whose provider is a process.
    "directory": (
        "tests/accounts/test_directory.py",
        "tests/accounts/test_directory_links.py",
        "tests/accounts/test_lying_directory.py",
    ),
    "clients": ("tests/clients/",),
    "imports": ("tests/catalogue/test_imports_apart.py",),
    "restart": ("tests/deploy/test_restart.py",),
    "hostile pages": ("tests/fuzz/test_pages.py",),
    "hostile calls": ("tests/fuzz/test_api.py",),
    "torture": ("tests/torture/",),
    "roles": ("tests/deploy/test_postgresql.py",),
    "workers": ("tests/sends/test_workers.py",),
    "commands of the API": ("tests/api/test_docs.py",),
}
AT_THE_DEMO = GROUPS["demo 0"] + GROUPS["demo 1"]
ORDER = {group: number for number, group in enumerate(GROUPS)}


class ByFile(LoadScopeScheduling):
    """The groups are not marked as xdist would have it, since it forgets marks with pytest 9."""

    is_ordered = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((group for group, files in GROUPS.items() if file.startswith(files)), file)

    def _assign_work_unit(self, node: Any) -> None:
        if not self.is_ordered:
            # Those that are no group come in the order of xdist: the most tests first.
            units = sorted(self.workqueue.items(), key=lambda unit: ORDER.get(unit[0], len(ORDER)))  # type: ignore[has-type]
            self.workqueue = OrderedDict(units)
            self.is_ordered = True
        super()._assign_work_unit(node)


def spreads_tests(config: pytest.Config) -> bool:
    """Whether this process runs no test, but gives them to others."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


class Spreading:
    """The plugin for pytest."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return ByFile(config, log) if config.getoption("dist") == "loadgroup" else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        """End the shared demo after the last test that needs it: it works even while nobody looks.
        Where a process is not given groups, it may be needed again, and starts again."""
        yield
        if "PYTEST_XDIST_WORKER" in os.environ and nextitem is not None:
            was, is_next = (it.nodeid.startswith(AT_THE_DEMO) for it in (item, nextitem))
            if was and not is_next:
                SHARED.end()

    def pytest_sessionfinish(self) -> None:
        SHARED.end()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if "demo" in getattr(item, "fixturenames", ()):
                assert item.nodeid.startswith((*AT_THE_DEMO, *GROUPS["crowded demo"])), (
                    f"{item.nodeid} uses the demo: name its file in {__name__}"
                )
