"""The page "Search", and the same results in the box on every page."""

from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from console.actors import Actor
from console.database.deadlines import Deadline, TooSlow
from console.database.search_places import search_place
from console.editing.searching import ended_by
from console.errors import TooManyRequests, Unavailable
from console.site.access import actor_of
from console.text.visible import is_blank, one_line
from console.web.search.hits import MOST_A_GROUP, Group, best_first
from console.web.search.kinds import KINDS, OFFERS, own_searches
from console.web.search.places import ACTIONS, PAGES, found
from console.web.search.recents import resolved

LONGEST = 200
SECONDS = 2.0


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = _typed(request.GET.get("q", ""))
    context: dict[str, Any] = {"asked": asked, "longest": LONGEST}
    if len(asked) > LONGEST:
        context["groups"], context["is_too_long"] = [], True
    elif asked:
        try:
            with search_place(actor.person_ref):
                context["groups"], context["left_out"] = _found(actor, asked)
        except (TooManyRequests, Unavailable) as refusal:
            return _not_begun(request, context, refusal)
    else:
        context["groups"] = _at_hand(actor, request.GET.getlist("recent")[:50])
    context["count"] = sum(len(g.hits) for g in context["groups"] if g.name != OFFERS)
    is_fragment = bool(getattr(request, "htmx", False))
    context["in_box"] = is_fragment
    if is_fragment:
        context["words"] = _answer_words(context)
    template = "search/_answer.html" if is_fragment else "search/search.html"
    status = 422 if context.get("is_too_long") else 200
    return render(request, template, context, status=status)


def _not_begun(
    request: HttpRequest, context: dict[str, Any], refusal: TooManyRequests | Unavailable
) -> HttpResponse:
    """Respond with what was typed, and why nothing was searched for. The box asks again itself."""
    ended = ended_by(refusal)
    context |= {"groups": [], "not_begun": ended.error}
    return ended.said_by(render(request, "search/search.html", context, status=ended.status))


def _answer_words(context: dict[str, Any]) -> str:
    """Return the message about the results for screen readers."""
    if context.get("is_too_long"):
        words = _("Search for at most %(longest)s characters.") % {"longest": LONGEST}
    elif count := context["count"]:
        words = ngettext("%(counter)s found", "%(counter)s found", count) % {"counter": count}
    else:
        words = _("Nothing is called so, or nothing that you may see.")
    if left_out := context.get("left_out"):
        slow = _("Took too long, and is left out: %(kinds)s. Use longer words.")
        words += " " + slow % {"kinds": ", ".join(left_out)}
    return words


def _typed(text: str) -> str:
    """Return the text on one line, storable by PostgreSQL; "" if nothing in it is visible."""
    readable = one_line(text).encode("utf-8", "replace").decode()
    return "" if is_blank(readable) else readable.strip()


def _found(actor: Actor, asked: str) -> tuple[list[Group], list[str]]:
    """Return the groups with hits, the best match first, and the kinds that had no time left."""
    deadline = Deadline(SECONDS)
    kinds = [kind for kind in KINDS if any(map(actor.may, kind.permissions))]
    groups: list[Group] = []
    # Whatever uses up the time leaves none to those after it.
    with suppress(TooSlow), deadline.bounded():
        for kind in kinds:
            deadline.renew()
            groups.append(kind.find(actor, asked))
    left_out = [str(kind.label) for kind in kinds[len(groups) :]]
    groups += _places(actor, asked)
    found = sorted((group for group in groups if group.hits), key=lambda group: group.match)
    return [*found, *(each for each in [own_searches(actor, asked)] if each.hits)], left_out


def _at_hand(actor: Actor, references: list[str]) -> list[Group]:
    """Return what is offered before anything is typed: recent items, actions and pages."""
    recents = Group("recents", _("Recently opened"), resolved(actor, references))
    groups = [recents, *_places(actor, "", most=len(PAGES) + len(ACTIONS))]
    return [group for group in groups if group.hits]


def _places(actor: Actor, asked: str, most: int = MOST_A_GROUP) -> list[Group]:
    pages = best_first(list(found(actor, asked, PAGES)))
    actions = best_first(list(found(actor, asked, ACTIONS)))
    return [
        Group("pages", _("Pages"), pages[:most]),
        Group("actions", _("Actions"), actions[:most]),
    ]
