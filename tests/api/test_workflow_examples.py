"""What of the examples in docs/workflows.md can be looked at without running it."""

import re
import shutil
from xml.etree import ElementTree

import pytest

from tests.api.workflow_page import EXAMPLES, PAGE

GROOVY = (EXAMPLES / "feed_event_logger.groovy").read_text("utf-8")
SCXML = "{http://www.w3.org/2005/07/scxml}"
FETCH = "{www.genesyslab.com/modules/session}fetch"
# All that is publicly documented of `fetch` (docs/workflows.md).
ATTRIBUTES = {
    *("requestid", "srcexpr", "method", "type", "timeout", "username", "password", "headers"),
}


def test_the_script_has_the_page_s_table_of_events() -> None:
    shown = re.findall(r"^\| (\d+) \| (\w+) \| `(\w+)`", PAGE, re.MULTILINE)
    mapped = re.findall(r"^ +(\d+): \['(\w+)', '(\w+)'\],$", GROOVY, re.MULTILINE)
    assert mapped == shown
    assert {number: kind for number, _name, kind in mapped} == {
        **dict.fromkeys(("160", "104", "132", "133", "162", "177"), "upsert"),
        "161": "stopped",
    }


def test_the_script_was_run() -> None:
    if shutil.which("groovy") is None:
        pytest.skip("groovy is not installed, so the script for Event Logger was only looked at")


def test_fetch_is_used_as_far_as_it_is_documented() -> None:
    tree = ElementTree.parse(EXAMPLES / "workflow-fetch.scxml")
    (fetch,) = tree.iter(FETCH)
    assert set(fetch.attrib) <= ATTRIBUTES
    assert [(child.tag, set(child.attrib)) for child in fetch] == (
        [(f"{SCXML}param", {"name", "expr"})] * 3
    )
    heard = {element.get("event") for element in tree.iter(f"{SCXML}transition")}
    assert heard == {"session.fetch.done", "error.session.fetch"}
