"""The template context of every page: the person, their permissions, what waits for them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from console.accounts.roles import Role
from console.accounts.signing_in.second_factor import second_factor_lacking
from console.actors import Actor, Permission
from console.catalogue.selectors import preset_review_queue, review_queue
from console.incidents.selectors import SEERS, incidents_running, playbook_review_queue
from console.notifications.kinds import kinds_of
from console.notifications.selectors import newest_matter, waiting_count
from console.sends.selectors import sending_stopped, sends_awaiting_approval, sends_running
from console.site.access import actor_of
from console.web.requests.unsaved import kept_forms


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
        context |= {"waiting": _waiting(actor), "sending_stopped": sending_stopped()}
        context |= _heard(actor)
        context |= kept_forms(request) | {"unsaved_hours": settings.UNSAVED_HOURS}
        # No live events before the person has chosen a password and given a second factor.
        context["may_follow"] = not (
            request.user.must_change_password or second_factor_lacking(request, request.user)
        )
    return context


def _waiting(actor: Actor) -> dict[str, int]:
    waiting = {}
    if actor.may(Permission.REVIEW_CATALOGUE):
        waiting["review"] = review_queue(actor).count()
        waiting["presets"] = preset_review_queue(actor).count()
        waiting["playbooks"] = playbook_review_queue(actor).count()
    if actor.may(Permission.APPROVE_SENDS):
        waiting["approvals"] = sends_awaiting_approval(actor).count()
    if actor.may(Permission.SEND):
        waiting["sends"] = sends_running(actor).count()
    if any(actor.may(permission) for permission in SEERS):
        waiting["incidents"] = incidents_running(actor).count()
    return waiting


def _heard(actor: Actor) -> dict[str, Any]:
    """Return what waits for the person's decision, for the tab's title and the browser's words."""
    if not kinds_of(actor):
        return {"hears": False}
    return {
        "hears": True,
        "waiting_total": waiting_count(actor),
        "waiting_newest": newest_matter(actor),
    }
