"""Writes saved views of the board."""

import hashlib
import json
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, Unprocessable
from console.interactions.audience.audience import Audience
from console.interactions.models import SavedView
from console.interactions.view_models import LONGEST_WAITING_FIRST
from console.text.inputs import read_name
from console.text.naming import folded
from console.text.sentences import term

VIEWS_MOST = 30
# The columns by which the board sorts; each also with a minus.
SORTS = ("customer", "queue", "locale", "waiting", "agent", "chat_server")


def saved_view_state(view: SavedView) -> State:
    """What can be changed of a view, as plain data."""
    return {"name": view.name, "audience": view.audience, "sort": view.sort}


def saved_view_create(
    actor: Actor,
    *,
    name: str,
    audience: Audience,
    sort: str = LONGEST_WAITING_FIRST,
    team: Team | None = None,
) -> SavedView:
    """Save an audience as a view: the actor's own, or that of `team`.

    Raises InvalidInput for a name, an order or an audience that can't be used, Conflict for a name
    in use, Unprocessable for too many views, PermissionRefused for a team of others.
    """
    actor.require(Permission.VIEW_INTERACTIONS)
    if team is not None:
        _require_of_team(actor, team)
    with transaction.atomic():
        view = SavedView(owner_ref="" if team else actor.ref, team=team)
        others = _lock(view)
        if len(others) >= VIEWS_MOST:
            raise Unprocessable(
                "too_many_views",
                "There are {limit} views already, and no more fit. Delete one first.",
                limit=VIEWS_MOST,
            )
        view.position = max((each.position for each in others), default=0) + 1
        _set(actor, view, name=name, audience=audience, sort=sort)
        _save(view)
        _record(actor, Action.VIEW_CREATED, view)
    return view


def saved_view_update(
    actor: Actor, view: SavedView, *, expected: str | None = None, **changes: Any
) -> SavedView:
    """Change `name`, `audience`, `sort` or `position`, the place among the views of the same owner,
    from 1. `expected` is the revision of the saved_view_state that was changed. Raises what
    saved_view_create raises, and Conflict if the view is not as expected."""
    with transaction.atomic():
        _lock(view)
        view = _held(actor, view)
        require_unchanged(saved_view_state(view), expected, term("this view"))
        position = changes.pop("position", None)
        _set(actor, view, **changes)
        _save(view)
        if position is not None:
            _move(view, position)
        _record(actor, Action.VIEW_CHANGED, view)
    return view


def saved_view_delete(actor: Actor, view: SavedView) -> None:
    with transaction.atomic():
        _lock(view)
        view = _held(actor, view)
        _record(actor, Action.VIEW_DELETED, view)
        view.delete()


def beside(view: SavedView) -> QuerySet[SavedView]:
    """Return the views of the same owner, which are locked together, in the order of their ids."""
    return SavedView.objects.filter(owner_ref=view.owner_ref, team=view.team).order_by("pk")


def _lock(view: SavedView) -> list[SavedView]:
    """Lock the owner's views until the end of the transaction, so that names and places hold.
    Return them in their order."""
    held = list(beside(view).select_for_update(of=("self",)))
    return sorted(held, key=lambda each: (each.position, each.pk))


def _held(actor: Actor, view: SavedView) -> SavedView:
    """Return the view as it is now, if the actor may change it."""
    actor.require(Permission.VIEW_INTERACTIONS)
    found = SavedView.objects.select_related("team").filter(pk=view.pk).first()
    if found is None:
        raise NotFound("view_not_found", "The view {view} has been deleted meanwhile.", view=view)
    if found.team is not None:
        _require_of_team(actor, found.team)
    elif found.owner_ref != actor.ref:
        raise PermissionRefused("not_own_view", "This view is somebody else's own.")
    return found


def _require_of_team(actor: Actor, team: Team) -> None:
    if not (actor.may(Permission.SEND) and actor.sees_team(team.pk)):
        raise PermissionRefused(
            "not_own_team",
            "A team's views are for its supervisors to change. You are none of the team {team}.",
            {"field": "team"},
            team=team.name,
        )


def _move(view: SavedView, to: int) -> None:
    views = [each for each in _lock(view) if each.pk != view.pk]
    views.insert(max(0, min(to - 1, len(views))), view)
    for place, each in enumerate(views, 1):
        each.position = place
    SavedView.objects.bulk_update(views, ["position"])


def _save(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:  # of two at the same moment, who had none to lock
        raise _name_taken(view) from error


def _name_taken(view: SavedView) -> Conflict:
    return Conflict(
        "name_taken",
        "There is a view named {name} already. Choose another name.",
        {"field": "name"},
        name=view.name,
    )


def _set(actor: Actor, view: SavedView, **values: Any) -> None:
    if "name" in values:
        view.name = read_name(values["name"], term("the view"))
        others = beside(view).exclude(pk=view.pk)
        if folded(view.name) in {folded(each.name) for each in others}:
            raise _name_taken(view)
    if "audience" in values:
        audience: Audience = values["audience"]
        audience.to_condition(actor)  # refuses what is not there for this actor
        view.audience = audience.to_mapping()
    if "sort" in values:
        view.sort = _read_sort(values["sort"])


def _read_sort(sort: str) -> str:
    if sort.removeprefix("-") not in SORTS:
        raise InvalidInput(
            "invalid_sort",
            "The board is not sorted by {sort!r}; use {known}, also with a minus.",
            {"field": "sort"},
            sort=sort[:40],
            known=list(SORTS),
        )
    return sort


def _record(actor: Actor, action: Action, view: SavedView) -> None:
    """The audience may name a customer, so the ledger has its digest alone."""
    written = json.dumps(view.audience, sort_keys=True)
    data = {
        "team": view.team.name if view.team else "",
        "audience_sha256": hashlib.sha256(written.encode()).hexdigest(),
        "sort": view.sort,
        "position": view.position,
    }
    audit.record(actor, action, target=("view", view.pk, view.name), data=data)
