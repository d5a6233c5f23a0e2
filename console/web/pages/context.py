"""The template context of every page: the person, their permissions, what waits for them."""

from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest

from console.accounts.roles import Role
from console.accounts.signing_in.second_factor import second_factor_lacking
from console.actors import Actor, Permission
from console.audit.troubles import troubles_of_trust
from console.catalogue.selectors import preset_review_queue, review_queue
from console.database.built import Part, count_of, numbers
from console.database.marking import marked
from console.incidents.selectors import SEERS, incidents_running, playbook_review_queue
from console.notifications.kinds import kinds_of
from console.notifications.selectors import heard_in, waiting_parts
from console.sends.models import SendingStop
from console.sends.selectors import sending_stopped, sends_awaiting_approval, sends_running
from console.site.access import actor_of
from console.text.sentences import term
from console.text.wording import worded
from console.web.requests.unsaved import kept_forms

# No page waits for what is only said beside it.
A_SECOND = "SET LOCAL statement_timeout = '1s'"
UNREAD = term("Whether the trail is proved could not be read within a second.")


def console(request: HttpRequest) -> dict[str, Any]:
    """Return `demo`, and for a signed-in person `actor`, `may` by permission, `waiting` counts and
    who has stopped all sending."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"demo": bool(settings.DEMO_SIMULATORS)}
    actor = actor_of(request)
    is_fragment = bool(getattr(request, "htmx", False))
    context = {
        "actor": actor,
        "may": {permission.name.lower(): actor.may(permission) for permission in Permission},
        "role_names": [str(Role(role).label) for role in request.user.roles],
        "demo": bool(settings.DEMO_SIMULATORS),
    }
    if not is_fragment:  # a fragment has no frame
        context |= _frame(actor)
        context["distrust"] = _distrust(actor)
        context |= kept_forms(request) | {"unsaved_hours": settings.UNSAVED_HOURS}
        # No live events before the person has chosen a password and given a second factor.
        context["may_follow"] = not (
            request.user.must_change_password or second_factor_lacking(request, request.user)
        )
    return context


def _distrust(actor: Actor) -> list[str]:
    """Return why the trail is not proved up to now, for those who look after it."""
    if not (actor.may(Permission.VIEW_AUDIT) or actor.may(Permission.ADMINISTER)):
        return []
    try:
        with transaction.atomic():
            psycopg.Cursor(connection.connection).execute(A_SECOND)
            return [worded(each) for each in troubles_of_trust()]
    except DatabaseError:
        return [worded(UNREAD)]


def _frame(actor: Actor) -> dict[str, Any]:
    """Return the numbers of what waits, for the menu, the tab's title and the browser's words."""
    who = marked(actor)
    found = numbers(("frame", who.key), lambda: _parts(who.actor), who.values)
    heard = heard_in(found)
    return {
        "waiting": found,
        "sending_stopped": sending_stopped() if found["stopped"] else None,
        "hears": bool(kinds_of(actor)),
        "waiting_total": heard.total,
        "waiting_newest": heard.newest,
    }


def _parts(actor: Actor) -> dict[str, Part]:
    found = {**waiting_parts(actor), "stopped": count_of(SendingStop.objects.values("pk"))}
    if actor.may(Permission.REVIEW_CATALOGUE):
        found["review"] = count_of(review_queue(actor).values("pk"))
        found["presets"] = count_of(preset_review_queue(actor).values("pk"))
        found["playbooks"] = count_of(playbook_review_queue(actor).values("pk"))
    if actor.may(Permission.APPROVE_SENDS):
        found["approvals"] = count_of(sends_awaiting_approval(actor).values("pk"))
    if actor.may(Permission.SEND):
        found["sends"] = count_of(sends_running(actor).values("pk"))
    if any(actor.may(permission) for permission in SEERS):
        found["incidents"] = count_of(incidents_running(actor).values("pk"))
    return found
