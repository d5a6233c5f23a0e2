"""How much CPU a page takes, beside a bare Django view with one query and a template of 20 kB."""

import json
import statistics
from typing import Any

from django.db import connection
from django.test import Client as DjangoClient

from console.accounts.models import User
from console.accounts.roles import Role
from console.accounts.services import api_client_create, user_create
from console.actors import Actor, system_actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.incidents.models import Incident
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks
from console.incidents.services.incidents import incident_start
from console.interactions.models import Interaction
from console.sends.models import Send
from tests.support.signing_in import sign_in
from tools.bench.measures import create_send
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.served import await_finished
from tools.bench.world import NOTICE, SERVER, World, process, worker

FEW, MANY = 40, 300
SENDS, NOTICES, PLAYBOOKS = 60, 300, 20
PAGES = {
    "home": "/home/",
    "board": "/board/",
    "sends": "/sends/",
    "a send": "/sends/{send}/",
    "its first deliveries that ended well": "/sends/{send}/?status=delivered",
    "history": "/history/",
    "a delivery": "/history/{delivery}/",
    "trail": "/audit/",
    "catalogue": "/notices/",
    "a notice": f"/notices/{NOTICE}/",
    "playbooks": "/playbooks/",
    "incidents": "/incidents/",
    "an incident": "/incidents/{incident}/",
    "a chat": "/chats/{chat}/",
    "operations": "/operations/",
    "Chat Servers": "/chat-servers/",
    "people": "/people/",
    "account": "/account/",
    "help": "/help/",
    "search": "/search/?q=bench",
}
CALLS = {
    "chats": "/api/v1/interactions/",
    "sends": "/api/v1/sends/",
    "a send": "/api/v1/sends/{send}/",
    "its deliveries": "/api/v1/sends/{send}/deliveries/",
    "deliveries": "/api/v1/deliveries/",
    "notices": "/api/v1/notices/",
    "audit": "/api/v1/audit/entries/",
    "incidents": "/api/v1/incidents/",
}
Figures = dict[str, dict[str, Any]]


def pages_cpu(world: World) -> list[Row]:
    """Each page's CPU with hardly any data, and with some."""
    person = user_create(
        system_actor("bench"),
        username="bench-reader",
        password="a bench sits on its own",
        roles=list(Role.values),
    )
    token = api_client_create(system_actor("bench"), name="reader", scopes=["read", "audit"])[1]
    visits = _visits_by(person, token)
    rows = []
    for words, sends, chats in (("hardly any data", 1, FEW), ("some data", SENDS, MANY)):
        ids = world.chats(chats)
        with worker(world.folder):
            for number in range(sends):
                send = create_send(ids[: 1 + (number * 37) % chats] if number else ids)[1]
                await_finished(send)
        if sends > 1:
            _write_catalogue()
        incident = Incident.objects.first() or _start_incident(person.to_actor())
        names = _names(Send.objects.order_by("pk")[0], incident)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        rows += _rows(words, _figures(world, visits, names))
    return rows


def _visits_by(person: User, token: str) -> Figures:
    browser = DjangoClient()
    sign_in(browser, person)
    cookies = "; ".join(f"{key}={morsel.value}" for key, morsel in browser.cookies.items())
    of_page = {"Cookie": cookies, "Accept": "text/html", "Accept-Language": "en"}
    of_call = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return {
        **{f"page: {name}": {"path": path, "headers": of_page} for name, path in PAGES.items()},
        **{f"call: {name}": {"path": path, "headers": of_call} for name, path in CALLS.items()},
    }


def _names(send: Send, incident: Incident) -> dict[str, Any]:
    return {
        "send": send.pk,
        "delivery": send.deliveries.order_by("pk")[0].pk,
        "incident": incident.pk,
        "chat": Interaction.objects.order_by("pk")[0].pk,
    }


def _start_incident(actor: Actor) -> Incident:
    return incident_start(actor, _publish_playbook(0), why="The bench is late.")


def _publish_playbook(number: int) -> Any:
    permissions = system_actor("bench").permissions
    author = Actor("user:author", "Author", permissions)
    reviewer = Actor("user:reviewer", "Reviewer", permissions, sees_all_teams=True)
    stages = [{"name": "Known", "notice": NOTICE}, {"name": "Solved", "notice": NOTICE}]
    content = PlaybookContent.read({"audience": {"chat_server": [SERVER]}, "stages": stages})
    draft = playbooks.playbook_create(
        author, key=f"late-{number}", title=f"Late {number}", content=content
    )
    playbooks.version_submit(author, draft)
    return playbooks.version_approve(reviewer, draft).playbook


def _write_catalogue() -> None:
    permissions = system_actor("bench").permissions
    author = Actor("user:author", "Author", permissions)
    reviewer = Actor("user:reviewer", "Reviewer", permissions)
    for number in range(NOTICES):
        notice = notice_create(
            author, key=f"bench-{number}", kind="message", title=f"Bench {number}"
        )
        content = VersionContent(default_locale="en", bodies={"en": f"Number {number} is late."})
        version = version_create(author, notice, content)
        version_submit(author, version)
        if number % 30:
            version_approve(reviewer, version)
    for number in range(1, PLAYBOOKS):
        _publish_playbook(number)


def _figures(world: World, visits: Figures, names: dict[str, Any]) -> Figures:
    plan = world.folder / "visits.json"
    filled = {
        name: {**visit, "path": visit["path"].format(**names)} for name, visit in visits.items()
    }
    plan.write_text(json.dumps({"rounds": max(3, world.rounds), "visits": filled}))
    log = world.folder / "pages_cpu.log"
    with process("-m", "tools.bench.page_process", str(plan), ready="CPU ", log=log) as line:
        return json.loads(line.removeprefix("CPU "))


def _rows(words: str, figures: Figures) -> list[Row]:
    found = []
    for name, figure in figures.items():
        if not figure["rounds"]:
            say(f"pages_cpu: the bare view has {figure['bytes']:,} bytes")
            continue
        pairs = [Pair(*each) for each in figure["rounds"]]
        found.append(
            row(
                "pages_cpu",
                f"{name} ({words}) : bare view",
                pairs,
                unit="ms",
                goal=Goal(most=5),
                bytes=figure["bytes"],
            )
        )
    ratios = [each.ratio for each in found if each.ratio is not None]
    say(f"pages_cpu: {words}, {statistics.mean(ratios):.1f} on average")
    return found
