"""The list of sends, and one send with its deliveries."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.accounts.approvals.grades import approval_grades
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.readings import shows_texts
from console.database.clock import database_now
from console.editing.paging import keyset_page, numbered_page
from console.interactions.selectors import chats_seen, present_names
from console.sends.control.approval import MOVABLE
from console.sends.control.pausing import CANCELLABLE
from console.sends.models import Delivery, DeliveryStatus, Send, SendStatus
from console.sends.pages.follow_ups import follow_ups
from console.sends.pages.forms import DeliveryFilterForm, SendFilterForm
from console.sends.pages.send_search import send_ids_found
from console.sends.pages.wording import shown_status
from console.sends.selectors import (
    READERS,
    deliveries_visible,
    not_retried,
    prefetch_resolutions,
    send_counts,
    send_deliveries,
    send_get,
    sending_stopped,
    sends_listed,
    sends_seen,
)
from console.site.access import actor_of, require

SENDS_A_PAGE = 50
DELIVERIES_A_PAGE = 100
RETRYABLE = (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)
FOLLOWERS = (*READERS, Permission.ADMINISTER)


@require_GET
@require(*FOLLOWERS)
def send_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = SendFilterForm(request.GET)
    chosen = form.chosen
    among = send_ids_found(actor, chosen["q"]) if chosen.get("q") else None
    sends = sends_listed(actor, status=chosen.get("status", ""), among=among)
    page = keyset_page(sends if form.is_valid() else sends.none(), request.GET, SENDS_A_PAGE)
    context = {"page": page, "form": form, "stopped": sending_stopped()}
    return render(request, "sends/send_list.html", context, status=form.http_status)


@require_GET
@require(*FOLLOWERS)
def send_detail(request: HttpRequest, send_id: int) -> HttpResponse:
    return send_page(request, send_id)


@require_GET
@require(*FOLLOWERS)
def send_progress(request: HttpRequest, send_id: int) -> HttpResponse:
    """Show a send's progress: the part of its page that is reloaded when something changed."""
    context = progress_context(actor_of(request), send_id)
    return render(request, "sends/_progress.html", context)


def progress_context(actor: Actor, send_id: int) -> dict[str, Any]:
    """Return the context of a send's progress. Raises NotFound."""
    send = send_get(actor, send_id)
    now = database_now()
    is_own = send.actor_ref == actor.ref
    controls = is_own or actor.may(Permission.ADMINISTER)
    retries = actor.may(Permission.SEND) and controls
    return {
        "send": send,
        "counts": send_counts(send),
        "is_own": is_own,
        "is_late": send.scheduled_at is not None and send.scheduled_at <= now,
        "shown_status": _shown_status(send),
        "undo_is_over": send.status == SendStatus.HOLDING and send.release_at <= now,
        "stoppable": controls and send.status in CANCELLABLE,
        "pausable": controls and send.status == SendStatus.RUNNING,
        "resumable": controls and send.status == SendStatus.PAUSED and not send.is_unconfirmed,
        "movable": is_own and send.status in MOVABLE,
        "retryable": retryable(send) if retries else {},
        **_other_tries(actor, send),
        "paused": _last_paused(send) if send.status == SendStatus.PAUSED else None,
    }


def _shown_status(send: Send) -> str:
    """Return the send's status for its page. One query, if a stop of all sending may hold it."""
    if shown_status(send.status, stopped=True) == send.status:
        return send.status
    return shown_status(send.status, stopped=sending_stopped() is not None)


def retryable(send: Send) -> dict[str, int]:
    """Return how many deliveries of a send (with counts) may be retried, by status."""
    if send.is_test:
        return {}
    ended = {status.value for status in RETRYABLE if getattr(send, status.value)}
    counts = {status: _not_retried_count(send, status) for status in sorted(ended)}
    return {status: count for status, count in counts.items() if count}


def _not_retried_count(send: Send, status: str) -> int:
    """Return how many deliveries of a send (with counts) in a status may be retried. Without a
    retry all failed ones may, so a large send need not be read."""
    if status == DeliveryStatus.FAILED and not send.retries.exists():
        return int(getattr(send, status))
    return not_retried(send, status).count()


def _other_tries(actor: Actor, send: Send) -> dict[str, Any]:
    """Return the send that this one retries, and the sends that retry this one."""
    seen = sends_seen(actor).order_by("pk").values_list("pk", flat=True)
    original = seen.filter(pk=send.retry_of_id).first() if send.retry_of_id else None
    return {"retry_of": original, "retried_in": list(seen.filter(retry_of=send))}


def _last_paused(send: Send) -> AuditEntry | None:
    """Return the ledger entry that says who last paused the send; no other table does."""
    entries = AuditEntry.objects.filter(target_kind="send", target_ref=str(send.pk))
    return entries.filter(action=Action.SEND_PAUSED).first()


def send_page(
    request: HttpRequest, send_id: int, *, error: str = "", status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    context = progress_context(actor, send_id)
    filters = DeliveryFilterForm(request.GET)
    chosen = filters.chosen.get("status", "")
    deliveries = filters.only(send_deliveries(actor, context["send"], status=chosen))
    page: Page[Any] | None = numbered_page(request, deliveries, DELIVERIES_A_PAGE)
    if page:
        page.object_list = list(page.object_list)
        prefetch_tries(actor, page.object_list)
    elif not send_deliveries(actor, context["send"]).exists():
        page = None
    shows_texts(request, (each.interaction_id for each in page or () if each.body))
    # The part of the page that follows the send has none of them.
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    context |= {
        "follow_ups": [] if is_part else follow_ups(actor, send_id, context["counts"]),
        "page": page,
        "chats": chats_seen(actor, {each.interaction_id for each in page or ()}),
        "renamed": present_names(),
        "filters": filters,
        "status": chosen,
        "statuses": DeliveryStatus.values,
        "error": error,
        "here": request.get_full_path(),
        "approval_grade": _approval_grade(context["send"]),
        "provable": actor.may(Permission.VIEW_AUDIT) and actor.may(Permission.VIEW_HISTORY),
    }
    status = filters.http_status if status == 200 else status
    return render(request, "sends/send_detail.html", context, status=status)


def _approval_grade(send: Send) -> str:
    """Return by what the send was approved, in words."""
    if not send.approved_by_ref:
        return ""
    return approval_grades(Action.SEND_APPROVED, [send.pk]).get(str(send.pk), "")


def prefetch_tries(actor: Actor, deliveries: Sequence[Delivery]) -> None:
    """Read the originals and retries of deliveries, as far as the actor sees them, and what
    evidence says of them. What has ended well has no retries."""
    retried = [each for each in deliveries if each.retry_of_id]
    prefetch_related_objects(retried, Prefetch("retry_of", deliveries_visible(actor)))
    may_have = [each for each in deliveries if each.status in RETRYABLE]
    prefetch_related_objects(may_have, Prefetch("retries", deliveries_visible(actor)))
    prefetch_resolutions(deliveries)
