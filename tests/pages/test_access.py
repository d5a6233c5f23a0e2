"""Who may open which page: one table, held against the addresses that there are."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from console.accounts.models import ApiClient, Team, User
from console.actors import system_actor
from console.catalogue.content.categories import category_create
from console.catalogue.models import NoticeVersion
from console.catalogue.transfer.jobs.control import import_job_start
from console.exports.orders import Order
from console.exports.services import export_order
from console.incidents.services.incidents import incident_start
from console.interactions.audience.audience import Audience
from console.interactions.services import saved_view_create
from console.sends.asking.saved_searches import saved_search_create
from console.sends.models import Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.services import webhook_test
from tests.support.factories import ROOT, make_playbook, make_public_webhook, make_send
from tests.support.factories import make_interaction as make_named_chat
from tests.support.shown_texts import NAMED, SHOWN, make_interaction, make_notice, recorded

__all__ = ["make_interaction", "make_notice"]  # fixtures

PEOPLE = ["supervisor", "editor", "approver", "auditor", "administrator"]
EVERYBODY = set(PEOPLE)
# Each sees sends of their own: made by them, to be approved by them, to be stopped by them.
FOLLOWERS = {"supervisor", "approver", "auditor", "administrator"}
CATALOGUE = EVERYBODY
EDITORS = {"editor", "administrator"}
# A stage of playbooks. Of a queue without chats, so that its incident sends nothing.
KNOWN = {"name": "Known", "notice": "hello", "is_standing": True, "update_minutes": 15}

# Page -> method, arguments by name, and who gets past its door.
PAGES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "home": ("get", {}, EVERYBODY),
    "home-page": ("get", {}, EVERYBODY),
    "help": ("get", {}, EVERYBODY),
    "here": ("get", {}, EVERYBODY),
    "search": ("get", {}, EVERYBODY),
    "clock": ("get", {}, EVERYBODY),
    "account": ("get", {}, EVERYBODY),
    "account-sessions-end": ("post", {}, EVERYBODY),
    "account_change_password": ("get", {}, EVERYBODY),
    "account_reauthenticate": ("get", {}, EVERYBODY),
    "own-notifications": ("get", {}, EVERYBODY),
    "own-stand-in-create": ("post", {}, EVERYBODY),
    "own-stand-in-end": ("post", {"stand_in_id": 1}, EVERYBODY),
    "waiting": ("get", {}, EVERYBODY),
    "mail-state": ("get", {}, {"administrator"}),
    "mail-test": ("post", {}, {"administrator"}),
    "mfa_index": ("get", {}, EVERYBODY),
    "mfa_reauthenticate": ("get", {}, EVERYBODY),
    "mfa_reauthenticate_webauthn": ("get", {}, EVERYBODY),
    "mfa_activate_totp": ("get", {}, EVERYBODY),
    "mfa_deactivate_totp": ("get", {}, EVERYBODY),
    "mfa_add_webauthn": ("get", {}, EVERYBODY),
    "mfa_remove_webauthn": ("get", {"pk": 1}, EVERYBODY),
    "mfa_view_recovery_codes": ("get", {}, EVERYBODY),
    "mfa_generate_recovery_codes": ("get", {}, EVERYBODY),
    "account-directory": ("get", {}, EVERYBODY),
    "account-directory-begin": ("get", {}, EVERYBODY),
    "account-directory-link": ("post", {}, EVERYBODY),
    "account-directory-undo": ("post", {}, EVERYBODY),
    "directory-confirm": ("get", {}, EVERYBODY),
    "directory-confirm-begin": ("get", {}, EVERYBODY),
    "board": ("get", {}, {"supervisor"}),
    "board-rows": ("get", {}, {"supervisor"}),
    "board-audience": ("get", {}, {"supervisor"}),
    "board-suggestions": ("get", {}, {"supervisor", *EDITORS}),
    "saved-view-create": ("get", {}, {"supervisor"}),
    "saved-view-edit": ("get", {"view_id": "VIEW"}, {"supervisor"}),
    "saved-view-move": ("post", {"view_id": "VIEW"}, {"supervisor"}),
    "saved-view-delete": ("get", {"view_id": "VIEW"}, {"supervisor"}),
    "board-notices": ("get", {}, {"supervisor"}),
    "board-compose": ("get", {}, {"supervisor"}),
    "board-preview": ("post", {}, {"supervisor"}),
    "board-newcomers": ("post", {}, {"supervisor"}),
    "board-sent": ("get", {}, {"supervisor"}),
    "chat-detail": ("get", {"interaction_id": "CHAT"}, {"supervisor"}),
    "chat-now": ("get", {"interaction_id": "CHAT"}, {"supervisor"}),
    "chat-signed-in": ("get", {}, EVERYBODY),
    "test-chat-list": ("get", {}, {"administrator"}),
    "test-chat-release": ("post", {"interaction_id": "CHAT"}, {"administrator"}),
    "version-test": ("get", {"key": "hello", "number": 1}, EDITORS),
    "version-test-outcomes": ("get", {"key": "hello", "number": 1}, EDITORS),
    "send-create": ("post", {}, {"supervisor"}),
    "send-list": ("get", {}, FOLLOWERS),
    "send-detail": ("get", {"send_id": "SEND"}, FOLLOWERS),
    "send-progress": ("get", {"send_id": "SEND"}, FOLLOWERS),
    "send-cancel": ("post", {"send_id": "SEND"}, {"supervisor", "administrator"}),
    "send-pause": ("post", {"send_id": "SEND"}, {"supervisor", "administrator"}),
    "send-resume": ("post", {"send_id": "SEND"}, {"supervisor", "administrator"}),
    "send-retry-failed": ("post", {"send_id": "SEND"}, {"supervisor"}),
    "send-retry-unknown": ("post", {"send_id": "SEND"}, {"supervisor"}),
    "send-reschedule": ("post", {"send_id": "SEND"}, {"supervisor"}),
    "delivery-proof": ("post", {"delivery_id": "DELIVERY"}, {"auditor"}),
    "send-proof": ("post", {"send_id": "SEND"}, {"auditor"}),
    "erase": ("post", {}, {"administrator"}),
    "retention-stop": ("post", {}, {"administrator"}),
    "send-approvals": ("get", {}, {"approver"}),
    "send-approve": ("post", {"send_id": "SEND"}, {"approver"}),
    "send-reject": ("post", {"send_id": "SEND"}, {"approver"}),
    "sending-switch": ("get", {}, {"administrator"}),
    "sending-band": ("get", {}, EVERYBODY),
    "sending-stop": ("post", {}, {"administrator"}),
    "sending-restart": ("post", {}, {"administrator"}),
    "history": ("get", {}, {"supervisor", "auditor"}),
    "history-counts": ("get", {}, {"supervisor", "auditor"}),
    "customer": ("get", {}, {"supervisor", "auditor"}),  # there is none: 404
    "history-columns": ("get", {}, {"supervisor", "auditor"}),
    "saved-search-create": ("get", {}, {"supervisor", "auditor"}),
    **{
        name: ("get", {"search_id": "SEARCH"}, {"supervisor", "auditor"})  # others have none: 404
        for name in ("saved-search-edit", "saved-search-delete")
    },
    "history-export": ("post", {}, {"auditor"}),
    "export-list": ("get", {}, {"auditor"}),
    "export-detail": ("get", {"export_id": "EXPORT"}, {"auditor"}),
    "export-progress": ("get", {"export_id": "EXPORT"}, {"auditor"}),
    "export-cancel": ("post", {"export_id": "EXPORT"}, {"auditor"}),
    "export-file": ("post", {"export_id": "EXPORT"}, {"auditor"}),
    "delivery-detail": ("get", {"delivery_id": "DELIVERY"}, {"supervisor", "auditor", "approver"}),
    "delivery-seen": ("get", {"delivery_id": "DELIVERY"}, {"supervisor", "approver"}),
    **{
        name: (
            "get",
            {"delivery_id": "DELIVERY", "evidence_id": 1},  # there is none: 404
            {"supervisor", "approver"},
        )
        for name in ("evidence-correct", "evidence-withdraw")
    },
    "notice-list": ("get", {}, CATALOGUE),
    "notice-create": ("get", {}, EDITORS),
    "catalogue-export": ("get", {}, CATALOGUE),
    "catalogue-import": ("get", {}, EDITORS),
    "import-detail": ("get", {"job_id": "IMPORT"}, EDITORS),
    "import-progress": ("get", {"job_id": "IMPORT"}, EDITORS),
    "import-confirm": ("post", {"job_id": "IMPORT"}, EDITORS),
    "import-refused": ("get", {"job_id": "IMPORT"}, EDITORS),
    "notice-detail": ("get", {"key": "hello"}, CATALOGUE),
    "notice-edit": ("get", {"key": "hello"}, EDITORS),
    "notice-preview": ("post", {"key": "hello"}, EDITORS),
    "notice-autosave": ("post", {"key": "hello"}, EDITORS),
    "notice-restore": ("post", {"key": "hello"}, {"approver"}),
    "notice-settings": ("get", {"key": "hello"}, EDITORS),
    "notice-favourite": ("post", {"key": "hello"}, CATALOGUE),
    "notice-compare": ("get", {"key": "hello"}, CATALOGUE),
    "category-list": ("get", {}, CATALOGUE),
    "category-create": ("get", {}, EDITORS),
    "category-edit": ("get", {"category_id": "CATEGORY"}, EDITORS),
    "category-delete": ("get", {"category_id": "CATEGORY"}, EDITORS),
    "notice-retire": ("post", {"key": "hello"}, {"approver"}),
    "version-submit": ("post", {"key": "hello", "number": 1}, EDITORS),
    "version-approve": ("post", {"key": "hello", "number": 1}, {"approver"}),
    "version-reject": ("post", {"key": "hello", "number": 1}, {"approver"}),
    "preset-list": ("get", {}, CATALOGUE),
    "preset-create": ("get", {}, EDITORS),
    "preset-edit": ("get", {"preset_id": "PRESET"}, EDITORS),
    "preset-approve": ("post", {"preset_id": "PRESET"}, {"approver"}),
    "preset-reject": ("post", {"preset_id": "PRESET"}, {"approver"}),
    "playbook-list": ("get", {}, CATALOGUE),
    "playbook-create": ("get", {}, EDITORS),
    "playbook-matching": ("get", {}, EDITORS),
    "playbook-detail": ("get", {"key": "outage"}, CATALOGUE),
    "playbook-edit": ("get", {"key": "outage"}, EDITORS),
    "playbook-retire": ("get", {"key": "outage"}, {"approver"}),
    "playbook-submit": ("post", {"key": "outage", "number": 1}, EDITORS),
    "playbook-approve": ("post", {"key": "outage", "number": 1}, {"approver"}),
    "playbook-reject": ("post", {"key": "outage", "number": 1}, {"approver"}),
    "playbook-start": ("get", {"key": "outage"}, {"supervisor"}),
    "playbook-start-preview": ("post", {"key": "outage"}, {"supervisor"}),
    "incident-list": ("get", {}, FOLLOWERS),
    "incident-create": ("get", {}, {"supervisor"}),
    "incident-strip": ("get", {}, {"supervisor"}),
    "incident-detail": ("get", {"incident_id": "INCIDENT"}, FOLLOWERS),
    "incident-stage": ("get", {"incident_id": "INCIDENT", "position": 2}, {"supervisor"}),
    "incident-pause": ("post", {"incident_id": "INCIDENT"}, {"supervisor", "administrator"}),
    "incident-resume": ("post", {"incident_id": "INCIDENT"}, {"supervisor", "administrator"}),
    "incident-confirm": ("get", {"incident_id": "INCIDENT"}, {"approver"}),
    "incident-close": ("get", {"incident_id": "INCIDENT"}, {"supervisor", "administrator"}),
    "incident-file": ("post", {"incident_id": "INCIDENT"}, {"supervisor", "auditor"}),
    "chat-server-list": ("get", {}, {"supervisor", "auditor", "administrator"}),
    "operations": ("get", {}, {"supervisor", "auditor", "administrator"}),
    "chat-server-create": ("get", {}, {"administrator"}),
    **{
        f"chat-server-{action}": ("get", {"name": "chat-east"}, {"administrator"})
        for action in ("edit", "hold", "release", "rename", "remove")
    },
    **{
        name: ("get", arguments, {"administrator"})
        for name, arguments in {
            "user-list": {},
            "user-create": {},
            "user-detail": {"user_id": "PERSON"},
            "user-password": {"user_id": "PERSON"},
            "user-sign-out": {"user_id": "PERSON"},
            "user-deactivate": {"user_id": "PERSON"},
            "user-release": {"user_id": "PERSON"},
            "user-second-factor-reset": {"user_id": "PERSON"},
            "user-reactivate": {"user_id": "PERSON"},
            "team-list": {},
            "team-create": {},
            "team-detail": {"team_id": "TEAM"},
            "team-delete": {"team_id": "TEAM"},
            "api-client-list": {},
            "api-client-create": {},
            "api-client-detail": {"client_id": "CLIENT"},
            "api-client-token": {"client_id": "CLIENT"},
            "api-client-confirm": {"client_id": "CLIENT"},
            "api-client-decline": {"client_id": "CLIENT"},
            "api-client-deactivate": {"client_id": "CLIENT"},
            "api-client-reactivate": {"client_id": "CLIENT"},
            "webhook-list": {},
            "webhook-create": {},
            "webhook-detail": {"webhook_id": "WEBHOOK"},
            "webhook-secret": {"webhook_id": "WEBHOOK"},
            "webhook-off": {"webhook_id": "WEBHOOK"},
            "webhook-on": {"webhook_id": "WEBHOOK"},
            "webhook-delete": {"webhook_id": "WEBHOOK"},
            "webhook-message": {"webhook_id": "WEBHOOK", "message_id": "MESSAGE"},
        }.items()
    },
    "webhook-test": ("post", {"webhook_id": "WEBHOOK"}, {"administrator"}),
    "webhook-message-again": (
        "post",
        {"webhook_id": "WEBHOOK", "message_id": "MESSAGE"},
        {"administrator"},
    ),
    "audit": ("get", {}, {"auditor"}),
    "audit-list-export": ("post", {}, {"auditor"}),
    "audit-proof": ("get", {}, {"auditor"}),
    "audit-verify": ("post", {}, {"auditor"}),
    "audit-state": ("post", {}, {"auditor"}),
    "audit-state-stop": ("post", {}, {"auditor"}),
    "audit-export": ("post", {}, {"auditor"}),
}
# Open without a sign-in, and tested elsewhere: signing in itself, health, the API (by token),
# the event stream, which tells topics and nothing else.
ELSEWHERE = {
    *("account_login", "account_logout", "mfa_authenticate"),
    *("directory-login", "directory-callback"),
    *("alive", "ready", "metrics", "events"),
}


def _page_names(patterns: list[Any] | None = None) -> Iterator[str]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            if not str(entry.pattern).startswith(("api/", "demo/")):
                yield from _page_names(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield str(entry.name)


def test_no_page_is_forgotten() -> None:
    assert set(_page_names()) - ELSEWHERE == set(PAGES)


@pytest.fixture
def world(
    supervisor: User,
    editor: User,
    approver: User,
    auditor: User,
    administrator: User,
    team: Team,
    make_client: Callable[..., tuple[ApiClient, str]],
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
) -> dict[str, Any]:
    """Everybody, and one of each thing that a page shows."""
    make_notice("Hello.", key="hello")
    chat = make_interaction()
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=[chat.pk]))
    message = webhook_test(ROOT, make_public_webhook())
    make_playbook("outage", {"queue": "sales"}, KNOWN, {"name": "Solved", "notice": "hello"})
    running = make_playbook("running", {"queue": "nowhere"}, KNOWN, {**KNOWN, "name": "Update"})
    incident = incident_start(supervisor.to_actor(), running, why="It is down.")
    from console.catalogue.models import VisibilityPreset

    return {
        "people": {
            "supervisor": supervisor,
            "editor": editor,
            "approver": approver,
            "auditor": auditor,
            "administrator": administrator,
        },
        "CHAT": chat.pk,
        "SEND": send.pk,
        "INCIDENT": incident.pk,
        "DELIVERY": send.deliveries.get().pk,
        "PERSON": supervisor.pk,
        "TEAM": team.pk,
        "CLIENT": make_client()[0].pk,
        "CATEGORY": category_create(system_actor("tests"), name="Any").pk,
        "PRESET": VisibilityPreset.objects.get(visibility="INT").pk,
        "VIEW": saved_view_create(
            supervisor.to_actor(), name="Mine", audience=Audience.from_text("queue:sales")
        ).pk,
        "SEARCH": saved_search_create(
            supervisor.to_actor(), name="Mine", query={"status": "failed"}
        ).pk,
        "WEBHOOK": message.webhook_id,
        "MESSAGE": message.pk,
        "EXPORT": export_order(auditor.to_actor(), order=Order.read("history", "csv", {})).pk,
        "IMPORT": import_job_start(editor.to_actor(), file_name="a.csv", content=b"key\n").pk,
    }


def _open(client: Client, name: str, world: dict[str, Any]) -> int:
    """The status that a page answers with; 401 for the way to the sign-in."""
    return _answer(client, name, world)[0]


def _answer(client: Client, name: str, world: dict[str, Any]) -> tuple[int, str]:
    method, arguments, _allowed = PAGES[name]
    filled = {key: world.get(value, value) for key, value in arguments.items()}
    response = getattr(client, method)(reverse(name, kwargs=filled))
    if response.status_code == 302 and "/accounts/login/" in response.url:
        return 401, ""
    if response.streaming:  # a file, closed when it was read
        return int(response.status_code), str(list(response))
    return int(response.status_code), response.content.decode()


def _open_each(client: Client, world: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """What each page answers, each time in the world as it was."""
    answers = {}
    for name in PAGES:
        with transaction.atomic():
            answers[name] = _answer(client, name, world)
            transaction.set_rollback(True)
    return answers


def test_nobody_gets_in_without_signing_in(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    answers = _open_each(browse(), world)
    assert {name: status for name, (status, _) in answers.items() if status != 401} == {}


@pytest.fixture
def waiting(world: dict[str, Any], supervisor: User, settings: Any) -> Send:
    """A send that waits for an approver, who sees its texts."""
    settings.APPROVAL_ABOVE = 1
    chats = [make_named_chat(f"large{number}", user_data=NAMED).pk for number in range(2)]
    return make_send(supervisor, "hello", chats)


# Files, which have entries of their own.
IN_THE_LEDGER = {"history-export"}
OF_A_SEND = {"send-detail", "delivery-detail", "history"}
PAGES_WITH_TEXTS = {
    "supervisor": {
        *OF_A_SEND,
        *("chat-detail", "chat-now", "notice-compare", "playbook-detail", "send-resume"),
    },
    "editor": set(),
    "approver": {"send-approvals"},
    "auditor": {*OF_A_SEND, "delivery-proof", "history-export"},
    "administrator": set(),
}


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("who", PEOPLE)
def test_only_the_right_roles_get_in_and_each_text_that_is_shown_is_recorded(
    who: str, world: dict[str, Any], browse: Callable[..., Client], settings: Any
) -> None:
    """Past the door a page may answer with what is wrong (409, 422), never with a crash."""
    settings.RECORD_READING = True
    client = browse(world["people"][who])
    answers: dict[str, tuple[int, str]] = {}
    shown: set[str] = set()
    silent: set[str] = set()
    for name in PAGES:
        with transaction.atomic():
            answers[name] = _answer(client, name, world)
            if SHOWN in answers[name][1]:
                (shown if recorded() or name in IN_THE_LEDGER else silent).add(name)
            else:
                assert recorded() == set(), name
            transaction.set_rollback(True)

    got_in = {name for name, (_, html) in answers.items() if "403 permission_refused" not in html}
    assert got_in == {name for name, (*_, allowed) in PAGES.items() if who in allowed}
    broken = {
        name: status for name, (status, _) in answers.items() if status == 401 or status >= 500
    }
    assert broken == {}
    assert silent == set()
    assert shown == PAGES_WITH_TEXTS[who]


def test_somebody_without_any_role_is_told_who_can_help(
    make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    client = browse(make_user("nobody"))

    assert client.get("/", follow=True).request["PATH_INFO"] == "/help/"
    page = client.get(reverse("board"))
    assert page.status_code == 403
    assert "an administrator can grant it" in page.content.decode()


def test_another_teams_chat_is_not_there(
    outsider: User, team: Any, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    make_interaction("secret-chat", queue="sales")

    assert "secret-chat" not in browse(outsider).get(reverse("board")).content.decode()


def test_another_supervisors_send_is_not_found(
    world: dict[str, Any], outsider: User, browse: Callable[..., Client]
) -> None:
    client = browse(outsider)

    assert _open(client, "send-detail", world) == 404
    assert _open(client, "delivery-detail", world) == 404
    assert _open(client, "send-cancel", world) == 404
