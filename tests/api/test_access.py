"""Every route with every kind of caller: one table, and nothing of the API outside of it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, reverse

from console.accounts.models import ApiClient, Scope, User
from console.accounts.roles import Role
from console.actors import Actor, system_actor
from console.api import urls
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.exports.orders import Order
from console.exports.services import export_order
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services.incidents import incident_start
from console.incidents.services.playbooks import playbook_create
from console.incidents.services.playbooks import version_submit as playbook_submit
from console.interactions.audience.audience import Audience
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import saved_view_create
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.services import webhook_test
from tests.support.calling import Caller, by_token
from tests.support.factories import make_playbook, make_public_webhook, upsert
from tests.support.shown_texts import SHOWN, make_interaction, make_notice, recorded

__all__ = ["make_interaction", "make_notice"]  # fixtures

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYBODY = {*Scope.values, *Role.values}
READ_CATALOGUE = {"send", "read", "catalogue", "approve", *Role.values}
WRITE_CATALOGUE = {"catalogue", "editor", "administrator"}
REVIEW = {"approve", "approver"}
SEE_CHATS = {"send", "read", "supervisor"}
SEE_SENDS = {"send", "read", "supervisor", "auditor", "approver"}
ADMINISTER = {"admin", "administrator"}
SEE_INCIDENTS = SEE_SENDS | ADMINISTER
SEE_SERVERS = {"read", "admin", "supervisor", "auditor", "administrator"}

NEW_NOTICE = {"kind": "message", "title": "New"}
NEW_VERSION = {"default_locale": "en", "bodies": {"en": "Hi"}}
NEW_WEBHOOK = {"name": "CRM", "url": "https://1.1.1.1/", "events": ["send.finished"]}
SEEN_THERE = {"verdict": "delivered", "looked_in": "transcript", "remark": "It is there."}
LINE = {"interaction": "a1", "at": "2026-01-31T12:00:00Z", "nickname": "Desk", "text": "Hi"}
STANDS = {"name": "Known", "notice": "greeting", "is_standing": True}
NEW_PLAYBOOK = {
    "key": "newest",
    "title": "New",
    "audience": {"queue": "nowhere"},
    "stages": [STANDS],
}
NEW_SERVER = {"name": "chat-west", "url": "esp+json://h:1"}

# (method, route): who may, the body that is sent, and the status that those who may get.
TABLE: dict[tuple[str, str], tuple[set[str], object, int]] = {
    ("POST", "feed"): ({"feed"}, {"events": [upsert("a1")]}, 202),
    ("POST", "transcript-lines"): ({"feed"}, {"lines": [LINE]}, 202),
    ("GET", "interactions"): (SEE_CHATS, None, 200),
    ("GET", "interaction"): (SEE_CHATS, None, 200),
    ("PUT", "interaction-test"): (ADMINISTER, None, 204),
    ("DELETE", "interaction-test"): (ADMINISTER, None, 409),  # it is none
    ("GET", "test-chats"): (WRITE_CATALOGUE | ADMINISTER, None, 200),
    ("GET", "version-tests"): (WRITE_CATALOGUE, None, 200),
    ("POST", "version-tests"): (WRITE_CATALOGUE, {"interactions": ["a1"]}, 403),  # somebody else's
    ("GET", "notices"): (READ_CATALOGUE, None, 200),
    ("POST", "notices"): (
        WRITE_CATALOGUE,
        NEW_NOTICE | {"key": "newest"},
        201,
    ),
    ("GET", "notices-export"): (READ_CATALOGUE, None, 200),
    ("POST", "notices-import"): (
        WRITE_CATALOGUE,
        {"records": [NEW_NOTICE | {"key": "brought", "bodies": {"en": "Hi"}}]},
        200,
    ),
    ("GET", "notice"): (READ_CATALOGUE, None, 200),
    ("PATCH", "notice"): (WRITE_CATALOGUE, {"tags": ["other"]}, 200),
    ("POST", "notice-retire"): (REVIEW, None, 200),
    ("POST", "notice-restore"): (REVIEW, None, 409),  # it is not retired
    ("PUT", "notice-favourite"): (READ_CATALOGUE, None, 204),
    ("DELETE", "notice-favourite"): (READ_CATALOGUE, None, 204),
    ("GET", "notice-usage"): (READ_CATALOGUE, None, 200),
    ("GET", "versions"): (READ_CATALOGUE, None, 200),
    ("POST", "versions"): (WRITE_CATALOGUE, NEW_VERSION, 409),  # one is open already
    ("GET", "version"): (READ_CATALOGUE, None, 200),
    ("PATCH", "version"): (WRITE_CATALOGUE, {"bodies": {"en": "Hm"}}, 403),  # somebody else's
    ("GET", "version-preview"): (READ_CATALOGUE, None, 200),
    ("GET", "variables"): (READ_CATALOGUE, None, 200),
    ("POST", "version-submit"): (WRITE_CATALOGUE, None, 403),  # somebody else's
    ("POST", "version-approve"): (REVIEW, None, 200),
    ("POST", "version-reject"): (REVIEW, {"reason": "No."}, 200),
    ("GET", "audiences"): (SEE_CHATS, None, 200),
    ("POST", "audiences"): (SEE_CHATS, {"name": "New", "audience": {"queue": "sales"}}, 201),
    # It is somebody else's own; tests/interactions/test_saved_views.py has the others.
    ("GET", "audience"): (SEE_CHATS, None, 404),
    ("PATCH", "audience"): (SEE_CHATS, {"name": "Other"}, 404),
    ("DELETE", "audience"): (SEE_CHATS, None, 404),
    ("GET", "presets"): (READ_CATALOGUE, None, 200),
    ("POST", "presets"): (WRITE_CATALOGUE, {"name": "New", "visibility": "INT"}, 201),
    ("GET", "preset"): (READ_CATALOGUE, None, 200),
    ("GET", "category"): (READ_CATALOGUE, None, 200),
    ("PATCH", "preset"): (WRITE_CATALOGUE, {"nickname": "Desk"}, 200),
    ("POST", "preset-approve"): (REVIEW, {"change": 1}, 409),  # nothing is proposed for it
    ("POST", "preset-reject"): (REVIEW, {"reason": "No.", "change": 1}, 409),
    ("GET", "categories"): (READ_CATALOGUE, None, 200),
    ("POST", "categories"): (WRITE_CATALOGUE, {"name": "New"}, 201),
    ("PATCH", "category"): (WRITE_CATALOGUE, {"name": "Other"}, 200),
    ("DELETE", "category"): (WRITE_CATALOGUE, None, 204),
    ("GET", "chat-servers"): (SEE_SERVERS, None, 200),
    ("POST", "chat-servers"): ({"admin", "administrator"}, NEW_SERVER, 201),
    ("GET", "chat-server"): (SEE_SERVERS, None, 200),
    ("PATCH", "chat-server"): ({"admin", "administrator"}, {"window": 5}, 200),
    ("DELETE", "chat-server"): (ADMINISTER, None, 409),  # a chat is there
    ("POST", "chat-server-hold"): (ADMINISTER, {"reason": "New certificates"}, 200),
    ("POST", "chat-server-release"): (ADMINISTER, None, 409),  # it is not held
    ("POST", "chat-server-rename"): (ADMINISTER, {"name": "chat-east"}, 400),  # it has this name
    ("GET", "sends"): (SEE_SENDS | ADMINISTER, None, 200),
    ("POST", "send-preview"): (
        {"send", "supervisor"},
        {"notice": "greeting", "interactions": ["a1"]},
        200,
    ),
    ("POST", "sends"): (
        {"send", "supervisor"},
        {"notice": "greeting", "interactions": ["a1"]},
        201,
    ),
    # Those who do not read the history see their own sends, and this is somebody else's.
    ("GET", "send"): ({"read", "auditor"} | ADMINISTER, None, 200),
    ("POST", "send-cancel"): (ADMINISTER, None, 200),
    ("POST", "send-pause"): (ADMINISTER, None, 200),
    ("POST", "send-resume"): (ADMINISTER, None, 409),  # it is not paused
    ("POST", "send-approve"): (set(), None, 0),  # it awaits no approval
    ("POST", "send-reject"): (set(), {"reason": "No."}, 0),
    ("POST", "send-reschedule"): (set(), {"scheduled_at": "2027-01-01T00:00:00Z"}, 0),
    ("POST", "send-retry-failed"): (set(), None, 0),
    ("POST", "send-retry-unknown"): (set(), {"may_show_twice": True}, 0),
    ("GET", "send-deliveries"): ({"read", "auditor"} | ADMINISTER, None, 200),
    ("GET", "send-proof"): ({"auditor"}, None, 200),
    ("GET", "delivery-proof"): ({"auditor"}, None, 409),  # it has not ended
    ("GET", "sending-stop"): (SEE_SERVERS, None, 200),
    ("PUT", "sending-stop"): (ADMINISTER, {"reason": "Wrong text"}, 200),
    ("DELETE", "sending-stop"): (ADMINISTER, None, 409),  # it is not stopped
    ("GET", "deliveries"): (SEE_SENDS, None, 200),
    ("POST", "delivery-evidence"): (set(), SEEN_THERE, 0),
    ("GET", "waiting"): (REVIEW | {"send", "supervisor"}, None, 200),
    ("GET", "playbooks"): (READ_CATALOGUE, None, 200),
    ("POST", "playbooks"): (WRITE_CATALOGUE, NEW_PLAYBOOK, 201),
    ("GET", "playbook"): (READ_CATALOGUE, None, 200),
    ("PATCH", "playbook"): (WRITE_CATALOGUE, {"change_note": "Hm"}, 409),  # somebody else's
    ("POST", "playbook-retire"): (REVIEW, None, 200),
    ("GET", "playbook-versions"): (READ_CATALOGUE, None, 200),
    ("POST", "playbook-submit"): (WRITE_CATALOGUE, None, 403),  # somebody else's
    ("POST", "playbook-approve"): (REVIEW, None, 200),
    ("POST", "playbook-reject"): (REVIEW, {"reason": "No."}, 200),
    ("GET", "incidents"): (SEE_INCIDENTS, None, 200),
    ("POST", "incidents"): ({"send", "supervisor"}, {"playbook": "idle", "why": "Down"}, 201),
    ("POST", "incident-preview"): ({"send", "supervisor"}, {"playbook": "idle"}, 200),
    ("GET", "incident"): (SEE_INCIDENTS, None, 200),
    ("POST", "incident-pause"): ({"send", "supervisor"} | ADMINISTER, None, 200),
    ("POST", "incident-resume"): ({"send", "supervisor"} | ADMINISTER, None, 200),
    ("POST", "incident-confirm"): ({"approver"}, None, 409),  # it is no emergency
    ("POST", "incident-close"): ({"send", "supervisor"} | ADMINISTER, {"word": "Done."}, 200),
    ("GET", "incident-chats"): (SEE_INCIDENTS, None, 200),
    ("GET", "incident-file"): ({"send", "read", "supervisor", "auditor"}, None, 200),
    ("POST", "incident-stage-preview"): ({"send", "supervisor"}, {}, 200),
    ("POST", "incident-stage-start"): ({"send", "supervisor"}, {}, 201),
    ("GET", "webhooks"): (ADMINISTER, None, 200),
    ("POST", "webhooks"): (ADMINISTER, NEW_WEBHOOK, 201),
    ("GET", "webhook"): (ADMINISTER, None, 200),
    ("PATCH", "webhook"): (ADMINISTER, {"enabled": False}, 200),
    ("DELETE", "webhook"): (ADMINISTER, None, 204),
    ("POST", "webhook-rotate-secret"): (ADMINISTER, {"overlap_seconds": 3600}, 200),
    ("POST", "webhook-test"): (ADMINISTER, None, 201),
    ("GET", "webhook-messages"): (ADMINISTER, None, 200),
    ("GET", "webhook-message"): (ADMINISTER, None, 200),
    ("POST", "webhook-redeliver"): (ADMINISTER, None, 409),  # it is on its way
    ("GET", "audit-entries"): ({"audit", "auditor"}, None, 200),
    ("GET", "audit-checkpoints"): ({"audit", "auditor"}, None, 200),
    ("GET", "audit-export"): ({"audit", "auditor"}, None, 200),
    ("POST", "history-exports"): ({"read", "auditor"}, {"format": "csv"}, 201),
    ("POST", "trail-exports"): ({"audit", "auditor"}, {"format": "jsonl"}, 201),
    ("GET", "exports"): ({"read", "audit", "auditor"}, None, 200),
    # It is somebody else's; tests/exports has one's own.
    ("GET", "export"): ({"read", "audit", "auditor"}, None, 404),
    ("GET", "export-file"): ({"read", "audit", "auditor"}, None, 404),
    ("DELETE", "export"): ({"read", "audit", "auditor"}, None, 404),
    ("GET", "schema"): (EVERYBODY, None, 200),
}
# Own sends alone, and what awaits approval: others' are not there, for those who might do it with
# their own.
SENDERS, DECIDERS = {"send", "supervisor"}, {"approver"}
NOT_THERE = {
    ("GET", "send"): SENDERS | DECIDERS,
    ("GET", "send-deliveries"): SENDERS | DECIDERS,
    **{
        ("POST", f"send-{action}"): SENDERS
        for action in ("cancel", "pause", "resume", "reschedule", "retry-failed", "retry-unknown")
    },
    ("POST", "send-approve"): DECIDERS,
    ("POST", "send-reject"): DECIDERS,
    ("POST", "delivery-evidence"): SENDERS | DECIDERS,
}
NOT_OF_THE_API = {"docs", None}  # a page, and what catches all other addresses


def routes() -> Iterator[tuple[str, Any]]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern), "a nested include needs a look here"
        if pattern.name not in NOT_OF_THE_API:
            yield str(pattern.name), pattern.callback.cls  # type: ignore[attr-defined]


def implemented() -> set[tuple[str, str]]:
    return {
        (method, name)
        for name, view in routes()
        for method in METHODS
        if hasattr(view, method.lower())
    }


def test_the_table_has_every_route_and_method() -> None:
    assert implemented() == set(TABLE)


# --- The world -----------------------------------------------------------------------------------


def address(
    name: str,
    *,
    send: int = 1,
    preset: int = 1,
    category: int = 1,
    view: int = 1,
    webhook: int = 1,
    message: int = 1,
    delivery: int = 1,
    incident: int = 1,
    export: int = 1,
) -> str:
    arguments: dict[str, dict[str, Any]] = {
        "interaction": {"interaction_id": "a1"},
        "interaction-test": {"interaction_id": "a1"},
        "delivery-evidence": {"delivery_id": delivery},
        "delivery-proof": {"delivery_id": delivery},
        "notice": {"key": "greeting"},
        **{
            f"notice-{name}": {"key": "greeting"}
            for name in ("retire", "restore", "favourite", "usage")
        },
        "versions": {"key": "draft"},
        **{
            name: {"key": "draft", "number": 1}
            for name in (
                *("version", "version-preview", "version-tests"),
                *("version-submit", "version-approve", "version-reject"),
            )
        },
        **{name: {"preset_id": preset} for name in ("preset", "preset-approve", "preset-reject")},
        "category": {"category_id": category},
        "audience": {"audience_id": view},
        "export": {"export_id": export},
        "export-file": {"export_id": export},
        **{name: {"key": "outage"} for name in ("playbook", "playbook-versions")},
        "playbook-retire": {"key": "outage"},
        **{
            f"playbook-{action}": {"key": "outage", "number": 1}
            for action in ("submit", "approve", "reject")
        },
        **{
            name: {"incident_id": incident}
            for _, name in TABLE
            if name.startswith("incident-") or name == "incident"
        },
        "incident-preview": {},
        **{
            f"incident-stage-{action}": {"incident_id": incident, "position": 2}
            for action in ("preview", "start")
        },
        **{name: {"name": "chat-east"} for _, name in TABLE if name.startswith("chat-server-")},
        "chat-server": {"name": "chat-east"},
        **{name: {"webhook_id": webhook} for _, name in TABLE if name.startswith("webhook-")},
        "webhook": {"webhook_id": webhook},
        **{
            name: {"webhook_id": webhook, "message_id": message}
            for name in ("webhook-message", "webhook-redeliver")
        },
        **{
            name: {"send_id": send}
            for _method, name in TABLE
            if (name.startswith("send-") or name == "send") and name != "send-preview"
        },
    }
    return reverse(f"api:{name}", kwargs=arguments.get(name))


@pytest.fixture
def addresses(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> dict[str, str]:
    """The address of each route, with things to find at it."""
    root = system_actor("tests")
    author = Actor("user:author", "Author", root.permissions)
    make_notice(key="greeting")
    make_interaction("a1")
    draft = notice_create(author, key="draft", kind="message", title="Draft")
    opened = version_create(author, draft, VersionContent(**NEW_VERSION))  # type: ignore[arg-type]
    version_submit(author, opened)
    send = send_create(root, SendOrder(notice_key="greeting", interactions=["a1"]))
    preset = VisibilityPreset.objects.first()
    assert preset is not None
    category = category_create(root, name="Empty")
    message = webhook_test(root, make_public_webhook())
    content = PlaybookContent.read(NEW_PLAYBOOK)
    submitted = playbook_create(author, key="outage", title="Outage", content=content)
    playbook_submit(author, submitted)
    make_playbook("idle", {"queue": "nowhere"}, STANDS)
    running = make_playbook("running", {"queue": "nowhere"}, STANDS, {**STANDS, "name": "Next"})
    incident = incident_start(root, running, why="It is down.")
    things = {
        "send": send.pk,
        "preset": preset.pk,
        "category": category.pk,
        "view": saved_view_create(root, name="Sales", audience=Audience.from_text("queue:a")).pk,
        "webhook": message.webhook_id,
        "message": message.pk,
        "delivery": send.deliveries.get().pk,
        "incident": incident.pk,
        "export": export_order(root, order=Order.read("history", "csv", {})).pk,
    }
    return {name: address(name, **things) for name, _view in routes()}


@pytest.fixture
def callers(
    make_client: Callable[..., tuple[ApiClient, str]],
    make_user: Callable[..., User],
    person: Callable[[User], Caller],
) -> dict[str, Caller]:
    """One for each scope and one for each role, and what it has is all that it has."""
    return {
        **{scope: by_token(make_client(scope)[1]) for scope in Scope.values},
        **{role: person(make_user(f"the-{role}", role)) for role in Role.values},
    }


# --- The table -----------------------------------------------------------------------------------


def test_who_may_do_what_and_each_text_that_is_shown_is_recorded(
    addresses: dict[str, str], callers: dict[str, Caller], settings: Any
) -> None:
    assert set(callers) == EVERYBODY
    settings.RECORD_READING = True
    outcomes, expected = {}, {}
    shown: set[tuple[str, str]] = set()
    silent: set[tuple[str, str]] = set()
    for (method, name), (allowed, body, status) in TABLE.items():
        not_there = NOT_THERE.get((method, name), set())
        for who, call in callers.items():
            with transaction.atomic():
                response = call.raw(method, addresses[name], body)
                # A file is closed when it was read.
                content = b"".join(response) if response.streaming else response.content
                if SHOWN in content.decode(errors="replace"):
                    (shown if recorded() else silent).add((method, name))
                transaction.set_rollback(True)
            case = f"{method} {name} by {who}"
            outcomes[case] = _outcome(response)
            expected[case] = status if who in allowed else 404 if who in not_there else "refused"
    assert outcomes == expected
    assert silent == set()
    assert shown == {
        ("GET", "deliveries"),
        ("GET", "interaction"),
        ("GET", "send-deliveries"),
        ("POST", "send-preview"),
    }


def test_who_may_not_is_told_so_before_the_body_is_read(
    addresses: dict[str, str], callers: dict[str, Caller]
) -> None:
    """What is wrong with a body is the business of those who may send one."""
    outcomes = {}
    for (method, name), (allowed, body, _status) in TABLE.items():
        if body is None:
            continue
        for who in set(callers) - allowed - NOT_THERE.get((method, name), set()):
            response = callers[who].raw(method, addresses[name], '{"broken": ')
            outcomes[f"{method} {name} by {who}"] = _outcome(response)
    assert len(outcomes) > 100
    assert set(outcomes.values()) == {"refused"}, outcomes


def _outcome(response: Any) -> int | str:
    refusals = ("permission_refused", "not_sender")
    if response.status_code == 403 and json.loads(response.content)["code"] in refusals:
        return "refused"
    return response.status_code


def test_strangers_stay_outside(db: None, anybody: Caller, program: Any, settings: Any) -> None:
    settings.STRANGER_RATE = "9999/min"
    token = program("feed").headers["Authorization"]
    strangers: dict[str, dict[str, str]] = {
        "nobody": {},
        "a wrong token": {"Authorization": "Bearer ncon_wrong"},
        "an empty token": {"Authorization": "Bearer "},
        "a token too long": {"Authorization": f"{token}x"},
        "another scheme": {"Authorization": token.replace("Bearer", "Token")},
        "a password": {"Authorization": "Basic YWRhbTpzZWNyZXQ="},
    }
    for (method, name), (_allowed, body, _status) in TABLE.items():
        for who, headers in strangers.items():
            response = anybody.raw(method, address(name), body, **headers)
            assert response.status_code == 401, (method, name, who)
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="Notice Console"'
            answer = response.json()
            assert answer["code"] in ("not_authenticated", "authentication_failed")
            assert answer["details"] == {}


def test_other_methods_are_refused(almighty: Caller) -> None:
    for name in sorted({name for _method, name in TABLE}):
        known = {method for method, route in TABLE if route == name}
        for method in set(METHODS) - known:
            response = almighty.raw(method, address(name), {})
            assert response.status_code == 405, (method, name)
            assert response.json()["code"] == "method_not_allowed"
            offered = set(response.headers["Allow"].split(", "))
            assert offered - {"OPTIONS", "HEAD"} == known, name


def test_the_docs_are_a_page_for_people(callers: dict[str, Caller], anybody: Caller) -> None:
    page = reverse("api:docs")
    for role in Role.values:
        assert callers[role].raw("GET", page).status_code == 200
    for stranger in (anybody, callers["admin"]):
        response = stranger.raw("GET", page)
        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("account_login"))


# --- Clients and people that are closed ----------------------------------------------------------


def test_a_closed_client_is_a_stranger(make_client: Callable[..., tuple[ApiClient, str]]) -> None:
    client, token = make_client("read")
    call = by_token(token)
    assert call("GET", "notices/")[0] == 200
    ApiClient.objects.filter(pk=client.pk).update(is_active=False)
    assert call("GET", "notices/")[0] == 401


def test_a_closed_account_is_a_stranger(supervisor: User, person: Callable[[User], Caller]) -> None:
    call = person(supervisor)
    assert call("GET", "notices/")[0] == 200
    User.objects.update(is_active=False)
    assert call("GET", "notices/")[0] == 401


def test_a_role_taken_away_is_gone_at_once(
    supervisor: User, person: Callable[[User], Caller]
) -> None:
    call = person(supervisor)
    User.objects.update(roles=["editor"])
    assert call("GET", "interactions/")[0] == 403


def test_a_wrong_token_is_not_made_up_for_by_a_session(
    supervisor: User, person: Callable[[User], Caller]
) -> None:
    call = person(supervisor)
    assert call("GET", "notices/", Authorization="Bearer ncon_wrong")[0] == 401


def test_use_is_noted(make_client: Callable[..., tuple[ApiClient, str]]) -> None:
    client, token = make_client("read")
    by_token(token)("GET", "notices/")
    client.refresh_from_db()
    assert client.last_used_at is not None


# --- Sessions need their CSRF token --------------------------------------------------------------


def test_a_session_writes_with_its_csrf_token_alone(
    editor: User, person: Callable[[User], Caller]
) -> None:
    call = person(editor)
    notice = {"key": "newest", "kind": "message", "title": "New"}
    for wrong in ("", "b" * 32):
        status, answer = call("POST", "notices/", notice, X_CSRFToken=wrong)
        assert (status, answer["code"]) == (403, "permission_refused")
        assert "CSRF" in answer["message"]
    assert call("GET", "notices/")[1]["count"] == 0
    assert call("POST", "notices/", notice)[0] == 201


def test_a_session_of_another_site_does_not_write(
    editor: User, person: Callable[[User], Caller]
) -> None:
    status, answer = person(editor)("POST", "notices/", {}, Origin="https://evil.example")
    assert (status, answer["code"]) == (403, "permission_refused")
