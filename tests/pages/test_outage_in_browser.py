"""The first ten minutes of an outage in a real Chromium, at a demo of 300 chats that come and go:
from the board to the first delivered text, to those who come later, to those who get the next
stage, and to the incident's file. Once by mouse, once by keyboard alone.

The seconds that it took are printed; a busy machine needs more of them than the console."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browsing import Desk
from tests.pages.hands import Keyboard, Mouse
from tests.pages.test_in_browser import wait_for_scripts
from tests.support.demos import Demo, data_folder, manage, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CHATS = 300
ACTIONS_MOST = 4
PATIENCE_SECONDS = 60
MORE = """
from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import user_create
from console.actors import system_actor
from console.demo.people import AUTHOR, PASSWORD, REVIEWER
from console.demo.playbooks import STAGES
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services.playbooks import playbook_create, version_approve, version_submit
author = User.objects.get(username=AUTHOR.username).to_actor()
reviewer = User.objects.get(username=REVIEWER.username).to_actor()
for key, title, audience, stages in (
    ("support-slow", "Support is slow", {"queue": ["support", "billing"]}, STAGES),
    ("parcels-late", "Parcels are late", {"queue": ["sales", "returns"]},
     [{"name": "Known", "notice": "delivery-delayed", "is_standing": True}]),
):
    content = PlaybookContent.read({"audience": audience, "stages": stages})
    draft = playbook_create(author, key=key, title=title, content=content)
    version_submit(author, draft)
    version_approve(reviewer, draft)
user_create(system_actor("tests"), username="sam", password=PASSWORD, roles=[Role.SUPERVISOR],
            first_name="Sam", teams=[Team.objects.get(name="Sales")])
"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """In place of the shared one: with 300 chats, and with another supervisor and playbooks."""
    with data_folder() as folder:
        crowded = Demo(data=folder, sessions=CHATS)
        try:
            crowded.address  # noqa: B018 - waits until it is ready
            done = manage("shell", "--no-imports", "-c", MORE, data=folder)
            assert done.returncode == 0, done.stderr
            yield crowded
        finally:
            crowded.close()


@dataclass(frozen=True)
class Outage:
    """Who answers it, how, and with which playbook. The queue is one of the playbook's."""

    person: str
    hands: type[Mouse]
    title: str
    queues: tuple[str, str]


BY_MOUSE = Outage("sue", Mouse, "Orders can't be looked up", ("sales", "returns"))
BY_KEYBOARD = Outage("tom", Keyboard, "Support is slow", ("billing", "support"))


@pytest.mark.parametrize("outage", [BY_MOUSE, BY_KEYBOARD], ids=["mouse", "keyboard"])
def test_from_the_board_to_the_file(
    outage: Outage, demo: Demo, sit_down: Callable[..., Desk], capsys: Any
) -> None:
    desk = sit_down()
    page = desk.let_in(outage.person)
    desk.go("/board/")
    wait_for_scripts(page)
    hand = outage.hands(page)
    told = {"actions": 0.0}
    begun = time.time()

    hand.press("link", "Start an incident")
    hand.press("link", f"Choose {outage.title}")
    page.wait_for_url("**/start/")
    wait_for_scripts(page)
    hand.fill("What happened", "Nobody gets an answer.")
    hand.press("button", f"Start “{outage.title}”")
    first = until(lambda: given(demo, begun), within=PATIENCE_SECONDS)
    told["first text"] = first[0].at - begun
    told["actions"] = hand.actions
    assert hand.actions <= ACTIONS_MOST
    page.wait_for_url("**/incidents/*/")
    now = page.locator(".stages__one--now")
    expect(now.locator(".status--delivered")).not_to_have_text("reached 0")
    expect(page.locator("[data-due]")).to_contain_text("Next update due in")

    earlier = live(demo, outage)
    with ExitStack() as stack:
        came = f"0001{uuid4().hex[:12].upper()}"
        went = f"0001{uuid4().hex[:12].upper()}"
        leaves = demo.chat(went, waiting=timedelta(0), queue=outage.queues[0])
        leaves.__enter__()
        born = time.time()
        stack.enter_context(demo.chat(came, waiting=timedelta(0), queue=outage.queues[1]))
        for chat in (went, came):
            got = until(
                lambda chat=chat: given(demo, begun, chat),  # type: ignore[misc]
                within=PATIENCE_SECONDS,
            )
            told["new chat"] = max(told.get("new chat", 0), got[0].at - born)
        expect(now.locator(".status--sending")).to_have_count(0, timeout=PATIENCE_SECONDS * 1000)

        leaves.__exit__(None, None, None)
        before = live(demo, outage)
        pressed = time.time()
        hand.press("link", "Start “Solved”")
        page.wait_for_url("**/stages/3/")
        wait_for_scripts(page)
        hand.press("button", "Send “Solved” to")
        page.wait_for_url("**/incidents/*/")
        expect(now).to_contain_text("Solved")
        # It comes after whoever got the first: it takes no new ones.
        late = f"0001{uuid4().hex[:12].upper()}"
        stack.enter_context(demo.chat(late, waiting=timedelta(0), queue=outage.queues[1]))
        expect(now.locator(".status--delivered")).not_to_have_text(
            "reached 0", timeout=PATIENCE_SECONDS * 1000
        )
        expect(now.locator(".status--sending")).to_have_count(0, timeout=PATIENCE_SECONDS * 1000)
        told["solved"] = time.time() - pressed
        after = live(demo, outage)
        close(hand)
        file = file_of(hand)

    chats = {line["interaction"]: line for line in file if line["kind"] == "chat"}
    known, solved = (got_stage(chats, position) for position in (1, 3))
    # Those who got the first and live: whoever lived until the end did, whoever had gone before did
    # not. Some have no name, which the text needs in their language.
    lacking = {chat for chat, line in chats.items() if reason(line, 3) == "unresolved_variable"}
    assert known & after <= solved | lacking
    assert solved <= known
    assert not solved & (earlier - before)
    assert came in solved
    assert went in known - solved
    assert late not in known | solved
    # The file has everybody, and nothing that the Chat Servers do not have.
    assert before | after <= set(chats)
    assert file[-1] == {"kind": "end", "chats": len(chats)}
    journal: dict[str, list[str]] = {}
    for line in given(demo, begun):
        journal.setdefault(line.chat, []).append(line.text)
    assert {chat: texts(line) for chat, line in chats.items() if line["got_any"]} == journal
    assert all(len(set(said)) == len(said) for said in journal.values())
    assert all(line["got_any"] or line["reason"] for line in chats.values())
    told |= {"chats": len(chats), "known": len(known), "solved chats": len(solved)}
    figures = ", ".join(f"{name} {figure:.3g}" for name, figure in told.items())
    with capsys.disabled():
        print(f"\n{outage.hands.__name__}: {figures}")


