"""The file of an incident: everybody who was in its audience, once, with what they got and when, or
why they got nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import Team, User
from console.accounts.services import user_deactivate
from console.audit.models import AuditEntry
from console.incidents.models import Incident, Playbook
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import incident_close, stage_pause, stage_start
from console.interactions.models import Interaction
from tests.incidents.incident_world import (
    FIRST,
    chat_server,
    made,
    make_payments,
    payments,
    start,
    supervisor,
    team,
)
from tests.incidents.test_incident_pages import SECRET, of_two_teams
from tests.incidents.test_incidents import set_status
from tests.support.factories import ROOT
from tests.support.working import work

__all__ = ["of_two_teams"]

__all__ = ["chat_server", "made", "payments", "supervisor", "team"]  # fixtures

pytestmark = pytest.mark.django_db

Make = Callable[..., Interaction]
Browse = Callable[..., Client]


def file_of(client: Client, incident: Incident) -> list[dict[str, Any]]:
    response = client.post(f"/incidents/{incident.pk}/file/")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/x-ndjson"
    assert f'filename="incident-{incident.pk}.jsonl"' in response["Content-Disposition"]
    return [json.loads(line) for line in b"".join(response).decode().splitlines()]


def lines(file: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in file if line["kind"] == kind]


@pytest.mark.django_db(transaction=True)
def test_it_is_complete_against_the_simulators_journal(
    make_notice: Callable[..., Any],
    make_interaction: Make,
    supervisor: User,
    auditor: User,
    simulator: Any,
    browse: Browse,
) -> None:
    for name in ("s1", "s2", "s3"):
        make_interaction(name, queue="sales")
    make_interaction("away", queue="sales", is_online=False)
    actor = supervisor.to_actor()
    incident = start(supervisor, make_payments(make_notice))
    work()
    make_interaction("new", queue="sales")
    incidents_follow()
    work()
    make_interaction("s3", queue="sales", type="stopped")
    stage_start(actor, incident, 3)
    work()
    incident = incident_close(actor, incident, word="A cable was cut.")
    file = file_of(browse(auditor), incident)

    head, end = file[0], file[-1]
    assert (head["kind"], head["is_whole"]) == ("incident", True)
    assert head["closing_word"] == "A cable was cut."
    assert [line["name"] for line in lines(file, "stage")] == ["Known", "Solved"]
    assert lines(file, "stage")[0]["counts"]["reached"] == 4
    chats = {line["interaction"]: line for line in lines(file, "chat")}
    assert sorted(chats) == ["away", "new", "s1", "s2", "s3"]
    assert end == {"kind": "end", "chats": len(lines(file, "chat"))}
    assert (chats["away"]["got_any"], chats["away"]["reason"]) == (False, "offline")
    assert [got["stage"] for got in chats["s3"]["stages"]] == [1]

    journal: dict[str, list[str]] = {}
    for entry in simulator.journalled():
        chat = next(p["value"] for p in entry["user_data"] if p["key"] == "InteractionId")
        request = {pair["key"]: pair["value"] for pair in entry["request"]}
        said = next(p["value"] for p in request["Parameters"] if p["key"] == "MessageText")
        journal.setdefault(chat, []).append(said)
    told = {
        name: [got["text"] for got in line["stages"] if got["outcome"] == "reached"]
        for name, line in chats.items()
        if line["got_any"]
    }
    assert told == journal

    entries = {entry.seq: entry for entry in AuditEntry.objects.all()}
    for line in chats.values():
        for got in line["stages"]:
            said = entries[got["entry"]]
            assert said.target_ref == str(got["send"])
            assert got["delivery"] in [each["id"] for each in said.data["deliveries"]]
    for line in [head, *lines(file, "send")]:
        assert line["entries"]
        for each in line["entries"]:
            assert entries[each["entry"]].hash == each["hash"]


def test_that_it_was_made_is_recorded_with_its_digest(
    payments: Playbook, make_interaction: Make, supervisor: User, auditor: User, browse: Browse
) -> None:
    import hashlib

    make_interaction("s1", queue="sales")
    incident = start(supervisor, payments)
    response = browse(auditor).post(f"/incidents/{incident.pk}/file/")
    content = b"".join(response)
    entry = AuditEntry.objects.get(action="incident.exported")
    assert entry.actor_name == auditor.to_actor().name
    assert entry.data["sha256"] == hashlib.sha256(content).hexdigest()
    assert entry.data["rows"] == len(content.splitlines())


def test_who_came_while_no_stage_followed_is_there_with_the_reason(
    payments: Playbook, make_interaction: Make, supervisor: User, browse: Browse
) -> None:
    make_interaction("s1", queue="sales")
    incident = start(supervisor, payments)
    stage_pause(supervisor.to_actor(), incident)
    make_interaction("unlucky", queue="sales")
    incidents_follow()
    make_interaction("unlucky", queue="sales", type="stopped")
    chats = {
        line["interaction"]: line for line in lines(file_of(browse(supervisor), incident), "chat")
    }
    assert sorted(chats) == ["s1", "unlucky"]
    assert chats["unlucky"]["reason"] == "no_stage_followed"
    assert chats["unlucky"]["got_any"] is False


def test_proofs_that_were_made_are_named(
    payments: Playbook,
    make_interaction: Make,
    supervisor: User,
    auditor: User,
    browse: Browse,
    settings: Any,
) -> None:
    settings.CHECKPOINTS_TO = ""
    make_interaction("s1", queue="sales")
    incident = start(supervisor, payments)
    client = browse(auditor)
    (send,) = lines(file_of(client, incident), "send")
    assert send["proofs"] == []
    list(client.post(f"/sends/{send['id']}/proof/"))
    (send,) = lines(file_of(client, incident), "send")
    made = AuditEntry.objects.get(action="send.proof_made")
    assert send["proofs"] == [{"entry": made.seq, "sha256": made.data["sha256"]}]


def test_it_has_what_the_person_may_know(
    of_two_teams: tuple[Incident, User],
    team: Team,
    supervisor: User,
    auditor: User,
    administrator: User,
    browse: Browse,
) -> None:
    incident, boss = of_two_teams
    set_status("delivered", "mine", "theirs")
    for person in (boss, auditor):
        file = file_of(browse(person), incident)
        assert {line["interaction"] for line in lines(file, "chat")} == {"mine", "theirs"}
        assert all(line["stages"][0]["text"] == SECRET for line in lines(file, "chat"))
        assert file[0]["is_whole"] is True
    file = file_of(browse(supervisor), incident)
    assert {line["interaction"] for line in lines(file, "chat")} == {"mine"}
    assert SECRET not in json.dumps(file)
    assert "theirs" not in json.dumps(lines(file, "chat"))
    assert file[0]["is_whole"] is False
    assert browse(administrator).post(f"/incidents/{incident.pk}/file/").status_code == 403


def test_it_is_not_whole_where_a_missed_chat_may_be_lacking(
    payments: Playbook,
    team: Team,
    supervisor: User,
    auditor: User,
    make_user: Callable[..., User],
    make_interaction: Make,
    browse: Browse,
) -> None:
    other = Team.objects.create(name="Others", queues=["others"])
    boss = make_user("boss", "supervisor", teams=[team, other])
    make_interaction("mine", queue="sales")
    incident = start(boss, payments)
    stage_pause(boss.to_actor(), incident)
    make_interaction("theirs", queue="sales")
    Interaction.objects.filter(pk="theirs").update(team=other)
    for person, whole in ((boss, True), (auditor, True), (supervisor, False)):
        file = file_of(browse(person), incident)
        named = {line["interaction"] for line in lines(file, "chat")}
        assert named == ({"mine", "theirs"} if whole else {"mine"})
        assert file[0]["is_whole"] is whole
    # Nobody knows any more whom the incident's person would have reached.
    user_deactivate(ROOT, boss)
    file = file_of(browse(auditor), incident)
    assert {line["interaction"] for line in lines(file, "chat")} == {"mine"}
    assert file[0]["is_whole"] is False


def test_a_text_is_not_in_it_for_who_did_not_send_it(
    payments: Playbook,
    make_interaction: Make,
    supervisor: User,
    make_user: Callable[..., User],
    team: Team,
    browse: Browse,
) -> None:
    make_interaction("s1", queue="sales")
    incident = start(supervisor, payments)
    assert FIRST in json.dumps(file_of(browse(supervisor), incident))
    other = make_user("sam", "supervisor", teams=[team])
    assert FIRST not in json.dumps(file_of(browse(other), incident))
