"""The tree of categories: places, owners, moves, and what stands in the way."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from tablib import Dataset

from console.accounts.models import Team, User
from console.actors import Actor
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.categories import category_create, category_delete, category_update
from console.catalogue.content.notices import notice_create, notice_update
from console.catalogue.models import CannedNotice, Category
from console.catalogue.transfer.reading import read_rows
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from tests.support.entries import without_rows
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db


def notice(key: str, category: str = "", **fields: Any) -> CannedNotice:
    return notice_create(ROOT, key=key, kind="message", title=key, category=category, **fields)


def paths() -> list[tuple[str, int]]:
    return list(Category.objects.values_list("path", "depth"))


def test_a_path_makes_what_is_not_there_yet() -> None:
    first = notice("first", " Delivery / Late ")
    second = notice("second", "Delivery / Late")
    assert first.category == second.category
    assert paths() == [("Delivery", 1), ("Delivery / Late", 2)]
    assert notice("third", "Orders/Returns").category is not None
    assert ("Orders/Returns", 1) in paths()


def test_a_category_includes_what_is_below_it() -> None:
    notice("top", "Delivery")
    notice("below", "Delivery / Late / Snow")
    notice("beside", "Delivery late")

    def keys(category: str) -> list[str]:
        return [found.key for found in selectors.notices(ROOT, category=category)]

    assert keys("Delivery") == ["below", "top"]
    assert keys("Delivery / Late") == ["below"]
    assert keys("Late") == []


def test_the_tree_is_listed_each_below_the_one_it_is_in() -> None:
    for path in ("B / A", "A & B", "A / C", "A"):
        notice(f"n-{len(Category.objects.all())}", path)
    found = selectors.in_tree_order(selectors.categories_with_counts(ROOT))
    assert [(category.path, category.notice_count) for category in found] == [  # type: ignore[attr-defined]
        ("A", 1),
        ("A / C", 1),
        ("A & B", 1),
        ("B", 0),
        ("B / A", 1),
    ]


def test_moving_takes_along_what_is_below() -> None:
    notice("snow", "Delivery / Late / Snow")
    late = Category.objects.get(name="Late")
    category_update(ROOT, late, parent=category_create(ROOT, name="Orders"), name="Too late")
    assert paths() == [
        ("Delivery", 1),
        ("Orders", 1),
        ("Orders / Too late", 2),
        ("Orders / Too late / Snow", 3),
    ]
    category_update(ROOT, late, parent=None)
    assert ("Too late / Snow", 2) in paths()
    assert without_rows(AuditEntry.objects.latest("seq")) == {
        "team": "",
        "before": "Orders / Too late",
    }
    assert [found.key for found in selectors.notices(ROOT, category="Too late")] == ["snow"]


@pytest.mark.parametrize("into", ["Delivery", "Delivery / Late", "Delivery / Late / Snow"])
def test_nothing_is_moved_into_itself(into: str) -> None:
    notice("snow", "Delivery / Late / Snow")
    before = paths()
    with pytest.raises(Unprocessable) as refused:
        category_update(
            ROOT,
            Category.objects.get(path="Delivery"),
            parent=Category.objects.get(path=into),
        )
    assert refused.value.code == "category_cycle"
    assert paths() == before


@pytest.mark.parametrize("path", ["/", " / ", "A / ", " / A", "A /", "A /  / B", "A / \u200b / B"])
def test_a_path_of_which_a_part_was_not_filled_in(path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        notice("snow", path.strip())
    assert refused.value.details == {"field": "category"}
    assert paths() == []
    (row,) = read_rows(Dataset(["snow", path], headers=["key", "category"]), first=1, restore=False)
    assert [refusal.column for refusal in row.report.refusals] == ["category"]


def test_five_deep_is_as_deep_as_it_goes() -> None:
    notice("deep", "A / B / C / D / E")
    for act in (
        lambda: notice("deeper", "A / B / C / D / E / F"),
        lambda: category_create(ROOT, name="F", parent=Category.objects.get(name="E")),
        lambda: category_update(
            ROOT, Category.objects.get(name="A"), parent=category_create(ROOT, name="Z")
        ),
    ):
        with pytest.raises(Unprocessable) as refused:
            act()
        assert refused.value.code == "category_too_deep"
    assert not CannedNotice.objects.filter(key="deeper").exists()
    with pytest.raises(IntegrityError, match="category_not_too_deep"), transaction.atomic():
        Category.objects.update(depth=6)


def test_a_name_is_once_in_its_parent() -> None:
    top = category_create(ROOT, name="Delivery")
    below = category_create(ROOT, name="Delivery", parent=top)
    for act in (
        lambda: category_create(ROOT, name=" Delivery "),
        lambda: category_update(ROOT, below, parent=None),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "name_taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.create(name="Delivery", path="elsewhere")


@pytest.mark.parametrize("name", ["", "  ", "A / B", "x" * 101])
def test_a_name_that_can_not_be(name: str) -> None:
    with pytest.raises(InvalidInput):
        category_create(ROOT, name=name)


def test_only_an_empty_category_is_deleted() -> None:
    notice("snow", "Delivery / Late")
    late, top = Category.objects.get(name="Late"), Category.objects.get(name="Delivery")
    with pytest.raises(Unprocessable, match="1 category in it"):
        category_delete(ROOT, top)
    with pytest.raises(Unprocessable, match="1 notice in it"):
        category_delete(ROOT, late)
    notice_update(ROOT, CannedNotice.objects.get(), category="")
    category_delete(ROOT, late)
    category_delete(ROOT, top)
    assert paths() == []
    assert AuditEntry.objects.latest("seq").action == "category.deleted"


def test_a_teams_category_is_for_that_teams_notices(team: Team) -> None:
    sales = category_create(ROOT, name="Sales", team=team)
    assert category_create(ROOT, name="Offers", parent=sales).team == team
    assert notice("ours", "Sales / Offers", team=team).category is not None
    with pytest.raises(InvalidInput) as refused:
        notice("everybodys", "Sales / Offers")
    assert refused.value.code == "category_of_team"
    with pytest.raises(InvalidInput, match="the team Sales's own"):
        notice_update(ROOT, CannedNotice.objects.get(key="ours"), team=None)
    notice("global", "News")
    with pytest.raises(InvalidInput, match="The notice global"):
        category_update(ROOT, Category.objects.get(name="News"), team=team)
    category_update(ROOT, sales, team=None)
    assert set(Category.objects.values_list("team", flat=True)) == {None}


def test_another_teams_category_is_not_seen_or_changed(
    team: Team, outsider: User, editor: User
) -> None:
    sales = category_create(ROOT, name="Sales", team=team)
    category_create(ROOT, name="News")
    found = selectors.categories(outsider.to_actor())
    assert [category.name for category in found] == ["News"]
    for act in (
        lambda actor: category_update(actor, sales, name="Ours"),
        lambda actor: category_create(actor, name="Ours", parent=sales),
        lambda actor: category_create(actor, name="Ours", team=team),
        lambda actor: category_delete(actor, sales),
    ):
        with pytest.raises(PermissionRefused):
            act(editor.to_actor())
        with pytest.raises(PermissionRefused):
            act(Actor("user:9", "Nobody"))
