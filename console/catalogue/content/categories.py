"""Writes the tree of categories."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet, Value
from django.db.models.functions import Concat, Substr

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.catalogue.models import (
    CATEGORY_DEPTH,
    CATEGORY_SEPARATOR,
    CannedNotice,
    Category,
)
from console.catalogue.told import CATEGORY
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.text.inputs import read_line
from console.text.naming import folded
from console.text.sentences import counted, term

NAME_LIMIT = 100


def category_create(
    actor: Actor, *, name: str, parent: Category | None = None, team: Team | None = None
) -> Category:
    """Create a category below `parent`, or at the top. A parent's team becomes its team.

    Raises InvalidInput, Conflict for a name that the parent has already, and Unprocessable for a
    place that is too deep.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    with transaction.atomic():
        _hold_the_tree()
        return _create(actor, name=name, parent=parent, team=team)


def category_state(category: Category) -> State:
    """What can be changed of a category, as plain data. Its parent by the id, since the path is
    another one when somebody renames what is above."""
    return {
        "name": category.name,
        "parent": category.parent_id,
        "team": category.team.name if category.team else "",
    }


def category_update(
    actor: Actor, category: Category, *, expected: str | None = None, **changes: Any
) -> Category:
    """Change `name`, `parent` (None for the top) or `team`; what is below comes along. `expected`
    is the revision of the category_state that was changed.

    Raises Unprocessable where it would be below itself or anything too deep, Conflict where its
    new place has one of that name, or it is not what was expected any more, InvalidInput where
    notices in it are not of its new team.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    _require_own(actor, category.team)
    with transaction.atomic():
        _hold_the_tree()
        category.refresh_from_db()
        before = Category.objects.get(pk=category.pk)
        require_unchanged(category_state(before), expected, term("this category"))
        category.name = _checked_name(changes.get("name", before.name))
        category.parent = changes.get("parent", before.parent)
        category.team = _team(actor, category.parent, changes.get("team", before.team))
        _require_not_below_itself(category, before)
        _place(category)
        below = _below(before)
        moved = [category.pk, *below.values_list("pk", flat=True)]
        deeper = category.depth - before.depth
        _require_room(before, deeper)
        _require_notices_of_team(category, before)
        _save(category)
        if category.team != before.team or category.team is not None:
            below.update(team=category.team)
        below.update(
            path=Concat(Value(category.path), Substr("path", len(before.path) + 1)),
            depth=F("depth") + deeper,
        )
        data = {"before": before.path, **told((CATEGORY, moved))}
        _record(actor, Action.CATEGORY_CHANGED, category, data)
    return category


def category_delete(actor: Actor, category: Category) -> None:
    """Delete an empty category. Raises Unprocessable, naming what is in it."""
    actor.require(Permission.EDIT_CATALOGUE)
    _require_own(actor, category.team)
    with transaction.atomic():
        _hold_the_tree()
        inside = []
        if count := CannedNotice.objects.filter(category=category).count():
            inside.append(counted("{n:,} notice", "{n:,} notices", n=count))
        if count := category.children.count():
            inside.append(counted("{n:,} category", "{n:,} categories", n=count))
        if inside:
            raise Unprocessable(
                "category_not_empty",
                "The category {category} has {inside:and} in it, retired ones included. Move them "
                "elsewhere first, then delete it.",
                category=category.path,
                inside=inside,
            )
        pk = category.pk
        category.delete()
        category.pk = pk  # for the entry
        _record(actor, Action.CATEGORY_DELETED, category, told((CATEGORY, pk)))


def category_at(actor: Actor, path: str | None, team: Team | None) -> Category | None:
    """Return the category with this path, creating it if necessary; None for no path.

    Must be called in a transaction. Raises InvalidInput for a category that a notice of this team
    can't be in.
    """
    if not path:
        return None
    names = [_checked_name(name, "category") for name in path.split(CATEGORY_SEPARATOR)]
    found = Category.objects.filter(path=CATEGORY_SEPARATOR.join(names)).first()
    if found is None:
        _hold_the_tree()
        for name in names:
            known = _reads_as(Category.objects.filter(parent=found), name)
            found = known or _create(actor, name=name, parent=found, team=None)
    require_fitting(found, team)
    return found


def require_fitting(category: Category | None, team: Team | None) -> None:
    """Raise InvalidInput if a notice of `team` (None: everybody's) can't be in `category`."""
    if category is not None and category.team is not None and category.team != team:
        raise InvalidInput(
            "category_of_team",
            "The category {category} is the team {team}'s own. Give the notice to that team too, "
            "or choose another category.",
            {"field": "category"},
            category=category.path,
            team=category.team.name,
        )


def _reads_as(categories: QuerySet[Category], name: str) -> Category | None:
    """Return the category with exactly this name, or else one whose name reads the same."""
    alike = [each for each in categories.order_by("pk") if folded(each.name) == folded(name)]
    return next((each for each in alike if each.name == name), alike[0] if alike else None)


def _create(actor: Actor, *, name: str, parent: Category | None, team: Team | None) -> Category:
    category = Category(name=_checked_name(name), parent=parent)
    category.team = _team(actor, parent, team)
    _place(category)
    if category.depth > CATEGORY_DEPTH:
        raise _too_deep()
    _save(category)
    _record(actor, Action.CATEGORY_CREATED, category, told((CATEGORY, category.pk)))
    return category


def _save(category: Category) -> None:
    try:
        with transaction.atomic():
            category.save()
    except IntegrityError as error:
        parent = category.parent
        where = term("in {category}", category=parent.path) if parent else term("at the top")
        raise Conflict(
            "name_taken",
            "There is a category named {name} {where} already. Choose another name.",
            {"field": "name"},
            name=category.name,
            where=where,
        ) from error


def _hold_the_tree() -> None:
    """Lock the tree, so that the checks stay true until the commit."""
    list(Category.objects.select_for_update().order_by("pk").values_list("pk"))


def is_name(name: str) -> bool:
    """Return whether this is one name: not a path, nor a path with an empty part ("/", "A /")."""
    return CATEGORY_SEPARATOR not in f" {name} "


def _checked_name(name: str, field: str = "name") -> str:
    """Return a category's name in stored form; `field` has it, or a path with it."""
    name = read_line(name, what=term("A category's name"), field=field)
    if not name:
        raise InvalidInput("name_missing", "Give the category a name.", {"field": field})
    if len(name) > NAME_LIMIT:
        raise InvalidInput(
            "invalid_category",
            "A category's name has at most {limit} characters.",
            {"field": field},
            limit=NAME_LIMIT,
        )
    if not is_name(name):
        raise InvalidInput(
            "invalid_category",
            'A category\'s name has no " / " in it, nor at its ends: that stands between the names '
            "of a path, which all have to be there.",
            {"field": field},
        )
    return name


def _team(actor: Actor, parent: Category | None, team: Team | None) -> Team | None:
    """Return the team of a category: its parent's, if that has one."""
    if parent is not None and parent.team is not None:
        _require_own(actor, parent.team)
        return parent.team
    _require_own(actor, team)
    return team


def _require_own(actor: Actor, team: Team | None) -> None:
    if team is not None and not actor.sees_team(team.pk):
        raise PermissionRefused(
            "not_own_team",
            "You are not in the team {team}. Choose one of your teams, or none.",
            {"field": "team"},
            team=team.name,
        )


def _place(category: Category) -> None:
    parent = category.parent
    above = f"{parent.path}{CATEGORY_SEPARATOR}" if parent else ""
    category.path = above + category.name
    category.depth = parent.depth + 1 if parent else 1


def _below(category: Category) -> QuerySet[Category]:
    return Category.objects.filter(path__startswith=category.path + CATEGORY_SEPARATOR)


def _require_not_below_itself(category: Category, before: Category) -> None:
    parent = category.parent
    if parent is not None and (parent == before or _below(before).filter(pk=parent.pk).exists()):
        raise Unprocessable(
            "category_cycle",
            "{category} can't be moved into {parent}, which is in it or is it itself. Choose "
            "another place.",
            {"field": "parent"},
            category=before.path,
            parent=parent.path,
        )


def _require_room(before: Category, deeper: int) -> None:
    deepest = _below(before).aggregate(deepest=Max("depth"))["deepest"] or before.depth
    if deepest + deeper > CATEGORY_DEPTH:
        raise _too_deep()


def _require_notices_of_team(category: Category, before: Category) -> None:
    if category.team is None:
        return
    inside = [before.pk, *_below(before).values_list("pk", flat=True)]
    others = CannedNotice.objects.filter(category__in=inside).exclude(team=category.team)
    notice = others.first()
    if notice is not None:
        raise InvalidInput(
            "category_of_team",
            "The notice {notice} in it is not the team {team}'s. Move it elsewhere, or give it to "
            "that team first.",
            {"field": "team"},
            notice=notice.key,
            team=category.team.name,
        )


def _too_deep() -> Unprocessable:
    return Unprocessable(
        "category_too_deep",
        "Categories stand at most {limit} deep. Choose a place further up.",
        {"field": "parent"},
        limit=CATEGORY_DEPTH,
    )


def _record(actor: Actor, action: Action, category: Category, data: dict[str, Any]) -> None:
    team = category.team.name if category.team else ""
    audit.record(
        actor, action, target=("category", category.pk, category.path), data={"team": team, **data}
    )
