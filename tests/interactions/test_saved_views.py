"""Saved views: by services, pages and API; whose they are, and what becomes of one whose audience
can't be used any more."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import ApiClient, Team, User
from console.accounts.services import team_create, team_delete, team_update
from console.actors import Actor
from console.audit.models import AuditEntry
from console.editing.revision import revision
from console.errors import (
    Conflict,
    ConsoleError,
    InvalidInput,
    PermissionRefused,
    Unprocessable,
)
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction, SavedView
from console.interactions.saved_views import saved_view_get, saved_views, views_counted
from console.interactions.services import (
    saved_view_create,
    saved_view_delete,
    saved_view_state,
    saved_view_update,
)
from console.interactions.services.saved_views import SORTS, VIEWS_MOST
from console.web.board.columns import BY_NAME, DEFAULT_SORT
from tests.support.audiences import in_tab, on_board
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db
Make = Callable[..., Interaction]
Clients = Callable[..., tuple[ApiClient, str]]


def of(text: str) -> Audience:
    return Audience.from_text(text)


def save(actor: Actor, name: str = "Mine", text: str = "queue:billing", **more: Any) -> SavedView:
    return saved_view_create(actor, name=name, audience=of(text), **more)


def names(actor: Actor) -> list[str]:
    return [view.name for view in saved_views(actor)]


def test_orders_are_those_of_the_board() -> None:
    assert set(SORTS) == set(BY_NAME)
    assert SavedView().sort == DEFAULT_SORT


# --- Whose they are ------------------------------------------------------------------------------


@pytest.fixture
def people(
    supervisor: User, outsider: User, editor: User, team: Team, make_client: Clients
) -> dict[str, Actor]:
    return {
        "member": supervisor.to_actor(),
        "outsider": outsider.to_actor(),
        "editor": editor.to_actor(),
        "reader": make_client("read")[0].to_actor(),
        "sender": make_client("send")[0].to_actor(),
    }


def refused_to(people: dict[str, Actor], do: Callable[[Actor], object]) -> dict[str, str]:
    found = {}
    for who, actor in people.items():
        try:
            do(actor)
        except ConsoleError as refusal:
            found[who] = type(refusal).__name__
    return found


def test_who_may_do_what_with_a_teams_view(people: dict[str, Actor], team: Team) -> None:
    view = save(people["member"], "Team's", team=team)
    no = "PermissionRefused"
    assert refused_to(people, lambda actor: saved_view_get(actor, view.pk)) == {
        "outsider": "NotFound",
        "editor": no,
    }
    others = {"outsider": no, "editor": no, "reader": no}
    assert refused_to(people, lambda actor: save(actor, f"By {actor.ref}", team=team)) == others
    changed = lambda actor: saved_view_update(actor, view, sort="queue")  # noqa: E731
    assert refused_to(people, changed) == others
    for who in others:
        with pytest.raises(PermissionRefused):
            saved_view_delete(people[who], view)
    saved_view_delete(people["sender"], view)


def test_ones_own_are_for_whoever_sees_chats_and_for_nobody_else(people: dict[str, Actor]) -> None:
    assert refused_to(people, save) == {"editor": "PermissionRefused"}
    assert names(people["member"]) == names(people["reader"]) == ["Mine"]
    view = saved_views(people["member"]).get()
    others = {name: actor for name, actor in people.items() if name != "member"}
    for do in (
        lambda actor: saved_view_get(actor, view.pk),
        lambda actor: saved_view_update(actor, view, name="X"),
        lambda actor: saved_view_delete(actor, view),
    ):
        assert set(refused_to(others, do)) == set(others)
    assert saved_view_get(people["member"], view.pk).name == "Mine"


def test_pages_of_others_views_are_closed(
    people: dict[str, Actor],
    team: Team,
    supervisor: User,
    outsider: User,
    browse: Callable[..., Client],
) -> None:
    own, teams = save(people["member"]), save(people["member"], "Team's", team=team)
    for view in (own, teams):
        for name in ("saved-view-edit", "saved-view-delete"):
            address = reverse(name, args=[view.pk])
            assert browse(outsider).get(address).status_code == 404
            assert browse(supervisor).get(address).status_code == 200
        shift = reverse("saved-view-move", args=[view.pk])
        assert browse(outsider).post(shift, {"to": "left"}).status_code == 404
    board = browse(outsider).get(reverse("board")).content.decode()
    assert "Team&#x27;s" not in board
    assert "Mine" not in board


def test_a_name_is_taken_once_for_each_owner(people: dict[str, Actor], team: Team) -> None:
    save(people["member"], "Gold")
    save(people["member"], "Gold", team=team)
    save(people["outsider"], "Gold")
    for taken in ("Gold", "gold ", "GOLD\u200b"):
        with pytest.raises(Conflict):
            save(people["member"], taken)
    other = save(people["member"], "Silver")
    with pytest.raises(Conflict):
        saved_view_update(people["member"], other, name="gold")


def test_there_are_so_many_and_no_more(people: dict[str, Actor]) -> None:
    for number in range(VIEWS_MOST):
        save(people["member"], f"View {number}")
    with pytest.raises(Unprocessable):
        save(people["member"], "One more")
    save(people["outsider"])


# --- What they are -------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["", "name", "--queue", "queue "])
def test_an_order_that_is_none(people: dict[str, Actor], sort: str) -> None:
    with pytest.raises(InvalidInput):
        save(people["member"], sort=sort)


@pytest.mark.parametrize("text", ["team:Nowhere", "received:send/4711", "not received:notice/x"])
def test_what_is_not_there_is_not_saved(people: dict[str, Actor], text: str) -> None:
    with pytest.raises(InvalidInput):
        save(people["member"], text=text)
    view = save(people["member"])
    with pytest.raises(InvalidInput):
        saved_view_update(people["member"], view, audience=of(text))
    assert saved_view_get(people["member"], view.pk).audience == {"queue": "billing"}


def test_they_stand_in_their_order(people: dict[str, Actor], team: Team) -> None:
    me = people["member"]
    save(me, "Team's", team=team)
    first, second, third = (save(me, name) for name in ("A", "B", "C"))
    assert names(me) == ["A", "B", "C", "Team's"]
    saved_view_update(me, third, position=1)
    assert names(me) == ["C", "A", "B", "Team's"]
    saved_view_update(me, third, position=99)
    saved_view_delete(me, first)
    assert names(me) == ["B", "C", "Team's"]
    saved_view_update(me, second, name="Bee")
    assert names(me) == ["Bee", "C", "Team's"]


def test_a_change_over_somebody_elses_is_refused(people: dict[str, Actor], team: Team) -> None:
    me = people["member"]
    view = save(me, team=team)
    seen = revision(saved_view_state(view))
    saved_view_update(people["sender"], view, sort="queue")
    with pytest.raises(Conflict) as refused:
        saved_view_update(me, view, name="Other", expected=seen)
    assert refused.value.code == "changed_meanwhile"


def test_the_trail_says_whose_and_not_whom(people: dict[str, Actor], team: Team) -> None:
    view = save(people["member"], "Team's", 'customer:"Ann Miller"', team=team)
    saved_view_update(people["member"], view, sort="queue")
    saved_view_delete(people["member"], view)
    entries = list(AuditEntry.objects.filter(target_kind="view").order_by("pk"))
    assert [entry.action for entry in entries] == ["view.created", "view.changed", "view.deleted"]
    for entry in entries:
        assert entry.data["team"] == "Sales"
        assert "Miller" not in str(entry.data)


def test_a_teams_views_go_with_it() -> None:
    team = team_create(ROOT, name="Night", queues=["night"])
    save(ROOT, "Theirs", team=team)
    own = save(ROOT, "Of the night", "team:Night")
    team_update(ROOT, team, name="Night", queues=[])
    team_delete(ROOT, team)
    assert names(ROOT) == ["Of the night"]
    _total, (tab,) = views_counted(ROOT, list(saved_views(ROOT)))
    assert (tab.view, tab.number, tab.refusal) == (own, 0, "There is no team Night.")


# --- On the board --------------------------------------------------------------------------------


@pytest.fixture
def page(supervisor: User, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


def test_tabs_count_what_they_show(
    page: Client, supervisor: User, make_interaction: Make, team: Team
) -> None:
    for number in range(3):
        make_interaction(f"b{number}", queue="billing")
    make_interaction("s1", queue="sales")
    actor = supervisor.to_actor()
    billing, none = save(actor), save(actor, "None", "queue:nothing")
    every = save(actor, "Every", "everyone", sort="-queue")
    assert [in_tab(page, view.pk) for view in (billing, none, every)] == [3, 0, 4]
    board = page.get(reverse("board")).content.decode()
    assert re.search(r'All\s+<span class="views__count">4</span>', board)
    url = f"/board/?audience=everyone&view={every.pk}&sort=-queue"
    assert f'href="{html.escape(url)}"' in board
    opened = page.get(url).content.decode()
    assert re.search(rf'data-key="view-{every.pk}"[^>]*aria-current="page"', opened)
    assert "views__changed" not in opened
    changed = page.get(f"{url}&queue=sales").content.decode()
    assert "views__changed" in changed
    edit = re.search(r'class="views__edit"\s+href="([^"]+)"', changed)
    assert edit is not None
    form = page.get(html.unescape(edit[1])).content.decode()
    assert "queue:sales</textarea>" in form


def test_the_number_of_tabs_costs_no_queries(
    page: Client, supervisor: User, make_interaction: Make
) -> None:
    make_interaction()

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert page.get(reverse("board-rows"), {"shown": ""}).status_code == 200
        return len(captured)

    save(supervisor.to_actor(), "First", "waiting>5m")
    few = queries()
    for number in range(8):
        save(supervisor.to_actor(), f"V{number}", f"data.Plan:p{number} no:agent")
    assert queries() == few


def test_a_view_that_cant_be_used_says_so_and_shows_nothing(
    page: Client, supervisor: User, make_interaction: Make
) -> None:
    make_interaction("a1")
    actor = supervisor.to_actor()
    gone, odd, whole = save(actor, "Gone"), save(actor, "Odd"), save(actor, "Whole")
    SavedView.objects.filter(pk=gone.pk).update(audience={"team": "Nowhere"})
    SavedView.objects.filter(pk=odd.pk).update(audience={"colour": "red"})

    board = page.get(reverse("board")).content.decode()
    assert board.count("can't be used") == board.count("views__bad") == 2
    assert [in_tab(page, view.pk) for view in (gone, odd, whole)] == [None, None, 1]
    assert 'title="There is no team Nowhere."' in board
    assert on_board(page, "team:Nowhere", view=str(gone.pk)) == set()
    # What can't even be read leads to where it can be changed.
    edit = reverse("saved-view-edit", args=[odd.pk])
    assert re.search(rf'href="{edit}"\s+data-key="view-{odd.pk}"', board)
    for view, words in ((gone, "There is no team Nowhere."), (odd, "There is no condition colour")):
        form = page.get(reverse("saved-view-edit", args=[view.pk])).content.decode()
        assert "so it shows no chat" in form
        assert words in form
    page.post(
        edit,
        {
            "name": "Odd",
            "audience": "queue:billing",
            "sort": "queue",
            "expected": revision(saved_view_state(saved_view_get(actor, odd.pk))),
        },
    )
    assert in_tab(page, odd.pk) is not None


def test_saving_renaming_moving_and_deleting_by_pages(
    page: Client, supervisor: User, team: Team, make_interaction: Make
) -> None:
    make_interaction("a1", queue="billing")
    actor = supervisor.to_actor()
    new = reverse("saved-view-create")
    form = page.get(new, {"audience": "queue:billing", "sort": "queue"}).content.decode()
    assert "queue:billing</textarea>" in form
    assert "Sales</option>" in form
    answer = page.post(new, {"name": "Bills", "audience": "queue:billing", "sort": "queue"})
    assert answer.status_code == 302
    view = saved_views(actor).get()
    assert answer.headers["Location"].startswith("/board/?audience=queue%3Abilling")
    assert page.get(answer.headers["Location"]).status_code == 200
    page.post(new, {"name": "Ours", "audience": "no:agent", "sort": "queue", "team": team.pk})
    page.post(new, {"name": "Second", "audience": "no:agent", "sort": "queue"})
    assert names(actor) == ["Bills", "Second", "Ours"]
    twice = page.post(new, {"name": "bills", "audience": "no:agent", "sort": "queue"})
    assert twice.status_code == 422
    assert "There is a view named bills already" in twice.content.decode()
    assert "no:agent</textarea>" in twice.content.decode()

    edit = reverse("saved-view-edit", args=[view.pk])
    shown = page.get(edit).content.decode()
    token = re.search(r'name="expected" value="([^"]+)"', shown)
    assert token is not None
    typed = {"name": "Invoices", "audience": "has:agent", "sort": "customer"}
    saved_view_update(actor, view, name="Meanwhile")
    conflict = page.post(edit, {**typed, "expected": token[1]})
    assert conflict.status_code == 422
    assert "Kept now: Meanwhile" in conflict.content.decode()
    assert "has:agent</textarea>" in conflict.content.decode()
    again = re.search(r'name="expected" value="([^"]+)"', conflict.content.decode())
    assert again is not None
    assert page.post(edit, {**typed, "expected": again[1]}).status_code == 302
    assert saved_view_get(actor, view.pk).audience == {"agent": {"exists": True}}

    page.post(reverse("saved-view-move", args=[view.pk]), {"to": "right"})
    assert names(actor) == ["Second", "Invoices", "Ours"]
    page.post(reverse("saved-view-move", args=[view.pk]), {"to": "left"})
    assert names(actor) == ["Invoices", "Second", "Ours"]

    delete = reverse("saved-view-delete", args=[view.pk])
    assert "Delete the view Invoices?" in page.get(delete).content.decode()
    assert names(actor) == ["Invoices", "Second", "Ours"]
    page.post(delete)
    assert names(actor) == ["Second", "Ours"]
    assert page.get(edit).status_code == 404
