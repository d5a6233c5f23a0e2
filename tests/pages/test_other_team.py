"""Every page with somebody of another team: what a team has is not there for others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.actors import system_actor
from console.catalogue.content.categories import category_create
from console.catalogue.models import CannedNotice, VisibilityPreset
from console.catalogue.transfer.jobs.control import import_job_start
from console.exports.orders import Order
from console.exports.services import export_order
from console.incidents.services.incidents import incident_start
from console.interactions.audience.audience import Audience
from console.interactions.services import saved_view_create
from console.sends.asking.saved_searches import saved_search_create
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.pages.test_access import PAGES, _answer, _open_each
from tests.support.factories import make_playbook

ROOT = system_actor("tests")
# All that belongs to teams; auditors and administrators see all teams by their office.
ROLES = {Role.SUPERVISOR.value, Role.EDITOR.value, Role.APPROVER.value}
OF_A_TEAM = {"CHAT", "SEND", "DELIVERY", "CATEGORY", "IMPORT", "VIEW", "SEARCH", "hello"}
SECRETS = ("chat-of-sales", "Zoë Martin", "Words of Sales")


@pytest.fixture
def world(
    supervisor: User,
    make_user: Callable[..., User],
    team: Team,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> dict[str, Any]:
    """What the team Sales has: a chat, a notice, a send. And somebody of another team, with all
    roles that teams bound."""
    make_notice("Hello.", key="hello")
    CannedNotice.objects.update(team=team, title="Words of Sales")
    make_interaction("chat-of-sales", queue="sales")
    actor = supervisor.to_actor()
    send = send_create(actor, SendOrder(notice_key="hello", interactions=["chat-of-sales"]))
    colleague = make_user("eve", Role.EDITOR, teams=[team])
    others = team_create(ROOT, name="Billing", queues=["invoices"])
    stage = {"name": "Known", "notice": "for-all", "is_standing": True}
    make_notice("For all.", key="for-all")
    make_playbook("outage", {"queue": "nowhere"}, stage)
    running = make_playbook("running", {"queue": "nowhere"}, stage, {**stage, "name": "Next"})
    incident = incident_start(actor, running, why="It is down.")
    return {
        "INCIDENT": incident.pk,  # of a playbook for all teams
        "stranger": make_user("bill", *sorted(ROLES), teams=[others]),
        # Another one: who asks for an id is told that there is none of that id.
        "CHAT": make_interaction("asked-for", queue="sales").pk,
        "SEND": send.pk,
        "DELIVERY": send.deliveries.get().pk,
        "CATEGORY": category_create(ROOT, name="Words of Sales", team=team).pk,
        "PRESET": VisibilityPreset.objects.get(visibility="INT").pk,
        "VIEW": saved_view_create(
            actor, name="Words of Sales", audience=Audience.from_text("no:agent"), team=team
        ).pk,
        "SEARCH": saved_search_create(actor, name="Words of Sales", query={"q": "words"}).pk,
        "PERSON": supervisor.pk,
        "TEAM": team.pk,
        "CLIENT": 1,
        "WEBHOOK": 1,
        "MESSAGE": 1,
        "EXPORT": export_order(ROOT, order=Order.read("history", "csv", {})).pk,
        "IMPORT": import_job_start(colleague.to_actor(), file_name="a.csv", content=b"key\n").pk,
    }


def expected(name: str) -> str:
    _method, arguments, allowed = PAGES[name]
    if not allowed & ROLES:
        return "refused"
    return "not there" if OF_A_TEAM & set(arguments.values()) else "open"


def outcome(status: int, html: str) -> str:
    if "403 permission_refused" in html:
        return "refused"
    return {404: "not there", 401: "signed out"}.get(status, "open" if status < 500 else "broken")


# Who has no app and no recovery codes has not these pages, nor has anybody those of a directory
# where there is none.
NOTHING_OF_ONES_OWN = {
    *("mfa_deactivate_totp", "mfa_view_recovery_codes"),
    *("account-directory", "account-directory-begin", "account-directory-link"),
    *("account-directory-undo", "directory-confirm-begin"),
    "customer",  # the site names no key of customers
}


def test_what_a_team_has_is_not_there_for_another(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    answers = _open_each(browse(world["stranger"]), world)

    wanted = {name: expected(name) for name in PAGES}
    wanted |= dict.fromkeys(NOTHING_OF_ONES_OWN, "not there")
    assert {name: outcome(*answer) for name, answer in answers.items()} == wanted
    # Samples of what a text looks like have a customer of that name.
    pages = [html for name, (_, html) in answers.items() if not name.startswith("playbook")]
    assert [secret for secret in SECRETS if any(secret in html for html in pages)] == []


def test_the_team_itself_does_see_it(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    """Or the test above proves nothing."""
    html = "".join(
        _answer(browse(supervisor), name, world)[1] for name in ("board", "notice-list", "history")
    )
    assert [secret for secret in SECRETS if secret not in html] == []
