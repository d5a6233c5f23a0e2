"""How tests are spread over processes, with `pytest -n 2 --dist loadgroup`."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Those that use the shared demo: together, so that it starts once in a process, and in two groups
# of about the same length. As the largest groups they are begun first; the other processes take
# all else meanwhile.
AT_THE_DEMO = (
    (
        "tests/pages/test_axe_in_browser.py",
        "tests/pages/test_every_page_in_browser.py",
        "tests/pages/test_search_in_browser.py",
        "tests/pages/test_clock_in_browser.py",
        "tests/pages/test_edit_conflict_in_browser.py",
        "tests/pages/test_focus_in_browser.py",
        "tests/pages/test_in_browser.py",
        "tests/pages/test_writing_in_browser.py",
    ),
    (
        "tests/demo/test_demo.py",
        "tests/demo/test_serve.py",
        "tests/journey/",
        "tests/pages/test_catalogue_in_browser.py",
        "tests/pages/test_import_in_browser.py",
        "tests/pages/test_living_board.py",
        "tests/pages/test_unanswered_in_browser.py",
        "tests/pages/test_unsaved_in_browser.py",
    ),
)
# Those with Java: together, so that its classes are compiled and it is started once.
WITH_JAVA = (
    "tests/esp/psdk/",
    "tests/esp/test_every_transport.py",
    "tests/sends/test_java.py",
    "tests/sends/test_psdk.py",
)
# Those that start much of their own. They are the next: at the end others would wait for them.
SLOW = ("tests/api/test_docs.py", "tests/demo/test_demo_ends.py")


class ByGroup(LoadScopeScheduling):
    """By file where that was said above, else test by test.

    The groups are not marked as xdist would have it, since it forgets marks with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        for number, files in enumerate(AT_THE_DEMO):
            if file.startswith(files):
                return f"demo {number}"
        if file.startswith(WITH_JAVA):
            return "java"
        return file if file in SLOW else nodeid


class Spreading:
    """The plugin for pytest."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return ByGroup(config, log) if config.getoption("dist") == "loadgroup" else None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if "demo" in getattr(item, "fixturenames", ()):
                assert item.nodeid.startswith(sum(AT_THE_DEMO, ())), (
                    f"{item.nodeid} uses the demo: name its file in {__name__}"
                )
