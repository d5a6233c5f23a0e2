"""Incidents in templates: their state, their strip on the board, and whom a stage reaches."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.actors import Permission
from console.catalogue.states import VersionStatus
from console.database.clock import near_now
from console.incidents.models import Incident, Playbook, Reach, Stage
from console.incidents.pages.incidents import strip_context
from console.sends.models import Reason, Send
from console.web.templatetags.console_ui import badge, clock

register = template.Library()


@register.inclusion_tag("incidents/_strip.html", takes_context=True)
def incident_strip(context: template.Context) -> dict[str, Any]:
    """Show the running incidents of whoever may see live chats."""
    actor = context["actor"]
    shown = strip_context(actor) if actor.may(Permission.VIEW_INTERACTIONS) else {}
    return {**shown, "may": context["may"], "request": context["request"]}


@register.simple_tag
def due_in(at: datetime) -> str:
    """Return how long it is until this moment, or since then."""
    return clock(abs((at - near_now()).total_seconds()))


@register.simple_tag
def incident_state(incident: Incident, is_overdue: bool = False) -> SafeString:
    if not incident.is_running:
        return badge(incident.get_status_display(), "archive", "finished")
    if incident.paused_at is not None:
        return badge(_("Paused: not confirmed"), "paused", "failed")
    if incident.is_emergency and incident.confirmed_at is None:
        return badge(_("Running: to be confirmed"), "warning", "unknown")
    if is_overdue:
        return badge(_("Running: update overdue"), "warning", "failed")
    return badge(incident.get_status_display(), "incident", "scheduled")


@register.simple_tag
def playbook_state_badge(playbook: Playbook, published: object) -> SafeString:
    if playbook.retired_at is not None:
        return badge(_("Retired"), "archive", "retired")
    if published is not None:
        return badge(VersionStatus.PUBLISHED.label, "delivered", "published")
    return badge(_("Not published yet"), "edit", "draft")


@register.simple_tag
def reach_words(reach: str) -> str:
    """Return whom a stage reaches."""
    return str(Reach(reach).label)


@register.simple_tag
def why_not(reason: str, detail: str) -> SafeString | str:
    """Return why a chat got nothing; nothing for others. Details are "" for those who may not read
    what was sent."""
    if not reason:
        return ""
    return format_html('<span class="muted">{}</span>', detail or Reason(reason).label)


@register.simple_tag
def stage_of(send: Send) -> Stage | None:
    """Return the stage of an incident that a send belongs to, if it does."""
    if send.stage_id is None:
        return None
    return Stage.objects.select_related("incident").filter(pk=send.stage_id).first()