# What a page says as it comes: some of it goes by itself.
AT_FIRST = """
document.addEventListener("DOMContentLoaded", () => {
  window.atFirst = document.body.textContent;
});
"""


def test_two_supervisors_at_once_start_it_once(demo: Demo, sit_down: Callable[..., Desk]) -> None:
    desks = [sit_down(), sit_down()]
    begun = time.time()
    for desk, name in zip(desks, ("sue", "sam"), strict=True):
        desk.context.add_init_script(AT_FIRST)
        desk.let_in(name)
        desk.go("/playbooks/parcels-late/start/")
        desk.page.get_by_label("What happened").fill("The ferry does not sail.")
    for desk in desks:  # neither waits for the other's answer
        desk.page.get_by_role("button", name="Start “Parcels").evaluate(
            "(button) => button.click()"
        )
    for desk in desks:
        desk.page.wait_for_url("**/incidents/*/")
    pages = [desk.page for desk in desks]
    assert pages[0].url == pages[1].url
    led = ["started this playbook already" in page.evaluate("atFirst") for page in pages]
    now = pages[0].locator(".stages__one--now")
    expect(now.locator(".status--delivered")).not_to_have_text("reached 0")
    expect(now.locator(".status--sending")).to_have_count(0, timeout=PATIENCE_SECONDS * 1000)
    journal = Counter(line.chat for line in given(demo, begun))
    assert journal
    close(Mouse(pages[0]))  # or its stage would stand in the next test, too
    assert set(journal.values()) == {1}
    assert sorted(led) == [False, True]


# --- What the tests look at ----------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """A text that a Chat Server took for a chat."""

    at: float
    chat: str
    text: str


def given(demo: Demo, since: float, chat: str = "") -> list[Given]:
    """What the Chat Servers took since, in the order of time; for one chat, or for all."""
    found = []
    for line in demo.journal(since):
        parameters = next(pair["value"] for pair in line["request"] if pair["key"] == "Parameters")
        text = next(pair["value"] for pair in parameters if pair["key"] == "MessageText")
        if line["answer"] == "response" and chat in ("", line["interaction_id"]):
            found.append(Given(line["at"], line["interaction_id"], text))
    return found


def live(demo: Demo, outage: Outage) -> set[str]:
    """Who is in the audience now."""
    return {chat["id"] for chat in demo.api().live_chats() if chat["queue"] in outage.queues}


def close(hand: Mouse) -> None:
    page: Page = hand.page
    wait_for_scripts(page)
    hand.press("link", "Close")
    hand.fill("How it ended", "It was started again.")
    hand.press("button", "Close it")
    expect(page.locator(".incident__head")).to_contain_text("It was started again.")


def file_of(hand: Mouse) -> list[dict[str, Any]]:
    with hand.page.expect_download() as download:
        hand.press("button", "File")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def got_stage(chats: dict[str, dict[str, Any]], position: int) -> set[str]:
    return {
        chat
        for chat, line in chats.items()
        for got in line["stages"]
        if got["stage"] == position and got["outcome"] == "reached"
    }


def reason(line: dict[str, Any], position: int) -> str:
    return next((got["reason"] for got in line["stages"] if got["stage"] == position), "")


def texts(line: dict[str, Any]) -> list[str]:
    return [got["text"] for got in line["stages"] if got["outcome"] == "reached"]
