"""Which chats each part of the console takes an audience to mean."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from django.urls import reverse

from console.actors import Actor
from console.database.clock import database_now
from console.errors import ConsoleError
from console.incidents.models import Incident, Playbook, StageTarget
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import incident_start, start_plan, start_version
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction, SavedView
from console.interactions.selectors import interactions_visible
from console.interactions.services import saved_view_create
from console.sends.models import Send
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.calling import Caller
from tests.support.factories import make_playbook

ROW = re.compile(r'name="interaction"\s+value="([^"]+)"')
# How a send refuses an audience in which there is nobody.
NOBODY_THERE = "no_targets"
# The same chats, or None where the audience is refused.
Found = set[str] | None


def on_board(client: Client, text: str, **filters: str) -> set[str]:
    """What the list shows, on its first page."""
    html = client.get(reverse("board-rows"), {"audience": text, **filters}).content.decode()
    return set(ROW.findall(html))


def in_tab(client: Client, view: int) -> int | None:
    """The number on a saved view's tab; None if it says that it can't be used."""
    html = client.get(reverse("board")).content.decode()
    tab = html.split(f'data-key="view-{view}"')[1].split("</a>")[0]
    found = re.search(r'class="views__count">([\d,]+)<', tab)
    return int(found[1].replace(",", "")) if found else None


def _unless_refused(read: Callable[[], set[str]]) -> Found:
    try:
        return read()
    except ConsoleError as refusal:
        return set() if refusal.code == NOBODY_THERE else None


def by_query(actor: Actor, text: str) -> Found:
    return _unless_refused(
        lambda: {chat.pk for chat in interactions_visible(actor, Audience.from_text(text))}
    )


def in_plan(actor: Actor, notice: str, text: str) -> Found:
    """What a preview has, ready or skipped."""
    order = lambda: SendOrder(notice_key=notice, audience=Audience.from_text(text))  # noqa: E731
    return _unless_refused(
        lambda: {target.interaction_id for target in plan_send(actor, order()).targets}
    )


def in_send(actor: Actor, notice: str, text: str) -> Found:
    """What a send has deliveries for."""

    def sent() -> set[str]:
        audience = Audience.from_text(text)
        send: Send = send_create(actor, SendOrder(notice_key=notice, audience=audience))
        assert send.target == {"audience": audience.to_mapping()}
        return set(send.deliveries.values_list("interaction_id", flat=True))

    return _unless_refused(sent)


# --- Incidents -----------------------------------------------------------------------------------


def in_playbook(notice: str, text: str) -> Playbook:
    """A playbook for an audience, whose first stage stands."""
    stage = {"name": "Known", "notice": notice, "is_standing": True}
    key = f"playbook-{Playbook.objects.count()}"
    return make_playbook(key, Audience.from_text(text).to_mapping(), stage)


def in_stage_plan(actor: Actor, playbook: Playbook) -> set[str]:
    """What the preview of an incident's start has, ready or skipped."""
    plan = start_plan(actor, start_version(playbook), answers={})
    return {target.interaction_id for target in plan.targets} if plan else set()


def in_started_stage(actor: Actor, playbook: Playbook) -> set[str]:
    """What an incident's first stage has at its start. It leaves nothing for later."""
    incident = incident_start(actor, playbook, why="It is down.")
    taken = _taken(incident)
    incidents_follow()
    assert _taken(incident) == taken
    return taken


def in_standing_stage(actor: Actor, playbook: Playbook) -> set[str]:
    """What a standing stage takes of the live chats if all of them come after its start."""
    live = Interaction.objects.filter(ended_at=None)
    chats = list(live.values_list("pk", flat=True))
    live.update(ended_at=database_now())
    incident = incident_start(actor, playbook, why="It is down.")
    assert _taken(incident) == set()
    Interaction.objects.filter(pk__in=chats).update(ended_at=None)
    assert incidents_follow()
    return _taken(incident)


def _taken(incident: Incident) -> set[str]:
    targets = StageTarget.objects.filter(stage__incident=incident)
    return set(targets.values_list("interaction_id", flat=True))


# --- Forms and calls -----------------------------------------------------------------------------


def of_board_form(text: str, notice: str = "hello", **fields: Any) -> dict[str, Any]:
    """What the compose form posts for all that the board lists by an audience."""
    filters = urlencode({"audience": text, "sort": "-waiting"})
    return {
        "everything": "1",
        "filters": filters,
        "notice": notice,
        "idempotency_key": "k1",
        **fields,
    }


def by_saved_view(actor: Actor, text: str) -> set[str]:
    """What a view means that was saved and read again."""
    pk = saved_view_create(actor, name="Any", audience=Audience.from_text(text)).pk
    audience = Audience.from_mapping(SavedView.objects.get(pk=pk).audience)
    return {chat.pk for chat in interactions_visible(actor, audience)}


def in_api_preview(caller: Caller, notice: str, text: str) -> Found:
    """What a program's preview of a send has."""
    audience = Audience.from_text(text).to_mapping()
    return _previewed(caller, "sends/preview/", {"notice": notice, "audience": audience})


def in_api_incident(caller: Caller, playbook: Playbook) -> Found:
    """What a program's preview of an incident has."""
    return _previewed(caller, "incidents/preview/", {"playbook": playbook.key})


def _previewed(caller: Caller, path: str, body: dict[str, Any]) -> Found:
    status, answer = caller("POST", path, body)
    assert status == 200, answer
    plan = answer.get("plan", answer)
    return {target["interaction"] for target in plan["targets"]} if plan else set()


def by_api(caller: Caller, text: str) -> Found:
    status, answer = caller("GET", f"interactions/?{urlencode({'audience': text})}")
    return {chat["id"] for chat in answer["results"]} if status == 200 else None
