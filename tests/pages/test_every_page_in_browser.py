"""Every page of every role in a real Chromium, at the demo: each can be opened without a complaint
of the browser, has a title, and one heading of the first level. Those that test_axe_in_browser.py
opens are looked at there in the same way."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from tests.pages.browsing import Desk, listen_for_failures, look_at
from tests.pages.test_access import PAGES
from tests.pages.test_axe_in_browser import PAGES as LOOKED_AT_THERE
from tests.pages.test_in_browser import wait_for_scripts
from tests.support.demos import Demo

pytestmark = pytest.mark.browser

ROLES = {
    "sue": "supervisor",
    "eddy": "editor",
    "anna": "approver",
    "audrey": "auditor",
    "adam": "administrator",
}
FOR_STRANGERS = ("/accounts/login/", "/accounts/login/?next=/board/")
# Parts of pages, which these load by themselves, and files.
NO_PAGES = (
    *("board-rows", "board-notices", "send-progress", "sending-band", "chat-now"),
    "version-test-outcomes",
    *("import-progress", "import-refused", "board-sent", "clock", "here"),
    "waiting",
    "export-progress",
    *("incident-strip", "playbook-matching", "board-audience", "board-suggestions"),
)
# Of second factors that nobody has at the demo; tests/journeys/test_signing_in.py opens them.
NOT_AT_THE_DEMO = (
    *("mfa_deactivate_totp", "mfa_remove_webauthn", "mfa_view_recovery_codes"),
    "mfa_generate_recovery_codes",
)
# There is no directory either; tests/journeys/test_doors.py has one.
WITH_A_DIRECTORY = (
    *("account-directory", "account-directory-begin", "account-directory-link"),
    *("account-directory-undo", "directory-confirm-begin"),
)
# And nobody has said yet what became of a delivery; tests/sends/test_evidence.py opens them.
WITH_EVIDENCE = ("evidence-correct", "evidence-withdraw")
# Nor does the demo's site name a key of customers; tests/sends/test_customers.py has one.
WITH_CUSTOMERS = ("customer",)
LEFT_OUT = (*NO_PAGES, *NOT_AT_THE_DEMO, *WITH_A_DIRECTORY, *WITH_EVIDENCE, *WITH_CUSTOMERS)
# On which page, and by which link there, one thing of each kind is found.
FINDS = {
    "CHAT": ("/board/", "/chats/([^/]+)/"),
    "SEND": ("/sends/", "/sends/([0-9]+)/"),
    "DELIVERY": ("/history/", "/history/([0-9]+)/"),
    "PERSON": ("/people/", "/people/([0-9]+)/"),
    "TEAM": ("/teams/", "/teams/([0-9]+)/"),
    "CLIENT": ("/api-clients/", "/api-clients/([0-9]+)/"),
    "CATEGORY": ("/categories/", "/categories/([0-9]+)/"),
    "PRESET": ("/presets/", "/presets/([0-9]+)/"),
    "WEBHOOK": ("/webhooks/", "/webhooks/([0-9]+)/"),
    "EXPORT": ("/exports/", "/exports/([0-9]+)/"),
    "INCIDENT": ("/incidents/", "/incidents/([0-9]+)/"),
}
GIVEN = {"hello": "agent-soon", "outage": "orders-down", "chat-east": "chat-east", 1: 1}


def things_of(page: Page, demo: Demo, names: set[str]) -> dict[object, object]:
    """One of each kind, as far as this person sees any."""
    found: dict[object, object] = dict(GIVEN)
    for name in names & set(FINDS):
        path, link = FINDS[name]
        answer = page.request.get(demo.address.rstrip("/") + path)
        numbers = re.findall(f'href="{link}', answer.text())
        if answer.ok and numbers:
            found[name] = numbers[0]
    return found


def pages_of(role: str, page: Page, demo: Demo) -> Iterator[str]:
    """The addresses that somebody of this role can open at the demo."""
    mine = {
        name: arguments
        for name, (method, arguments, who) in PAGES.items()
        if method == "get" and role in who and name not in LEFT_OUT
    }
    wanted = {str(value) for arguments in mine.values() for value in arguments.values()}
    things = things_of(page, demo, wanted)
    for name, arguments in mine.items():
        if all(value in things for value in arguments.values()):
            yield reverse(name, kwargs={key: things[value] for key, value in arguments.items()})


@pytest.mark.parametrize("person", ["", *ROLES])
def test_every_page_opens_without_a_complaint(
    person: str, sit_down: Callable[..., Desk], demo: Demo
) -> None:
    desk = sit_down()
    failed = listen_for_failures(desk)
    paths = list(FOR_STRANGERS)
    if person:
        desk.sign_in(person)
        paths = [*pages_of(ROLES[person], desk.page, demo), "/api/v1/docs/"]
        assert len(paths) > 12
    left = [path for path in paths if path not in LOOKED_AT_THERE[person]]
    wrong = {path: look_at(desk, path, failed) for path in left}
    if person:
        wait_for_scripts(desk.page)

    assert {path: found for path, found in wrong.items() if found} == {}
