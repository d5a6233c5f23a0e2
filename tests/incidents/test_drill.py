"""The drill of docs/incidents.md, step by step, by the pages and with a real worker and Chat
Server. Whoever changes a step there changes it here."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import Team, User
from console.incidents.models import Incident, Stage
from console.incidents.services.following import incidents_follow
from console.interactions.models import Interaction
from tests.incidents.incident_world import hidden
from tests.incidents.test_incident_pages import html_of, words
from tests.support.demos import ROOT
from tests.support.working import work

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 9
START = "/playbooks/drill/start/"
PLAYBOOK = {
    "key": "drill",
    "title": "Drill",
    "audience": "queue:drill",
    "stages": "2",
    "stage-1-name": "Known",
    "stage-1-notice": "known",
    "stage-1-reach": "matching",
    "stage-1-minutes": "5",
    "stage-1-standing": "on",
    "stage-2-name": "Solved",
    "stage-2-notice": "solved",
    "stage-2-reach": "got_earlier",
    "is_for_emergency": "on",
}
KNOWN, SOLVED = "We know that it is down.", "It works again."


def started(client: Client, **typed: str) -> Incident:
    page = html_of(client.get(START))
    kept = {name: hidden(page, name) for name in ("version", "expected_plan")}
    address = client.post(START, {**kept, "why": "A drill.", **typed})["Location"]
    return Incident.objects.get(pk=address.split("/")[2])


def shown(simulator: Any) -> dict[str, list[str]]:
    """The texts that each chat was shown, by the journal of the Chat Server."""
    found = defaultdict[str, list[str]](list)
    for entry in simulator.journalled():
        chat = next(p["value"] for p in entry["user_data"] if p["key"] == "InteractionId")
        request = {pair["key"]: pair["value"] for pair in entry["request"]}
        said = next(p["value"] for p in request["Parameters"] if p["key"] == "MessageText")
        found[chat].append(said)
    return dict(found)


def go_on() -> None:
    """What workers do within seconds."""
    incidents_follow()
    work()


def test_the_page_has_these_steps() -> None:
    page = (ROOT / "docs" / "incidents.md").read_text("utf-8").split("## A drill")[1]
    assert [line.split(".")[0] for line in page.splitlines() if line[:1].isdigit()] == [
        str(step + 1) for step in range(STEPS)
    ]


def test_the_drill(
    simulator: Any,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
    make_user: Callable[..., User],
    editor: User,
    approver: User,
    supervisor: User,
    team: Team,
    browse: Callable[..., Client],
    settings: Any,
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES, settings.UNDO_SECONDS = 5, 0
    make_notice(KNOWN, key="known")
    make_notice(SOLVED, key="solved")
    one, two = browse(supervisor), browse(make_user("two", "supervisor", teams=[team]))
    # 1
    author = browse(editor)
    assert author.post("/playbooks/new/", PLAYBOOK)["Location"] == "/playbooks/drill/"
    author.post("/playbooks/drill/versions/1/submit/")
    browse(approver).post("/playbooks/drill/versions/1/approve/")
    # 2
    for chat in ("first", "second"):
        make_interaction(chat, queue="drill")
    incident = started(one)
    assert started(two) == incident
    # 3
    go_on()
    assert shown(simulator) == {"first": [KNOWN], "second": [KNOWN]}
    # 4
    make_interaction("third", queue="drill")
    go_on()
    assert shown(simulator)["third"] == [KNOWN]
    # 5
    Stage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert "due--over" in html_of(one.get("/incidents/strip/"))
    # 6
    make_interaction("third", queue="drill", type="stopped")
    solved = f"/incidents/{incident.pk}/stages/2/"
    page = html_of(one.get(solved))
    assert "Send “Solved” to 2 chats" in words(page)
    one.post(solved, {"expected_plan": hidden(page, "expected_plan")})
    go_on()
    # 7
    one.post(f"/incidents/{incident.pk}/close/", {"word": "The drill is over."})
    now = timezone.now().isoformat()
    make_interaction("fourth", queue="drill", received_at=now)
    go_on()
    both = [KNOWN, SOLVED]
    assert shown(simulator) == {"first": both, "second": both, "third": [KNOWN]}
    # 8
    file = one.post(f"/incidents/{incident.pk}/file/")
    lines = [json.loads(line) for line in b"".join(file).decode().splitlines()]
    got = {
        line["interaction"]: [each["text"] for each in line["stages"]]
        for line in lines
        if line["kind"] == "chat"
    }
    assert got == shown(simulator)
    # 9
    emergency = started(one, is_emergency="on")
    Incident.objects.filter(pk=emergency.pk).update(
        confirm_until=timezone.now() - timedelta(seconds=1)
    )
    go_on()
    emergency.refresh_from_db()
    assert emergency.paused_at is not None
    before = shown(simulator)
    make_interaction("late", queue="drill")
    go_on()
    assert shown(simulator) == before
    browse(approver).post(f"/incidents/{emergency.pk}/confirm/")
    go_on()
    assert shown(simulator)["late"] == [KNOWN]
    one.post(f"/incidents/{emergency.pk}/close/", {"word": "Over."})
    emergency.refresh_from_db()
    assert emergency.closed_at is not None
