"""Two people edit the same thing: the page shows both, and saving again replaces what is there."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.services import team_update
from console.catalogue.content.categories import category_create, category_update
from console.catalogue.models import Category, VisibilityPreset
from console.catalogue.review.presets import preset_update
from console.errors import Conflict
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update
from tests.support.factories import REVIEWER, ROOT
from tests.support.preset_proposals import approve_seen

pytestmark = pytest.mark.django_db


def filled(client: Client, address: str) -> dict[str, Any]:
    """The form as a browser would send it back."""
    form = client.get(address).context["form"]
    return {name: value for name in form.fields if (value := form[name].value()) is not None}


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def differences(answer: Any) -> dict[str, tuple[str, str]]:
    conflict = answer.context["form"].conflict
    return {one.label: (one.saved, one.typed) for one in conflict.differences}


def test_a_team(
    administrator: User, team: Team, supervisor: User, browse: Callable[..., Client]
) -> None:
    adam, address = browse(administrator), reverse("team-detail", args=[team.pk])
    form = filled(adam, address) | {"name": "Shop"}
    team_update(ROOT, team, name="Sales", queues=["sales", "web"], members=[supervisor])
    met = adam.post(address, form)
    assert differences(met) == {"Name": ("Sales", "Shop"), "Queues": ("sales, web", "sales")}
    assert "What is saved now, and what you typed" in text_of(met)
    assert adam.post(address, form | {"expected": met.context["form"]["expected"].value()})
    team.refresh_from_db()
    assert (team.name, team.queues) == ("Shop", ["sales"])


def test_a_category(editor: User, browse: Callable[..., Client]) -> None:
    late = category_create(ROOT, name="Late")
    orders = category_create(ROOT, name="Orders")
    writer, address = browse(editor), reverse("category-edit", args=[late.pk])
    form = filled(writer, address) | {"name": "Later"}
    category_update(ROOT, late, parent=orders)
    met = writer.post(address, form)
    assert met.status_code == 422
    assert differences(met) == {"Name": ("Late", "Later"), "In": ("Orders", "")}
    assert met.context["form"].errors["parent"] == ["Kept now: Orders"]
    assert Category.objects.get(pk=late.pk).path == "Orders / Late"
    again = form | {"expected": met.context["form"]["expected"].value()}
    assert writer.post(address, again).status_code == 302
    assert Category.objects.get(pk=late.pk).path == "Later"


def test_a_category_is_the_same_when_what_is_above_is_renamed(
    editor: User, browse: Callable[..., Client]
) -> None:
    orders = category_create(ROOT, name="Orders")
    late = category_create(ROOT, name="Late", parent=orders)
    writer, address = browse(editor), reverse("category-edit", args=[late.pk])
    form = filled(writer, address) | {"name": "Later"}
    category_update(ROOT, orders, name="Parcels")
    assert writer.post(address, form).status_code == 302
    assert Category.objects.get(pk=late.pk).path == "Parcels / Later"


def test_a_preset_that_was_approved_meanwhile(editor: User, browse: Callable[..., Client]) -> None:
    staff = VisibilityPreset.objects.get(name="Staff only")
    writer, address = browse(editor), reverse("preset-edit", args=[staff.pk])
    form = filled(writer, address) | {"nickname": "Mine"}
    approve_seen(REVIEWER, preset_update(ROOT, staff, nickname="Desk", roles=["supervisor"]))
    met = writer.post(address, form)
    assert differences(met) == {
        "Nickname": ("Desk", "Mine"),
        "Who may use it": ("Supervisor", "Everybody"),
    }
    assert not staff.changes.filter(nickname="Mine").exists()
    again = form | {"expected": met.context["form"]["expected"].value()}
    assert writer.post(address, again).status_code == 302
    assert staff.changes.filter(nickname="Mine").exists()


def test_a_preset_for_which_somebody_else_proposes_something(
    editor: User, browse: Callable[..., Client]
) -> None:
    staff = VisibilityPreset.objects.get(name="Staff only")
    writer, address = browse(editor), reverse("preset-edit", args=[staff.pk])
    form = filled(writer, address) | {"nickname": "Mine"}
    preset_update(ROOT, staff, nickname="Desk")
    met = writer.post(address, form)
    assert differences(met) == {"Nickname": ("Desk", "Mine")}
    assert not met.context["form"].conflict.passable
    assert "It can't be saved while theirs is open" in text_of(met)
    again = form | {"expected": met.context["form"]["expected"].value()}
    assert writer.post(address, again).status_code == 422


def test_a_chat_server(
    administrator: User, chat_server: ChatServer, browse: Callable[..., Client]
) -> None:
    adam, address = browse(administrator), reverse("chat-server-edit", args=[chat_server.name])
    form = filled(adam, address) | {"burst": "200"}
    chat_server_update(ROOT, chat_server, window=5, enabled=False)
    met = adam.post(address, form)
    assert differences(met) == {
        "Burst (messages at once)": ("150", "200"),
        "Window (requests in flight)": ("5", "32"),
        "Switched on": ("no", "yes"),
    }
    chat_server.refresh_from_db()
    assert (chat_server.window, chat_server.burst) == (5, 150)
    again = form | {"expected": met.context["form"]["expected"].value()}
    assert adam.post(address, again).status_code == 302
    chat_server.refresh_from_db()
    assert (chat_server.window, chat_server.burst, chat_server.enabled) == (32, 200, True)


@pytest.mark.parametrize("kind", ["category", "preset", "chat server"])
def test_the_services_hold_it_too(kind: str, chat_server: ChatServer) -> None:
    category = category_create(ROOT, name="Late")
    staff = VisibilityPreset.objects.get(name="Staff only")
    updates: dict[str, Callable[[], object]] = {
        "category": lambda: category_update(ROOT, category, name="Later", expected="another"),
        "preset": lambda: preset_update(ROOT, staff, nickname="Desk", expected="another"),
        "chat server": lambda: chat_server_update(ROOT, chat_server, window=5, expected="another"),
    }
    with pytest.raises(Conflict) as refused:
        updates[kind]()
    assert refused.value.code == "changed_meanwhile"


def test_a_page_that_lost_what_it_was_filled_with(
    editor: User, browse: Callable[..., Client]
) -> None:
    late = category_create(ROOT, name="Late")
    writer, address = browse(editor), reverse("category-edit", args=[late.pk])
    lost = writer.post(address, {"name": "Later", "expected": ""})
    assert "This page has lost what it was filled with" in text_of(lost)


def test_a_difference_is_read_side_by_side(
    administrator: User, chat_server: ChatServer, browse: Callable[..., Client]
) -> None:
    adam, address = browse(administrator), reverse("chat-server-edit", args=[chat_server.name])
    form = filled(adam, address) | {"url": "esp+json://mine:1"}
    chat_server_update(ROOT, chat_server, url="esp+json://theirs:1")
    page = adam.post(address, form).content.decode()
    assert "<del>theirs</del>" in page
    assert "<ins>mine</ins>" in page
