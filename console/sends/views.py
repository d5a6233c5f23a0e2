"""Pages of sends: following one, and the history of all deliveries."""

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import actor_of, require
from console.actors import Actor, Permission
from console.audit.selectors import audit_entries
from console.audit.tables import older_page
from console.catalogue.models import NoticeKind
from console.errors import ConsoleError
from console.sends.forms import HistoryForm
from console.sends.models import DeliveryStatus, SendStatus
from console.sends.selectors import (
    DeliveryFilter,
    deliveries_visible,
    delivery_get,
    send_counts,
    send_deliveries,
    send_get,
    sends_visible,
)
from console.sends.services import send_cancel
from console.sends.services.sending import CANCELLABLE

SENDS_A_PAGE = 50
DELIVERIES_A_PAGE = 100


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def send_list(request: HttpRequest) -> HttpResponse:
    sends = sends_visible(actor_of(request))
    status = request.GET.get("status", "")
    if status in SendStatus.values:
        sends = sends.filter(status=status)
    page = Paginator(sends, SENDS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "status": status, "statuses": SendStatus.choices}
    return render(request, "sends/send_list.html", context)


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def send_detail(request: HttpRequest, send_id: int) -> HttpResponse:
    return _detail(request, send_id)


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def send_progress(request: HttpRequest, send_id: int) -> HttpResponse:
    """How far a send is: the part of its page that is loaded anew when something changed."""
    context = progress_context(actor_of(request), send_id)
    return render(request, "sends/_progress.html", context)


@require_POST
@require(Permission.SEND)
def send_stop(request: HttpRequest, send_id: int) -> HttpResponse:
    """Undo while it holds, or stop what has not gone out yet."""
    actor = actor_of(request)
    try:
        send_cancel(actor, send_get(actor, send_id))
    except ConsoleError as refusal:
        if request.htmx:  # type: ignore[attr-defined]
            context = {**progress_context(actor, send_id), "error": refusal.message}
            return render(request, "sends/_progress.html", context, status=422)
        return _detail(request, send_id, error=refusal.message, status=refusal.status)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "sends/_progress.html", progress_context(actor, send_id))
    return redirect("send-detail", send_id)


def progress_context(actor: Actor, send_id: int) -> dict[str, Any]:
    """What the progress of a send shows. Raises NotFound."""
    send = send_get(actor, send_id)
    return {
        "send": send,
        "counts": send_counts(send),
        "stoppable": send.status in CANCELLABLE and send.actor_ref == actor.ref,
    }


def _detail(
    request: HttpRequest, send_id: int, *, error: str = "", status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    context = progress_context(actor, send_id)
    wanted = request.GET.get("status", "")
    chosen = wanted if wanted in DeliveryStatus.values else ""
    deliveries = send_deliveries(actor, context["send"], status=chosen)
    page = Paginator(deliveries, DELIVERIES_A_PAGE).get_page(request.GET.get("page"))
    context |= {
        "page": page,
        "status": chosen,
        "statuses": DeliveryStatus.values,
        "error": error,
        "here": request.get_full_path(),
    }
    return render(request, "sends/send_detail.html", context, status=status)


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def history(request: HttpRequest) -> HttpResponse:
    """All deliveries that the person may see, the newest first."""
    form = HistoryForm(request.GET)
    error = ""
    chosen = DeliveryFilter()
    if form.is_valid():
        try:
            chosen = DeliveryFilter.from_mapping(form.to_mapping())
        except ConsoleError as refusal:
            error = refusal.message
    page = older_page(deliveries_visible(actor_of(request), chosen), request.GET, DELIVERIES_A_PAGE)
    context = {"form": form, "page": page, "filtered": form.is_filled, "error": error}
    return render(request, "sends/history.html", context, status=422 if error else 200)


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def delivery_detail(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One delivery as proof: what was asked of Chat Server, what it answered, and when."""
    actor = actor_of(request)
    delivery = delivery_get(actor, delivery_id)
    entries = None
    if actor.may(Permission.VIEW_AUDIT):
        entries = audit_entries(actor, target_kind="delivery", target_ref=str(delivery.pk))
    context = {
        "delivery": delivery,
        "send": delivery.send,
        "version": delivery.send.version,
        "notice": delivery.send.version.notice,
        "is_message": delivery.send.version.notice.kind == NoticeKind.MESSAGE,
        "notice_type": {
            NoticeKind.PUSH_URL: "USER_PUSHED_URL",
            NoticeKind.CUSTOM: "USER_CUSTOM",
        }.get(NoticeKind(delivery.send.version.notice.kind)),
        "answer_text": _pretty(delivery.answer),
        "entries": entries,
    }
    return render(request, "sends/delivery_detail.html", context)


def _pretty(answer: Any) -> str:
    return "" if answer is None else json.dumps(answer, indent=2, ensure_ascii=False)
