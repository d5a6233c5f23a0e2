"""Every route with somebody of another team: what a team has is not there for others."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.actors import Actor, system_actor
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import CannedNotice, VisibilityPreset
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.api.test_access import NEW_VERSION, TABLE, _outcome, address, routes
from tests.support.calling import Caller

ROOT = system_actor("tests")
# All that belongs to teams; auditors and administrators see all teams by their office, and API
# clients are of no team.
ROLES = {Role.SUPERVISOR.value, Role.EDITOR.value, Role.APPROVER.value}
OF_A_TEAM = ("delivery-", "send", "notice", "version", "interaction", "category")
LISTS = {"sends", "notices", "notices-export", "notices-import", "interactions"}
LISTS_OF_OUTAGES = {("GET", "incidents"), ("GET", "playbooks"), ("POST", "playbooks")}
SECRETS = ("chat-of-sales", "Zoë Martin", "Words of Sales")


@pytest.fixture
def of_sales(
    supervisor: User,
    team: Team,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> dict[str, str]:
    """The addresses of what the team Sales has."""
    author = Actor("user:author", "Author", ROOT.permissions, sees_all_teams=True)
    make_notice(key="greeting")
    draft = notice_create(author, key="draft", kind="message", title="Draft")
    opened = version_create(author, draft, VersionContent(**NEW_VERSION))  # type: ignore[arg-type]
    version_submit(author, opened)
    CannedNotice.objects.update(team=team, title="Words of Sales")
    make_interaction("a1", queue="sales", user_data={"Note": "chat-of-sales"})
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="greeting", interactions=["a1"]))
    preset = VisibilityPreset.objects.first()
    assert preset is not None
    category = category_create(ROOT, name="Words of Sales", team=team)
    things = {
        "send": send.pk,
        "delivery": send.deliveries.get().pk,
        "preset": preset.pk,
        "category": category.pk,
    }
    return {name: address(name, **things) for name, _view in routes()}


def expected(method: str, name: str) -> int | str:
    allowed, _body, status = TABLE[method, name]
    if name in (
        "send-proof",
        "delivery-proof",
    ):  # asked for before any send is looked for, and none of theirs
        return "refused"
    if name == "interaction-test":  # for administrators, who see all teams
        return "refused"
    if name.startswith(OF_A_TEAM) and name not in LISTS and not name.startswith("sending"):
        return 404
    if name.startswith(("incident", "playbook")) and (method, name) not in LISTS_OF_OUTAGES:
        return 404  # there are none
    if (method, name) == ("POST", "playbooks"):
        return 400  # of a notice that is not there for them
    if not allowed & ROLES:
        return "refused"
    # Its notice is not there for them either.
    return 404 if (method, name) == ("POST", "sends") else status


def test_what_a_team_has_is_not_there_for_another(
    of_sales: dict[str, str], make_user: Callable[..., User], person: Callable[[User], Caller]
) -> None:
    others = team_create(ROOT, name="Billing", queues=["invoices"])
    call = person(make_user("bill", *sorted(ROLES), teams=[others]))
    outcomes, wanted, leaks = {}, {}, []
    for (method, name), (_allowed, body, _status) in TABLE.items():
        with transaction.atomic():
            response = call.raw(method, of_sales[name], body)
            transaction.set_rollback(True)
        case = f"{method} {name}"
        outcomes[case] = _outcome(response)
        wanted[case] = expected(method, name)
        text = json.dumps(response.json(), ensure_ascii=False)
        leaks += [f"{case}: {secret}" for secret in SECRETS if secret in text]
    assert {c: (outcomes[c], wanted[c]) for c in wanted if outcomes[c] != wanted[c]} == {}
    assert leaks == []


def test_the_team_itself_does_see_it(
    of_sales: dict[str, str], supervisor: User, person: Callable[[User], Caller]
) -> None:
    """Or the test above proves nothing."""
    call = person(supervisor)
    seen = "".join(
        json.dumps(call.raw("GET", of_sales[name]).json(), ensure_ascii=False)
        for name in ("interaction", "interactions", "notices")
    )
    assert [secret for secret in SECRETS if secret not in seen] == []
