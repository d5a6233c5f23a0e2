"""Stopping, pausing and resuming a send under way."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.actors import Actor, Permission
from console.errors import ConsoleError
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.models import DeliveryStatus, Send
from console.sends.pages.sends import progress_context, send_page
from console.sends.selectors import send_counts, send_get
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask, asks

# What was on its way to a customer when somebody pressed Undo.
LEFT = (
    DeliveryStatus.SENDING,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.FAILED,
    DeliveryStatus.UNKNOWN,
)


@asks
@require(Permission.SEND, Permission.ADMINISTER)
def send_stop(request: HttpRequest, send_id: int) -> HttpResponse:
    """Undo a send that is held, or cancel what has not gone out yet."""
    send = send_get(actor_of(request), send_id)
    if request.method == "POST":
        return _changed(request, send, send_cancel)
    return ask(
        request,
        Question(
            place=str(_("Send %(id)s")) % {"id": send.pk},
            title=_("Stop this send?"),
            texts=(
                _(
                    "What has not gone out yet is cancelled. What is on its way gets its true "
                    "outcome. This can't be taken back."
                ),
            ),
            button=_("Stop it"),
            action=reverse("send-cancel", args=[send.pk]),
            back=reverse("send-detail", args=[send.pk]),
            answer_to=f"#send-{send.pk}-progress",
        ),
    )


@require_POST
@require(Permission.SEND, Permission.ADMINISTER)
def send_hold(request: HttpRequest, send_id: int) -> HttpResponse:
    """Pause a send. Nothing is lost by it, so no confirmation is needed."""
    return _changed(request, send_get(actor_of(request), send_id), send_pause)


@require_POST
@require(Permission.SEND, Permission.ADMINISTER)
def send_go_on(request: HttpRequest, send_id: int) -> HttpResponse:
    return _changed(request, send_get(actor_of(request), send_id), send_resume)


def _changed(
    request: HttpRequest, send: Send, change: Callable[[Actor, Send], object]
) -> HttpResponse:
    """Change the send and show its progress: in place for htmx, else on its page."""
    actor = actor_of(request)
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]
    try:
        change(actor, send)
        error, status = "", 200
    except ConsoleError as refusal:
        error, status = refusal.message, refusal.status
    if "undo" in request.POST:
        error = _too_late(send_get(actor, send.pk)) or error
    if error and not is_fragment:
        return send_page(request, send.pk, error=error, status=status)
    if error:
        context = {**progress_context(actor, send.pk), "error": error}
        return render(request, "sends/_progress.html", context, status=422)
    if is_fragment:
        return render(request, "sends/_progress.html", progress_context(actor, send.pk))
    return redirect("send-detail", send.pk)


def _too_late(send: Send) -> str:
    """Return what to say if some of a send had left before somebody undid it."""
    counts = send_counts(send)
    left = sum(counts[status] for status in LEFT)
    if not left:
        return ""
    words = _(
        "Too late to take all of it back. Gone out already or on the way: %(left)s. "
        "Stopped: %(stopped)s."
    )
    return words % {"left": f"{left:,}", "stopped": f"{counts[DeliveryStatus.CANCELLED]:,}"}
