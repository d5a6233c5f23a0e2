"""Nobody decides on their own work through an API client, nor on that of a client of theirs: person
by role and client, by object, by page, API and SQL. Own work without clients: test_own_work.py."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from console.accounts.models import ApiClient, Scope, User
from console.accounts.own_work import is_own
from console.accounts.roles import Role
from console.accounts.services import api_client_create, api_client_update, user_update
from console.accounts.states import api_client_state
from console.actors import Actor, system_actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.review.presets import preset_create
from console.editing.revision import revision
from console.errors import PermissionRefused
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.signing_in import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("chat_server")]
ROOT = system_actor("tests")


@dataclass
class World:
    """Max has every role and owns two clients with every scope; so has Ada, who owns one."""

    people: dict[str, User]
    clients: dict[str, tuple[ApiClient, str]]

    def actor(self, who: str) -> Actor:
        if who in self.people:
            return self.people[who].to_actor()
        return self.clients[who][0].to_actor()

    def post(self, who: str, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """By page or API with the person's session; by a client's token."""
        browser, headers = Client(), {}
        if who in self.people:
            sign_in(browser, self.people[who])
        else:
            headers["Authorization"] = f"Bearer {self.clients[who][1]}"
        if path.startswith("/api/"):
            answer = browser.post(path, body, content_type="application/json", headers=headers)
            return answer.status_code, json.loads(answer.content).get("code", "")
        answer = browser.post(path, body, headers=headers)
        return answer.status_code, ""


OWNERS = {"max": None, "ada": None, "one": "max", "two": "max", "hers": "ada"}


@pytest.fixture
def world(make_user: Callable[..., User]) -> World:
    people = {name: make_user(name, *Role.values) for name in ("max", "ada")}
    clients = {
        name: api_client_create(ROOT, name=name, scopes=Scope.values, owner=people[owner])
        for name, owner in OWNERS.items()
        if owner
    }
    return World(people, clients)


@dataclass
class Work:
    """Something that waits for a decision: where that is made."""

    pk: int
    page: str
    api: str
    sql: str
    body: dict[str, Any]


def version(world: World, who: str, things: Any) -> Work:
    actor = world.actor(who)
    notice = notice_create(actor, key="delay", kind="message", title="Delayed")
    draft = version_create(
        actor, notice, VersionContent(default_locale="en", bodies={"en": "Later."})
    )
    version_submit(actor, draft)
    return Work(
        draft.pk,
        reverse("version-approve", args=["delay", 1]),
        "/api/v1/notices/delay/versions/1/approve/",
        "UPDATE catalogue_noticeversion SET status = 'published', reviewer_ref = %(who)s, "
        "reviewer_name = 'R', reviewed_at = now() WHERE id = %(pk)s",
        {},
    )


def preset(world: World, who: str, things: Any) -> Work:
    made = preset_create(world.actor(who), name="Desk", visibility="INT")
    change = made.changes.get()
    return Work(
        change.pk,
        reverse("preset-approve", args=[made.pk]),
        f"/api/v1/presets/{made.pk}/approve/",
        "UPDATE catalogue_presetchange SET status = 'approved', reviewer_ref = %(who)s, "
        "reviewer_name = 'R', reviewed_at = now() WHERE id = %(pk)s",
        {"change": change.pk},
    )


def large_send(world: World, who: str, things: Any) -> Work:
    things.settings.APPROVAL_ABOVE = 1
    things.make_notice(key="hello")
    chats = [things.make_interaction().pk for _ in range(2)]
    send = send_create(world.actor(who), SendOrder(notice_key="hello", interactions=chats))
    assert send.status == "awaiting_approval"
    return Work(
        send.pk,
        reverse("send-approve", args=[send.pk]),
        f"/api/v1/sends/{send.pk}/approve/",
        "UPDATE sends_send SET status = 'running', approved_by_ref = %(who)s, "
        "approved_by_name = 'R', approved_at = now() WHERE id = %(pk)s",
        {"seen": ""},
    )


def client_scope(world: World, who: str, things: Any) -> Work:
    """More for a client of somebody who has no other part in it."""
    client, _token = api_client_create(ROOT, name="Third", scopes=["read"])
    client = api_client_update(world.actor(who), client, scopes=["read", "send"])
    return Work(
        client.pk,
        reverse("api-client-confirm", args=[client.pk]),
        "",  # the API has no door to API clients
        "UPDATE accounts_apiclient SET scopes = '{read,send}', pending_scopes = '{}', "
        "confirmed_by_ref = %(who)s, confirmed_at = now() WHERE id = %(pk)s",
        {"seen": revision(api_client_state(client))},
    )


KINDS = {
    "version": version,
    "preset": preset,
    "large send": large_send,
    "client": client_scope,
}
# Who did the work, and who decides: all of it is Max's own.
OWN = [
    *(("max", "max"), ("max", "one"), ("one", "max"), ("one", "one"), ("one", "two")),
]
OTHERS = [("max", "ada"), ("one", "ada"), ("one", "hers"), ("hers", "max"), ("hers", "one")]


@pytest.fixture
def things(
    make_notice: Callable[..., Any], make_interaction: Callable[..., Any], settings: Any
) -> Any:
    return type("Things", (), locals())


def decided(work: Work, kind: str) -> bool:
    """Whether it is decided, as the database has it."""
    question = {
        "version": "SELECT reviewer_ref <> '' FROM catalogue_noticeversion WHERE id = %s",
        "preset": "SELECT reviewer_ref <> '' FROM catalogue_presetchange WHERE id = %s",
        "large send": "SELECT approved_by_ref <> '' FROM sends_send WHERE id = %s",
        "client": "SELECT 'send' = ANY(scopes) FROM accounts_apiclient WHERE id = %s",
    }
    with connection.cursor() as cursor:
        cursor.execute(question[kind], [work.pk])
        return bool(cursor.fetchone()[0])


def by_sql(world: World, work: Work, who: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(work.sql, {"who": world.actor(who).ref, "pk": work.pk})


@pytest.mark.parametrize(("author", "decider"), OWN)
@pytest.mark.parametrize("kind", KINDS)
def test_own_work_is_refused(
    kind: str, author: str, decider: str, world: World, things: Any
) -> None:
    work = KINDS[kind](world, author, things)
    if work.api:
        status, code = world.post(decider, work.api, work.body)
        # Tokens never approve sends.
        by_token = kind == "large send" and decider in world.clients
        assert (status, code) == (403, "permission_refused" if by_token else "own_work")
    if decider in world.people:
        assert world.post(decider, work.page, work.body)[0] in (403, 422)
    with pytest.raises(IntegrityError):
        by_sql(world, work, decider)
    assert not decided(work, kind)


@pytest.mark.parametrize("way", ["page", "api", "sql"])
@pytest.mark.parametrize(("author", "decider"), OTHERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_somebody_elses_is_decided(
    kind: str, author: str, decider: str, way: str, world: World, things: Any
) -> None:
    """Or nothing of the above would say anything."""
    work = KINDS[kind](world, author, things)
    if way == "sql":
        by_sql(world, work, decider)
    elif way == "page" and decider in world.people:
        assert world.post(decider, work.page, work.body)[0] == 302
    elif way == "api" and work.api and (kind, decider) not in BY_PEOPLE_ALONE:
        assert world.post(decider, work.api, work.body)[0] == 200
    else:
        return
    assert decided(work, kind)


BY_PEOPLE_ALONE = {("large send", "hers"), ("large send", "one")}


@pytest.mark.parametrize("who", ["max", "one", "two"])
def test_nobody_changes_their_own_roles_by_a_client(who: str, world: World) -> None:
    """No page and no address of the API has this for a program: the service says it all the
    same."""
    with pytest.raises(PermissionRefused) as refused:
        user_update(world.actor(who), world.people["max"], roles=["auditor"])
    assert refused.value.code == "own_roles"
    user_update(world.actor("hers"), world.people["max"], roles=["auditor"])


def test_a_client_without_an_owner_is_itself(world: World) -> None:
    loner, _token = api_client_create(ROOT, name="Loner", scopes=["catalogue"])
    assert is_own(loner.to_actor(), loner.ref)
    assert not is_own(world.actor("max"), loner.ref)
    assert not is_own(loner.to_actor(), world.actor("one").ref)


CLIENT = "UPDATE accounts_apiclient SET {what} WHERE name = 'one'"
BY_SQL = {
    "another owner": CLIENT.format(what="owner_id = %(ada)s"),
    "no owner": CLIENT.format(what="owner_id = NULL"),
    "gone": "DELETE FROM accounts_apiclient WHERE name = 'one'",
    "a scope unconfirmed": "UPDATE accounts_apiclient SET scopes = '{read,send}' "
    "WHERE name = 'Third'",
    "a scope that nobody proposed": "UPDATE accounts_apiclient SET scopes = '{read,approve}', "
    "confirmed_by_ref = 'user:1000', confirmed_at = now() WHERE name = 'Third'",
    "another proposer": "UPDATE accounts_apiclient SET proposed_by_ref = 'user:1000' "
    "WHERE name = 'Third'",
    "more notices": "UPDATE accounts_apiclient SET allowed_notices = '{}' WHERE name = 'Bound'",
    "born with it": "INSERT INTO accounts_apiclient (name, token_hash, scopes, pending_scopes, "
    "allowed_notices, addresses, is_active, created_at, proposed_by_ref, proposed_by_name, "
    "confirmed_by_ref, confirmed_by_name) VALUES ('x', 'x', '{send}', '{}', '{}', '{}', true, "
    "now(), '', '', 'user:1000', 'R')",
}


@pytest.mark.parametrize("way", BY_SQL)
def test_a_client_is_not_got_round_by_sql(way: str, world: World) -> None:
    third, _token = api_client_create(ROOT, name="Third", scopes=["read"])
    api_client_update(world.actor("max"), third, scopes=["read", "send"])
    api_client_create(ROOT, name="Bound", scopes=["send"], allowed_notices=["late"])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BY_SQL[way], {"ada": world.people["ada"].pk})
