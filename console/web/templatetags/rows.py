"""Rows of lists that are drawn once a process (console.web.kept), with all that each may show."""

import json
from typing import Any

from django import template
from django.utils.safestring import SafeString

from console.accounts.approvals.grades import grade_words
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion
from console.incidents.models import StageTarget
from console.sends.models import Delivery
from console.text.wording import worded
from console.web.board.rows import Row
from console.web.kept import part
from console.web.templatetags.texts import picker_text

register = template.Library()
Context = template.Context


@register.simple_tag(takes_context=True)
def board_row(context: Context, row: Row) -> SafeString:
    may_send = context["may"]["send"]
    return row.html(may_send=may_send, is_selected=row.id in (context.get("selected") or ()))


@register.simple_tag(takes_context=True)
def notice_option(context: Context, version: NoticeVersion) -> SafeString:
    """Show a notice to choose for a send."""
    notice = version.notice
    values = {
        "key": notice.key,
        "title": notice.title,
        "kind": notice.kind,
        "shortcut": notice.shortcut,
        "category": notice.category.name if notice.category else "",
        "visibility_of": version.visibility,
        "body": version.bodies.get(version.default_locale, ""),
        "text": picker_text(version),
        "is_chosen": context["chosen"] == notice.key,
        "is_favourite": version.notice_id in context["favourites"],
        "is_recent": version.notice_id in context["recent"],
    }
    return part("board/_notice.html", values)


@register.simple_tag(takes_context=True)
def history_row(context: Context, delivery: Delivery) -> SafeString:
    send, version = delivery.send, delivery.send.version
    values = {
        "columns": tuple(context["columns"]),
        "at": delivery.created_at,
        "by": send.actor_name,
        "send_id": delivery.send_id,
        "notice_key": version.notice.key,
        "notice_title": version.notice.title,
        "number": version.number,
        "visibility_of": send.visibility,
        "attempts": delivery.attempts,
        **_of_delivery(context, delivery),
    }
    return part("sends/_history_row.html", values)


@register.simple_tag(takes_context=True)
def send_delivery_row(context: Context, delivery: Delivery) -> SafeString:
    values = {
        "chat_locale": delivery.chat_locale,
        "own_language": delivery.own_language,
        "present_name": context["renamed"].get(delivery.chat_server_name, ""),
        "reason": delivery.reason,
        "attempted_at": delivery.attempted_at,
        "retry_of": delivery.retry_of_id,
        "retry_of_send": delivery.retry_of.send_id if delivery.retry_of else None,
        "retries": tuple((each.pk, each.send_id) for each in delivery.retries.all()),
        **_of_delivery(context, delivery),
    }
    return part("sends/_delivery_row.html", values)


def _of_delivery(context: Context, delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.pk,
        "customer": delivery.customer_name,
        "chat_id": delivery.interaction_id,
        "chat_server": delivery.chat_server_name,
        "locale": delivery.locale,
        "body": delivery.body,
        "detail": worded(delivery.detail),
        "erased_at": delivery.erased_at,
        "finished_at": delivery.finished_at,
        "status_of": delivery.status,
        "chat_link": chat_link(context, delivery.interaction_id),
        **_resolution(delivery),
    }


def _resolution(delivery: Delivery) -> dict[str, Any]:
    resolution = getattr(delivery, "resolution", None)
    if resolution is None:
        return {"verdict": "", "is_contested": False}
    return {"verdict": resolution.verdict, "is_contested": resolution.is_contested}


@register.simple_tag(takes_context=True)
def chat_link(context: Context, chat_id: str) -> str:
    """Return where all that was sent to a chat stands for this person: on the page of the "chat",
    in the "history", or ""."""
    if chat_id in context["chats"]:
        return "chat"
    may = context["may"]
    may_search = may["view_history"] or may["send"]
    return "history" if may_search and not context.get("of_chat") else ""


@register.simple_tag(takes_context=True)
def incident_chat_row(context: Context, target: StageTarget) -> SafeString:
    delivery, is_readable = target.delivery, target.is_readable  # type: ignore[attr-defined]
    values = {
        "id": delivery.pk,
        "chat_id": target.interaction_id,
        "customer": delivery.customer_name,
        "is_linked": bool(is_readable and context["may_follow_sends"]),
        "position": target.stage.position,
        "stage": target.stage.content["name"],
        "status_of": delivery.status,
        "reason": delivery.reason,
        "detail": worded(delivery.detail) if is_readable else "",
        "finished_at": delivery.finished_at,
        "matched_at": target.matched_at,
        "may_view": context["may"]["view_interactions"],
        "has_page": target.interaction_id in context["chats_with_page"],
        **_resolution(delivery),
    }
    return part("incidents/_chat_row.html", values)


@register.simple_tag
def trail_row(entry: AuditEntry) -> SafeString:
    values = {
        "seq": entry.seq,
        "at": entry.at,
        "actor_ref": entry.actor_ref,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "action_label": entry.action_label,
        "grade": grade_words(entry.data),
        "target_kind": entry.target_kind,
        "target_ref": entry.target_ref,
        "target_name": entry.target_name,
        "hash": entry.hash,
        "prev_hash": entry.prev_hash,
        "data": json.dumps(entry.data, ensure_ascii=False),
    }
    return part("audit/_entry.html", values)
