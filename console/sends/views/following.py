"""Following sends: the list of them, and one with its deliveries."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import actor_of, require
from console.actors import Actor, Permission
from console.errors import ConsoleError
from console.sends.models import DeliveryStatus, SendStatus
from console.sends.selectors import (
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
