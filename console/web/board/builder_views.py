"""The builder of audiences beside the board's list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django_htmx.http import trigger_client_event

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.interactions.audience import builder
from console.interactions.suggestions import (
    SUGGESTED_MOST,
    Suggestion,
    field_values,
    user_data_keys,
)
from console.sends.earlier_sends import suggestions as earlier_sends
from console.site.access import actor_of, require
from console.web.board.chosen import AUDIENCE

TYPED_MOST = 200


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def board_audience(request: HttpRequest) -> HttpResponse:
    """The rows of a text, or the text of rows: each changes the other."""
    actor = actor_of(request)
    if AUDIENCE in request.GET:
        context = {"builder": builder.of_text(actor, request.GET[AUDIENCE])}
        return render(request, "board/_audience.html", context)
    shown = builder.of_inputs(actor, _given(request))
    answer = render(request, "board/_audience.html", {"builder": shown, "text_too": True})
    # Then the list is loaded by the new text.
    return trigger_client_event(answer, "audience", after="swap")


@require_GET
@require(Permission.VIEW_INTERACTIONS, Permission.EDIT_CATALOGUE)
def board_suggestions(request: HttpRequest) -> HttpResponse:
    """Values, or keys of user data, that the person's live chats have; to who sees no live chats,
    what the console itself knows."""
    given = _given(request)
    typed = next((text for name, text in given.items() if ":" in name), "")[:TYPED_MOST]
    typed = typed.replace("\0", "").strip()
    name, key = given.get("field", ""), given.get("key", "").replace("\0", "")[:TYPED_MOST]
    found = _suggestions(actor_of(request), name, key, typed)
    return render(request, "board/_suggestions.html", {"suggestions": found})


def _given(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.GET.items()}


def _suggestions(actor: Actor, name: str, key: str, typed: str) -> list[Suggestion]:
    if name == "received":
        return [Suggestion(value, 0, label) for value, label in earlier_sends(actor, typed)]
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return _of_teams(name, typed)
    if name == "keys":
        return user_data_keys(actor, typed)
    return field_values(actor, name, key, typed)


def _of_teams(name: str, typed: str) -> list[Suggestion]:
    """Return the queues of teams, or their names."""
    teams = list(Team.objects.order_by("name"))
    known = {"queue": [queue for team in teams for queue in team.queues], "team": map(str, teams)}
    found = sorted({value for value in known.get(name, ()) if typed.lower() in value.lower()})
    return [Suggestion(value, 0, value) for value in found[:SUGGESTED_MOST]]
