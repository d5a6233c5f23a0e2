"""Reads of saved views, and how many chats each of them has now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.errors import ConsoleError, NotFound
from console.interactions.audience.audience import Audience
from console.interactions.models import SavedView
from console.interactions.selectors import interactions_visible


def saved_views(actor: Actor) -> QuerySet[SavedView]:
    """Return the actor's own views, then those of the actor's teams, each in their order."""
    actor.require(Permission.VIEW_INTERACTIONS)
    of_teams = Q(team__isnull=False)
    if not actor.sees_all_teams:
        of_teams &= Q(team__in=actor.team_ids)
    found = SavedView.objects.select_related("team").filter(Q(owner_ref=actor.ref) | of_teams)
    return found.order_by("-owner_ref", "team__name", "position", "pk")


def saved_views_by_id(view_ids: Collection[int]) -> list[SavedView]:
    """Return views, whoever may see them: their ids are of some that `saved_views` returned."""
    return list(SavedView.objects.filter(pk__in=list(view_ids)))


def saved_view_get(actor: Actor, view_id: int) -> SavedView:
    """Return a view that the actor may see. Raises NotFound."""
    found = saved_views(actor).filter(pk=view_id).first()
    if found is None:
        raise NotFound("view_not_found", "There is no view {view}.", view=view_id)
    return found


def teams_of_views(actor: Actor) -> QuerySet[Team]:
    """Return the teams whose views the actor may write."""
    actor.require(Permission.VIEW_INTERACTIONS)
    if not actor.may(Permission.SEND):
        return Team.objects.none()
    return (
        Team.objects.all() if actor.sees_all_teams else Team.objects.filter(pk__in=actor.team_ids)
    )


def may_change(actor: Actor, view: SavedView) -> bool:
    """Return whether the actor may change the view: their own, or as a supervisor their team's."""
    if view.team is None:
        return view.owner_ref == actor.ref
    return actor.may(Permission.SEND) and actor.sees_team(view.team.pk)


@dataclass(frozen=True, slots=True)
class Counted:
    """A view with the number of its chats. If its audience can't be used any more, `refusal` says
    why; it then has no chats. `text` is "" if it can't even be read."""

    view: SavedView
    text: str = ""
    number: int = 0
    refusal: str = ""


def views_counted(actor: Actor, views: Sequence[SavedView]) -> tuple[int, list[Counted]]:
    """Return the number of all live chats that the actor sees, and the views with theirs: one
    query, and those by which an audience looks up what it names."""
    conditions: dict[str, Q] = {}
    found: dict[int, Counted] = {}
    for view in views:
        text = ""
        try:
            audience = Audience.from_mapping(view.audience)
            text = audience.to_text()
            conditions[f"n{view.pk}"] = audience.to_condition(actor)
        except ConsoleError as refusal:
            found[view.pk] = Counted(view, text, refusal=refusal.message)
        else:
            found[view.pk] = Counted(view, text)
    counts = {
        name: Count("pk", filter=condition) if condition else Count("pk")
        for name, condition in conditions.items()
    }
    live = interactions_visible(actor).select_related(None).order_by()
    numbers = live.aggregate(all=Count("pk"), **counts)
    return numbers["all"], [
        Counted(view, found[view.pk].text, numbers.get(f"n{view.pk}", 0), found[view.pk].refusal)
        for view in views
    ]
