"""Rows of lists that are drawn once a process (console.web.kept), with all that each may show."""

import json
from operator import itemgetter
from typing import Any

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

from console.accounts.approvals.grades import grade_words
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion
from console.incidents.models import StageTarget
from console.sends.models import Delivery, DeliveryStatus
from console.sends.pages.forms import HistoryForm
from console.sends.pages.sends import RETRYABLE
from console.sends.timeline import Sent
from console.text.wording import worded
from console.web.board.rows import Row
from console.web.kept import part, part_with_form
from console.web.templatetags.console_ui import OUTCOMES, while_stopped
from console.web.templatetags.states import evidence_words, late_answer
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
        "retries": _retries(delivery),
        **_of_delivery(context, delivery),
    }
    return part("sends/_delivery_row.html", values)


def _retries(delivery: Delivery) -> tuple[tuple[int, int], ...]:
    if delivery.status not in RETRYABLE:
        return ()
    return tuple((each.pk, each.send_id) for each in delivery.retries.all())


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
    is_unknown = delivery.status == DeliveryStatus.UNKNOWN
    resolution = getattr(delivery, "resolution", None) if is_unknown else None
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
def chat_sent(sent: Sent) -> SafeString:
    """Show what was sent to a chat, or waits for it."""
    delivery, resolution = sent.delivery, sent.resolution
    values = {
        "key": sent.key,
        "at": sent.at,
        "kind_of": sent.kind,
        "notice_key": sent.notice_key,
        "title": sent.title,
        "visibility_of": sent.visibility,
        "is_test": sent.is_test,
        "status_of": sent.status,
        "is_open": sent.is_open,
        "sender": sent.sender,
        "chat_server": sent.chat_server_name,
        "due_at": sent.due_at,
        "verdict": resolution.verdict if resolution else "",
        "is_contested": resolution.is_contested if resolution else False,
        "is_readable": delivery is not None,
    }
    if delivery is not None:
        values |= {
            "id": delivery.pk,
            "send_id": delivery.send_id,
            "body": delivery.body,
            "erased_at": delivery.erased_at,
            "locale": delivery.locale,
            "nickname": delivery.send.nickname,
            "reason": delivery.reason,
            "detail": worded(delivery.detail),
            **_learnt(delivery),
        }
    return part("chat/_sent.html", values)


def _learnt(delivery: Delivery) -> dict[str, Any]:
    """Return what became known of a delivery in words. There is nothing unless it is unknown."""
    if delivery.status != DeliveryStatus.UNKNOWN:
        return {"late_answers": (), "evidence": ()}
    stands = [each for each in delivery.evidence.all() if not each.is_replaced]
    return {
        "late_answers": tuple((late_answer(each), each.at) for each in delivery.late_answers.all()),
        "evidence": tuple(
            (str(each.get_verdict_display()), evidence_words(each)) for each in stands
        ),
    }


@register.simple_tag(takes_context=True)
def send_row(context: Context, send: Any) -> SafeString:
    """Show a send with its counts in the list of sends."""
    values = {
        "id": send.pk,
        "notice_key": send.version.notice.key,
        "notice_title": send.version.notice.title,
        "at": send.created_at,
        "by": send.actor_name,
        "visibility_of": send.visibility,
        "status_of": while_stopped(send, context["stopped"]),
        "total": send.total,
        **{name: getattr(send, name) for name in OUTCOMES},
    }
    return part("sends/_send_row.html", values)


@register.simple_tag(takes_context=True)
def notice_cells(context: Context, notice: Any) -> SafeString:
    """Show a notice in the catalogue's list, without the star that each person gives it."""
    use, forecast = context["uses"].get(notice.pk), context["failing"].get(notice.pk)
    values = {
        "key": notice.key,
        "title": notice.title,
        "shortcut": notice.shortcut,
        "category": notice.category.path if notice.category else "",
        "team": notice.team.name if notice.team else "",
        "tags": tuple(notice.tags[:3]),
        "kind_of": notice.kind,
        "shows_use": context["show"] == "most_used",
        "sends": use.sends if use else "",
        "delivered": use.delivered if use else "",
        "is_estimate": use.is_estimate if use else False,
        "number": notice.published_number,
        "status_of": notice.status,
        "ends_at": notice.published_until,
        "percent": forecast.percent if forecast else None,
        "why": forecast.why if forecast else "",
    }
    return part("catalogue/_notice_cells.html", values)


@register.simple_tag(takes_context=True)
def notice_star(context: Context, notice: Any, is_favourite: bool, back: str = "") -> SafeString:
    """Show whether a notice is one of the person's favourites, and the button that changes it."""
    values = {
        "key": notice.key,
        "title": notice.title,
        "starred": bool(is_favourite),
        "back": back,
    }
    return part_with_form("catalogue/_star.html", values, str(context["csrf_token"]))


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


# --- Filters: what can be chosen in them is the same for everybody --------------------------------


@register.simple_tag
def filter_select(field: BoundField, words: str = "") -> SafeString:
    """Show a filter's choices, with what is chosen."""
    value, choices = field.value(), field.field.choices  # type: ignore[attr-defined]
    values = {
        "name": field.name,
        "words": str(words or field.label),
        "is_set": bool(value),
        "chosen": str(value),
        "choices": tuple((str(each), str(label)) for each, label in choices),
    }
    return part("ui/filter_select.html", values)


@register.simple_tag
def action_select(chosen: str, shown: str | None) -> SafeString:
    """Show all actions to choose from. `chosen` is one, even if an older console had it."""
    return part("audit/_action_select.html", {"chosen": chosen, "shown": shown or ""})


@register.simple_tag
def action_choices(chosen: str) -> list[tuple[str, str]]:
    """Return all actions, sorted by label. An unknown one from an older address comes first."""
    choices = sorted(((value, str(label)) for value, label in Action.choices), key=itemgetter(1))
    if chosen and chosen not in Action.values:
        choices.insert(0, (chosen, chosen))
    return choices


@register.simple_tag
def history_filters(form: HistoryForm) -> SafeString:
    """Show each filter of the history by itself, with what the address says of it."""
    asked = tuple((name, form.data[name]) for name in form.fields if name in form.data)
    return part("sends/_history_filters.html", {"asked": asked})


@register.simple_tag
def history_form(asked: tuple[tuple[str, str], ...]) -> HistoryForm:
    form = HistoryForm(dict(asked))
    form.full_clean()
    return form
