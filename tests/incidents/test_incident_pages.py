"""The pages of incidents: from the board to a running one, its stages, its chats and its end."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from console.accounts.models import Team, User
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion
from console.incidents.models import Incident, Playbook, Stage
from console.incidents.services.following import incidents_follow
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Delivery, Send
from tests.incidents.incident_world import (
    FIRST,
    KNOWN,
    SALES,
    SOLVED,
    chat_server,
    hidden,
    made,
    make_payments,
    payments,
    start,
    supervisor,
    team,
)
from tests.incidents.test_incidents import set_status
from tests.support.factories import make_playbook

__all__ = ["chat_server", "made", "payments", "supervisor", "team"]  # fixtures

pytestmark = pytest.mark.django_db

Make = Callable[..., Interaction]
Browse = Callable[..., Client]
START = "/playbooks/payments/start/"


@pytest.fixture
def sales(make_interaction: Make) -> list[str]:
    for name in ("s1", "s2", "s3"):
        make_interaction(name, queue="sales")
    make_interaction("b1", queue="billing")
    return ["s1", "s2", "s3"]


def html_of(response: Any) -> str:
    return str(response.content.decode())


def words(html: str) -> str:
    """A page with its blanks folded, as it is read."""
    import re

    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html)).replace("&ldquo;", "“")


def form_of(client: Client, address: str = START, **typed: str) -> dict[str, str]:
    html = html_of(client.get(address))
    kept = {name: hidden(html, name) for name in ("version", "expected_plan")}
    return {**kept, "why": "Payments fail.", **typed}


# --- Starting ------------------------------------------------------------------------------------


def test_from_the_board_to_a_running_incident(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    assert 'href="/incidents/new/"' in html_of(client.get("/board/"))
    assert f'href="{START}"' in html_of(client.get("/incidents/new/"))
    page = html_of(client.get(START))
    assert "Start “Playbook payments”: Known to 3 chats" in words(page)
    assert FIRST in page
    assert "next update after 15 min" in words(page)
    response = client.post(START, form_of(client))
    incident = Incident.objects.get()
    assert response["Location"] == f"/incidents/{incident.pk}/"
    assert incident.why == "Payments fail."
    assert Send.objects.get().release_at is not None
    assert "Known" in html_of(client.get("/board/"))


def test_a_refusal_keeps_what_was_typed(
    make_notice: Callable[..., Any],
    chat_server: ChatServer,
    sales: list[str],
    supervisor: User,
    browse: Browse,
) -> None:
    hour = {"name": "hour", "label": "Expected at", "type": "text", "required": True}
    make_notice("We expect it at {{ field.hour }}.", key="known", fields=[hour])
    make_notice("It works since {{ field.hour }}.", key="solved", fields=[hour])
    make_playbook("payments", SALES, KNOWN, SOLVED)
    client = browse(supervisor)
    page = html_of(client.get(START))
    assert page.count('name="field-hour"') == 1
    assert 'name="expected_plan" value=""' in page
    typed = {**form_of(client), "why": "", "answers_for": "payments", "field-hour": "noon"}
    response = client.post(START, typed)
    page = html_of(response)
    assert response.status_code == 422
    assert "Say what happened." in page
    assert 'value="noon"' in page
    assert "We expect it at noon." in page
    typed |= {"why": "Payments fail.", "field-hour": ""}
    response = client.post(START, {**typed, "expected_plan": hidden(page, "expected_plan")})
    assert response.status_code == 422
    assert 'id="answer-hour-error"' in html_of(response)
    assert 'value="Payments fail."' in html_of(response)
    # Nothing leaves that nobody has looked at.
    response = client.post(START, {**typed, "field-hour": "noon", "expected_plan": ""})
    assert "Nothing was sent yet" in html_of(response)
    assert not Incident.objects.exists()
    ready = {**typed, "field-hour": "noon"}
    ready["expected_plan"] = hidden(html_of(response), "expected_plan")
    assert client.post(START, ready).status_code == 302
    assert set(Delivery.objects.values_list("body", flat=True)) == {"We expect it at noon."}


def test_a_preview_writes_nothing_and_follows_what_is_typed(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    page = html_of(client.post(f"{START}preview/", {"why": "x"}, headers={"HX-Request": "true"}))
    assert FIRST in page
    assert 'id="start-preview"' in page
    assert "<html" not in page
    assert not Incident.objects.exists()


def test_the_second_is_led_to_the_incident_that_runs(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_user: Callable[..., User],
    team: Team,
    browse: Browse,
) -> None:
    first, second = browse(supervisor), browse(make_user("sam", "supervisor", teams=[team]))
    mine, theirs = form_of(first), form_of(second)
    first.post(START, mine)
    incident = Incident.objects.get()
    for response in (second.post(START, theirs), first.post(START, mine), second.get(START)):
        assert response["Location"] == f"/incidents/{incident.pk}/"
    assert "started this playbook already" in html_of(second.get(f"/incidents/{incident.pk}/"))
    assert Send.objects.count() == 1
    assert f'href="/incidents/{incident.pk}/"' in html_of(second.get("/incidents/new/"))


@pytest.mark.django_db(transaction=True)
def test_pressed_twice_at_once_it_starts_once(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    form = form_of(browse(supervisor))
    together, said = Barrier(3), []

    def press() -> None:
        client = browse(supervisor)
        together.wait()
        said.append(client.post(START, form)["Location"])
        connections.close_all()

    threads = [Thread(target=press) for _each in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [f"/incidents/{Incident.objects.get().pk}/"] * 3
    assert Delivery.objects.count() == 3


def test_who_came_after_the_preview_is_not_in_the_first_send(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make, browse: Browse
) -> None:
    client = browse(supervisor)
    form = form_of(client)
    make_interaction("late", queue="sales")
    client.post(START, form)
    assert Delivery.objects.count() == 3
    # In the undo seconds nothing leaves, for newcomers neither.
    assert Send.objects.get().status == "holding"
    assert incidents_follow()
    assert Delivery.objects.count() == 3
    Send.objects.update(status="running")
    assert incidents_follow()
    assert Delivery.objects.count() == 4


def test_another_version_than_the_one_that_was_looked_at_is_not_started(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    response = client.post(START, {**form_of(client), "version": "7"})
    assert response.status_code == 422
    assert "was published meanwhile" in html_of(response)
    assert 'value="Payments fail."' in html_of(response)
    assert not Incident.objects.exists()


def test_nobody_matches_yet(payments: Playbook, supervisor: User, browse: Browse) -> None:
    client = browse(supervisor)
    page = html_of(client.get(START))
    assert "No live chat that you see matches now" in words(page)
    assert "Known to every chat that comes" in words(page)
    assert client.post(START, form_of(client)).status_code == 302
    assert not Send.objects.exists()


def test_it_says_whether_it_needs_approval(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse, settings: Any
) -> None:
    settings.APPROVAL_ABOVE = 2
    page = words(html_of(browse(supervisor).get(START)))
    assert "Ask for approval to start “Playbook payments”: Known to 3 chats" in page
    assert "covers every new chat that matches until the stage ends" in page


def test_the_approver_is_told_what_the_approval_covers(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    approver: User,
    browse: Browse,
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 2
    incident = start(supervisor, payments)
    page = words(html_of(browse(approver).get("/sends/approvals/")))
    assert "Playbook payments" in page
    assert "and every new chat that matches until the stage ends" in page
    assert f"/incidents/{incident.pk}/" in html_of(browse(approver).get("/sends/approvals/"))


# --- Emergency -----------------------------------------------------------------------------------


def test_the_emergency_path_is_offered_where_it_is_allowed_alone(
    make_notice: Callable[..., Any],
    chat_server: ChatServer,
    sales: list[str],
    supervisor: User,
    approver: User,
    browse: Browse,
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 2
    make_payments(make_notice, is_for_emergency=True)
    client = browse(supervisor)
    assert 'name="is_emergency"' not in html_of(client.get(START))
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    page = html_of(client.get(START))
    assert 'name="is_emergency"' in page
    assert "must confirm it within 5 minutes" in words(page)
    form = form_of(client, is_emergency="on")
    shown = html_of(client.post(f"{START}preview/", form))
    assert "Start “Playbook payments”: Known to 3 chats" in words(shown)
    client.post(START, {**form, "expected_plan": hidden(shown, "expected_plan")})
    incident = Incident.objects.get()
    assert Send.objects.get().status in ("holding", "running")
    Incident.objects.update(confirm_until=timezone.now() - timedelta(seconds=1))
    incidents_follow()
    address = f"/incidents/{incident.pk}/"
    assert "nobody has confirmed this emergency" in words(html_of(client.get(address)))
    assert f"{address}confirm/" not in html_of(client.get(address))
    theirs = browse(approver)
    assert f"{address}confirm/" in html_of(theirs.get(address))
    assert "Confirm the emergency" in html_of(theirs.get(f"{address}confirm/"))
    theirs.post(f"{address}confirm/")
    page = words(html_of(client.get(address)))
    assert "Emergency confirmed by" in page
    assert "nobody has confirmed" not in page


# --- One incident --------------------------------------------------------------------------------


def test_the_numbers_of_a_stage(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make, browse: Browse
) -> None:
    make_interaction("away", queue="sales", is_online=False)
    make_interaction("s4", queue="sales")
    incident = start(supervisor, payments)
    set_status("delivered", "s1")
    set_status("unknown", "s2")
    set_status("failed", "s4")
    page = words(html_of(browse(supervisor).get(f"/incidents/{incident.pk}/")))
    for said in ("reached 1", "may have reached 1", "1 still to reach", "1 skipped", "1 failed"):
        assert said in page, said
    assert page.count("Incidents1 waiting") == 1
    # On the board, too.
    strip = words(html_of(browse(supervisor).get("/incidents/strip/")))
    assert "reached 1" in strip
    assert "stage 1 “Known”" in strip


def test_a_later_stage_is_looked_at_and_started(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", *sales)
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/stages/3/"
    assert f'href="{address}"' in html_of(client.get("/board/"))
    page = html_of(client.get(address))
    assert "Send “Solved” to 3 chats" in words(page)
    assert "takes the place of “Known”" in words(page)
    assert "Payments work again." in page
    assert client.post(address, {}).status_code == 422
    assert incident.stages.count() == 1
    form = {"expected_plan": hidden(page, "expected_plan")}
    assert client.post(address, form)["Location"] == f"/incidents/{incident.pk}/"
    # Pressed twice, it is there once.
    assert client.post(address, form)["Location"] == f"/incidents/{incident.pk}/"
    assert incident.stages.count() == 2
    # A stage before it is not started any more.
    assert client.post(f"/incidents/{incident.pk}/stages/2/", form).status_code == 302
    assert incident.stages.count() == 2
    assert "a later one was" in html_of(client.get(f"/incidents/{incident.pk}/stages/2/"))
    assert client.get(f"/incidents/{incident.pk}/stages/4/").status_code == 404


def test_who_is_too_late_with_a_stage_is_led_to_the_incident(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_user: Callable[..., User],
    team: Team,
    browse: Browse,
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", *sales)
    first, second = browse(supervisor), browse(make_user("sam", "supervisor", teams=[team]))
    here = f"/incidents/{incident.pk}/"
    looked_at = html_of(second.get(f"{here}stages/2/"))
    form = {"expected_plan": hidden(looked_at, "expected_plan")}
    solved = html_of(first.get(f"{here}stages/3/"))
    first.post(f"{here}stages/3/", {"expected_plan": hidden(solved, "expected_plan")})
    assert second.post(f"{here}stages/2/", form)["Location"] == here
    assert "started “Solved” meanwhile" in words(html_of(second.get(here)))
    first.post(f"{here}close/", {"word": "Done."})
    assert second.post(f"{here}stages/2/", form)["Location"] == here
    assert "has closed this incident" in words(html_of(second.get(here)))
    assert incident.stages.count() == 2


def test_a_stage_that_would_reach_nobody_yet_is_looked_at_anew_by_itself(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/stages/3/"
    page = html_of(client.get(address))
    assert "would reach nobody" in words(page)
    followed = page.split('id="stage-preview"', 1)[1].split(">", 1)[0]
    assert 'data-live-topic="incidents' in followed
    set_status("delivered", "s1")
    page = html_of(client.get(address))
    assert "Send “Solved” to 1 chat" in words(page)
    # What somebody reads does not change under the hand.
    assert "hx-get" not in page.split('id="stage-preview"', 1)[1].split(">", 1)[0]


def test_a_stage_starts_although_all_whom_it_named_have_gone(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", *sales)
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/stages/3/"
    page = html_of(client.get(address))
    assert "Send “Solved” to 3 chats" in words(page)
    Interaction.objects.filter(pk__in=sales).update(ended_at=timezone.now())
    # Whoever looks now is told that there is nobody.
    assert "would reach nobody" in words(html_of(client.get(address)))
    form = {"expected_plan": hidden(page, "expected_plan")}
    assert client.post(address, form)["Location"] == f"/incidents/{incident.pk}/"
    solved = incident.stages.get(position=3)
    found = Delivery.objects.filter(send__stage_id=solved.pk)
    assert set(found.values_list("interaction_id", "status", "reason")) == {
        (chat, "skipped", "offline") for chat in sales
    }
    assert "3 skipped" in words(html_of(client.get(f"/incidents/{incident.pk}/")))


def test_a_playbook_starts_although_all_whom_it_named_have_gone(
    make_notice: Callable[..., Any],
    chat_server: ChatServer,
    sales: list[str],
    supervisor: User,
    browse: Browse,
) -> None:
    make_notice(FIRST, key="known")
    make_playbook("payments", SALES, {"name": "Known", "notice": "known"})
    client = browse(supervisor)
    form = form_of(client)
    Interaction.objects.update(ended_at=timezone.now())
    assert "would reach nobody" in words(html_of(client.get(START)))
    assert client.post(START, form).status_code == 302
    assert Delivery.objects.filter(status="skipped", reason="offline").count() == 3
    assert Incident.objects.get().is_running


def test_overdue_and_paused_are_said(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/"
    assert "due--over" not in html_of(client.get(address))
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    for page in (address, "/incidents/strip/"):
        assert "due--over" in html_of(client.get(page))
    client.post(f"{address}pause/")
    assert Stage.objects.get().is_paused
    assert "new chats do not get it" in html_of(client.get(address))
    client.post(f"{address}resume/")
    assert not Stage.objects.get().is_paused


def test_closing_asks_for_a_word(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/"
    assert "Still to reach: 3." in html_of(client.get(f"{address}close/"))
    assert client.post(f"{address}close/", {"word": ""}).status_code == 422
    assert client.post(f"{address}close/", {"word": "A cable was cut."})["Location"] == address
    page = html_of(client.get(address))
    assert "A cable was cut." in page
    assert f"{address}close/" not in page
    assert "stages/2/" not in page
    assert 'id="strip-' not in html_of(client.get("/board/"))
    assert "Closed" in html_of(client.get("/incidents/"))


def test_chats_are_filtered_by_outcome(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", "s1")
    client = browse(supervisor)
    address = f"/incidents/{incident.pk}/"

    def listed(query: str) -> set[str]:
        html = html_of(client.get(address + query))
        return {name for name in sales if f'title="{name}"' in html}

    assert listed("") == set(sales)
    assert listed("?outcome=reached") == {"s1"}
    assert listed("?outcome=waiting&stage=1") == {"s2", "s3"}
    assert listed("?stage=2") == set()
    assert client.get(f"{address}?outcome=odd").status_code == 422


def test_a_row_leads_to_the_chat_as_long_as_it_is_kept(
    payments: Playbook, sales: list[str], supervisor: User, auditor: User, browse: Browse
) -> None:
    incident = start(supervisor, payments)
    Interaction.objects.filter(pk="s2").delete()
    address = f"/incidents/{incident.pk}/"
    page = html_of(browse(supervisor).get(address))
    assert [name for name in sales if f'href="/chats/{name}/"' in page] == ["s1", "s3"]
    assert "/chats/" not in html_of(browse(auditor).get(address))


def test_the_list_has_running_ones_first(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    assert "There was no incident yet" in html_of(client.get("/incidents/"))
    first = start(supervisor, payments)
    make_playbook("other", SALES, KNOWN)
    client.post(f"/incidents/{first.pk}/close/", {"word": "Done."})
    second = start(supervisor, Playbook.objects.get(key="other"))
    page = html_of(client.get("/incidents/"))
    assert page.index(f"/incidents/{second.pk}/") < page.index(f"/incidents/{first.pk}/")


# --- Who sees what -------------------------------------------------------------------------------

SECRET = "Only the staff reads this."


@pytest.fixture
def of_two_teams(
    make_notice: Callable[..., NoticeVersion],
    chat_server: ChatServer,
    make_interaction: Make,
    make_user: Callable[..., User],
    team: Team,
) -> tuple[Incident, User]:
    """An incident over the chats of two teams, by somebody of both, with a text for the staff."""
    other = Team.objects.create(name="Billing", queues=["billing"])
    boss = make_user("boss", "supervisor", teams=[team, other])
    make_notice(SECRET, key="staff", visibility="INT")
    make_interaction("mine", queue="sales", user_data={"FirstName": "Mine", "LastName": "One"})
    Interaction.objects.filter(pk="mine").update(team=team)
    make_interaction("theirs", queue="billing")
    Interaction.objects.filter(pk="theirs").update(team=other)
    playbook = make_playbook(
        "staff", {"queue": ["sales", "billing"]}, {"name": "Known", "notice": "staff"}
    )
    return start(boss, playbook), boss


def test_no_text_and_no_other_teams_chat_is_shown(
    of_two_teams: tuple[Incident, User],
    supervisor: User,
    outsider: User,
    administrator: User,
    auditor: User,
    browse: Browse,
) -> None:
    incident, boss = of_two_teams
    set_status("delivered", "mine", "theirs")
    address = f"/incidents/{incident.pk}/"
    pages = (address, "/incidents/strip/", "/incidents/")
    client = browse(supervisor)
    for page in pages:
        html = html_of(client.get(page))
        assert SECRET not in html, page
        assert "theirs" not in html, page
    assert 'title="mine"' in html_of(client.get(address))
    stranger = browse(outsider)
    for page in pages:
        html = html_of(stranger.get(page))
        assert 'title="mine"' not in html
        assert SECRET not in html
    html = html_of(browse(administrator).get(address))
    assert "reached 2" in words(html)
    for hidden_from_them in ("mine", "theirs", SECRET, incident.why):
        assert hidden_from_them not in html
    for person in (boss, auditor):
        html = html_of(browse(person).get(address))
        assert 'title="mine"' in html
        assert 'title="theirs"' in html


def test_an_incident_of_another_teams_playbook_is_not_there(
    payments: Playbook,
    sales: list[str],
    team: Team,
    supervisor: User,
    outsider: User,
    browse: Browse,
) -> None:
    Playbook.objects.update(team=team)
    incident = start(supervisor, payments)
    client = browse(outsider)
    assert client.get(f"/incidents/{incident.pk}/").status_code == 404
    assert "Playbook payments" not in html_of(client.get("/board/"))
    assert "Playbook payments" not in html_of(client.get("/incidents/"))
    for act in ("pause", "resume", "close", "file"):
        assert client.post(f"/incidents/{incident.pk}/{act}/").status_code == 404
    assert client.post(f"/incidents/{incident.pk}/stages/2/").status_code == 404


def test_what_is_written_into_it_is_in_the_trail(
    payments: Playbook, sales: list[str], supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    client.post(START, form_of(client))
    incident = Incident.objects.get()
    list(client.post(f"/incidents/{incident.pk}/file/"))
    client.post(f"/incidents/{incident.pk}/close/", {"word": "Done."})
    found = AuditEntry.objects.filter(target_kind="incident").values_list("action", flat=True)
    assert {"incident.started", "incident.exported", "incident.closed"} <= set(found)
