"""Playbooks and incidents by the API: the same rules as on the pages."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import Team, User
from console.catalogue.models import NoticeVersion
from console.incidents.models import Incident, Playbook
from console.incidents.services.stages import Choice
from console.interactions.models import Interaction
from console.sends.models import Delivery, Send
from tests.api.conftest import almighty, person, program
from tests.incidents.incident_world import (
    FIRST,
    KNOWN,
    SALES,
    SOLVED,
    chat_server,
    made,
    payments,
    start,
    supervisor,
    team,
)
from tests.incidents.test_incident_pages import SECRET, of_two_teams
from tests.incidents.test_incidents import set_status
from tests.support.calling import Caller, error

__all__ = ["almighty", "of_two_teams", "person", "program"]

__all__ = ["chat_server", "made", "payments", "supervisor", "team"]  # fixtures

pytestmark = pytest.mark.django_db

Make = Callable[..., Interaction]


@pytest.fixture
def sales(make_interaction: Make) -> list[str]:
    for name in ("s1", "s2", "s3"):
        make_interaction(name, queue="sales")
    return ["s1", "s2", "s3"]


def test_a_playbook_from_its_draft_to_its_end(
    make_notice: Callable[..., NoticeVersion], program: Callable[..., Caller]
) -> None:
    make_notice(key="known")
    make_notice(key="solved")
    writer, other = program("catalogue"), program("approve")
    given = {"key": "payments", "title": "Payments down", "audience": SALES, "stages": [KNOWN]}
    made = writer.post("playbooks/", given)
    assert (made["newest"]["status"], made["published"]) == ("draft", None)
    nothing = dict.fromkeys(("version", "canary_size", "canary_minutes"))
    assert made["newest"]["stages"][0] == {**KNOWN, "reach": "matching", **nothing}
    changed = writer("PATCH", "playbooks/payments/", {"stages": [KNOWN, SOLVED]})[1]
    assert [stage["name"] for stage in changed["newest"]["stages"]] == ["Known", "Solved"]
    assert changed["newest"]["audience"] == SALES
    submitted = writer.post("playbooks/payments/versions/1/submit/", status=200)
    assert submitted["status"] == "in_review"
    assert [stage["version"] for stage in submitted["stages"]] == [1, 1]
    rejected = other.post(
        "playbooks/payments/versions/1/reject/", {"reason": "Too wide"}, status=200
    )
    assert rejected["reject_reason"] == "Too wide"
    writer("PATCH", "playbooks/payments/", {"change_note": "Narrower"})
    writer.post("playbooks/payments/versions/2/submit/", status=200)
    assert other.post("playbooks/payments/versions/2/approve/", status=200)["number"] == 2
    assert other.get("playbooks/payments/")["published"] == 2
    assert [each["number"] for each in other.get("playbooks/payments/versions/")["results"]] == [
        2,
        1,
    ]
    assert other.post("playbooks/payments/retire/", status=200)["retired_at"] is not None


def test_nobody_writes_over_a_playbook_that_they_have_not_seen(
    payments: Playbook, program: Callable[..., Caller]
) -> None:
    writer = program("catalogue")
    seen = writer.raw("GET", "playbooks/payments/").headers["ETag"]
    writer("PATCH", "playbooks/payments/", {"change_note": "One"})
    response = writer.raw("PATCH", "playbooks/payments/", {"change_note": "Two"}, If_Match=seen)
    assert response.status_code == 412


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": {}},
        {"audience": {"queue": ""}},
        {"audience": {"nothing": "x"}},
        {"stages": []},
        {"stages": [{"name": "Known"}]},
        {"stages": [{**KNOWN, "update_minutes": 0}]},
        {"stages": [{**KNOWN, "reach": "everybody"}]},
        {"stages": [{**KNOWN, "colour": "red"}]},
        {"stages": [{**KNOWN, "is_standing": "yes"}]},
        {"stages": [KNOWN] * 11},
    ],
)
def test_what_can_not_be_carried_out_is_refused(
    wrong: dict[str, Any], payments: Playbook, almighty: Caller
) -> None:
    given = {"key": "other", "title": "Other", "audience": SALES, "stages": [KNOWN], **wrong}
    assert almighty.raw("POST", "playbooks/", given).status_code == 400
    assert Playbook.objects.count() == 1


def test_an_incident_from_its_preview_to_its_end(
    payments: Playbook, sales: list[str], program: Callable[..., Caller]
) -> None:
    sender = program("send")
    plan = sender.post("incidents/preview/", {"playbook": "payments"}, status=200)
    assert (plan["position"], plan["name"], plan["is_standing"]) == (1, "Known", True)
    assert [target["body"] for target in plan["plan"]["targets"]] == [FIRST] * 3
    assert not Incident.objects.exists()
    given = {
        "playbook": "payments",
        "why": "Payments fail.",
        "expected_plan": plan["plan"]["expected_plan"],
    }
    made = sender.post("incidents/", given)
    assert (made["status"], made["why"]) == ("running", "Payments fail.")
    first, second, third = made["stages"]
    assert first["counts"]["waiting"] == 3
    assert (second["id"], second["started_at"], third["trouble"]) == (None, None, "")
    send = sender.get(f"sends/{Send.objects.get().pk}/")
    assert (send["incident"], send["stage"]) == (made["id"], first["id"])
    refused = error(sender.raw("POST", "incidents/", given), 409, "incident_running")
    assert refused["details"] == {"incident": made["id"]}
    set_status("delivered", "s1", "s2")
    here = f"incidents/{made['id']}/"
    assert sender.post(f"{here}pause/", status=200)["stages"][0]["is_paused"] is True
    assert sender.post(f"{here}resume/", status=200)["stages"][0]["is_paused"] is False
    plan = sender.post(f"{here}stages/3/preview/", {}, status=200)
    assert [target["interaction"] for target in plan["plan"]["targets"]] == ["s1", "s2"]
    promise = {"expected_plan": plan["plan"]["expected_plan"]}
    started = sender.post(f"{here}stages/3/start/", promise)
    assert started["stages"][2]["counts"]["waiting"] == 2
    error(sender.raw("POST", f"{here}stages/3/start/", promise), 409, "stage_started")
    error(sender.raw("POST", f"{here}stages/9/start/", {}), 404, "stage_not_found")
    closed = sender.post(f"{here}close/", {"word": "A cable."}, status=200)
    assert (closed["status"], closed["closing_word"]) == ("closed", "A cable.")
    assert sender.get("incidents/?status=closed")["count"] == 1
    assert sender.get("incidents/?status=running")["count"] == 0
    error(sender.raw("GET", "incidents/?status=odd"), 400, "invalid_filter")


def test_a_plan_of_nobody_is_null(payments: Playbook, program: Callable[..., Caller]) -> None:
    sender = program("send")
    assert sender.post("incidents/preview/", {"playbook": "payments"}, status=200)["plan"] is None


def test_the_chats_come_in_pages_and_by_outcome(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    person: Callable[[User], Caller],
) -> None:
    incident = start(supervisor, payments, chosen=Choice())
    set_status("delivered", "s1")
    set_status("unknown", "s2")
    call = person(supervisor)

    def chats(query: str) -> list[str]:
        rows = call.get(f"incidents/{incident.pk}/chats/{query}")["results"]
        return [row["interaction"] for row in rows]

    assert chats("?page_size=2") == ["s1", "s2"]
    assert chats("?page_size=2&page=2") == ["s3"]
    assert chats("?outcome=reached") == ["s1"]
    assert chats("?outcome=may_have_reached&stage=1") == ["s2"]
    assert chats("?stage=2") == []
    for wrong in ("?stage=0", "?stage=x", "?outcome=odd", "?odd=1"):
        assert call.raw("GET", f"incidents/{incident.pk}/chats/{wrong}").status_code == 400


def test_a_list_takes_the_same_queries_whatever_its_length(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    auditor: User,
    person: Callable[[User], Caller],
    django_assert_max_num_queries: Any,
) -> None:
    from tests.support.factories import make_playbook

    for number in range(4):
        start(supervisor, make_playbook(f"p{number}", SALES, KNOWN))
    call = person(auditor)
    with django_assert_max_num_queries(20):
        assert call.get("incidents/")["count"] == 4


def test_no_text_and_no_other_teams_chat(
    of_two_teams: tuple[Incident, User],
    supervisor: User,
    auditor: User,
    administrator: User,
    person: Callable[[User], Caller],
) -> None:
    incident, _boss = of_two_teams
    here = f"incidents/{incident.pk}/"
    call = person(supervisor)
    for path in ("incidents/", here, f"{here}chats/"):
        said = json.dumps(call.get(path))
        assert SECRET not in said
        assert "theirs" not in said
    file = b"".join(call.raw("GET", f"{here}file/")).decode()
    assert SECRET not in file
    assert '"interaction": "theirs"' not in file
    admin = person(administrator)
    assert (admin.get(here)["why"], admin.get(here)["fields"]) == ("", {})
    assert admin.get(f"{here}chats/")["count"] == 0
    assert admin.raw("GET", f"{here}file/").status_code == 403
    assert person(auditor).get(f"{here}chats/")["count"] == 2


def test_another_teams_incident_is_not_there(
    payments: Playbook,
    sales: list[str],
    team: Team,
    supervisor: User,
    outsider: User,
    person: Callable[[User], Caller],
) -> None:
    Playbook.objects.update(team=team)
    incident = start(supervisor, payments)
    call = person(outsider)
    here = f"incidents/{incident.pk}/"
    assert call.get("incidents/")["count"] == 0
    for method, path in [("GET", here), ("GET", f"{here}chats/"), ("POST", f"{here}pause/")]:
        error(call.raw(method, path), 404, "incident_not_found")
    error(call.raw("GET", "playbooks/payments/"), 404, "playbook_not_found")
    assert Delivery.objects.count() == 3
