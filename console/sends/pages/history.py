"""The history of all deliveries, and one delivery as proof."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.accounts.own_work import own_refs
from console.actors import Actor, Permission
from console.audit.readings import shows_texts
from console.catalogue.kinds import traits
from console.database.deadlines import searched
from console.database.standby import FROM_PRIMARY
from console.editing.paging import KeysetPage, keyset_page
from console.editing.searching import Ended, ended_by
from console.errors import ConsoleError, InvalidInput
from console.exports.files.formats import ExportFormat
from console.exports.orders import Order
from console.exports.pages.exports import answer_order
from console.interactions.selectors import chats_seen, present_name
from console.sends.asking.own import columns_of
from console.sends.customers import customer_key_of
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, DeliveryStatus
from console.sends.pages.forms import HistoryForm
from console.sends.pages.history_asked import (
    address,
    box_resolved,
    chips,
    counts,
    in_box,
    offers,
    presets,
    saved,
)
from console.sends.pages.sends import RETRYABLE, prefetch_tries
from console.sends.selectors import (
    READERS,
    delivery_entries,
    delivery_evidence,
    delivery_get,
    history_facets,
    history_search,
    may_witness,
    prefetch_resolutions,
)
from console.site.access import actor_of, require

DELIVERIES_A_PAGE = 100


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def history(request: HttpRequest) -> HttpResponse:
    """Show all deliveries that the person may see, newest first."""
    actor = actor_of(request)
    form = HistoryForm(request.GET)
    ended, source = Ended(), FROM_PRIMARY
    page = keyset_page(Delivery.objects.none(), request.GET, DELIVERIES_A_PAGE)
    if form.is_valid():
        if "box" in request.GET:
            return redirect(box_resolved(actor, form, request.GET))
        try:
            chosen = DeliveryFilter.from_mapping(form.to_mapping())
            page, source = searched(actor.person_ref, lambda: _page(actor, chosen, request.GET))
        except ConsoleError as refusal:
            ended = ended_by(refusal)
    shows_texts(request, (delivery.interaction_id for delivery in page.rows if delivery.body))
    context = {
        "box": in_box(actor, form),
        "chips": chips(actor, form, request.GET),
        "offers": list(offers(actor, form, request.GET)),
        "presets": presets(request.GET),
        "chats": chats_seen(actor, {delivery.interaction_id for delivery in page.rows}),
        "of_chat": request.GET.get("interaction", ""),
        "saved": saved(actor, request.GET),
        "columns": columns_of(actor),
        "save_url": address(request.GET, {}, name="saved-search-create"),
        "columns_url": address(request.GET, {}, name="history-columns"),
        "counts_url": address(request.GET, {}, name="history-counts"),
        "form": form,
        "page": page,
        "source": source,
        "filtered": form.is_filled,
        "error": form.error or ended.error,
        "heading": ended.heading,
        "export_formats": ExportFormat.choices,
    }
    status = ended.status if ended.error else form.http_status
    return ended.said_by(render(request, "sends/history.html", context, status=status))


def _page(actor: Actor, chosen: DeliveryFilter, query: QueryDict) -> KeysetPage:
    page = keyset_page(history_search(actor, chosen), query, DELIVERIES_A_PAGE)
    prefetch_resolutions(page.rows)
    return page


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def history_counts(request: HttpRequest) -> HttpResponse:
    """Show how what fits the filter is spread over the values of other filters: beside the list,
    which loads it when it stands, or on a page of its own."""
    actor = actor_of(request)
    form = HistoryForm(request.GET)
    context: dict[str, Any] = {"back": address(request.GET, {})}
    if form.is_valid():
        try:
            chosen = DeliveryFilter.from_mapping(form.to_mapping())
            facets, _source = searched(
                actor.person_ref, lambda: history_facets(actor, chosen), has_everything=True
            )
            context["counts"] = counts(facets, request.GET)
        except ConsoleError as refusal:
            context["refusal"] = refusal.message
    else:
        context["refusal"] = form.error
    in_part = bool(getattr(request, "htmx", False))
    template = "sends/_history_counts.html" if in_part else "sends/history_counts.html"
    return render(request, template, context, status=200 if in_part else form.http_status)


@require_POST
@require(Permission.VIEW_HISTORY)
def history_export(request: HttpRequest) -> HttpResponseBase:
    """Export all that the page's filter matches, as CSV unless another format is named."""
    form = HistoryForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(
            "invalid_filter", "This filter can't be used. Search again, then export."
        )
    form_of_file = request.POST.get("format", ExportFormat.CSV)
    return answer_order(request, Order.read("history", form_of_file, form.to_mapping()))


@require_GET
@require(*READERS)
def delivery_detail(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Show one delivery as proof: the request to Chat Server, its answer, and when."""
    return delivery_page(request, delivery_id)


def delivery_page(
    request: HttpRequest, delivery_id: int, *, error: str = "", status: int = 200
) -> HttpResponse:
    """Return the page of a delivery, with what was refused there."""
    actor = actor_of(request)
    delivery = delivery_get(actor, delivery_id)
    shows_texts(request, [delivery.interaction_id] if delivery.body else [])
    prefetch_tries(actor, [delivery])
    is_unknown = delivery.status == DeliveryStatus.UNKNOWN
    evidence = list(delivery_evidence(delivery)) if is_unknown else []
    entries = None
    if actor.may(Permission.VIEW_AUDIT):
        entries = delivery_entries(actor, delivery)
    kind = traits(delivery.send.version.notice.kind)
    context = {
        "error": error,
        "delivery": delivery,
        "provable": _is_provable(actor, delivery),
        "send": delivery.send,
        "chats": chats_seen(actor, [delivery.interaction_id]),
        "customer_key": customer_key_of(delivery.interaction_id),
        "version": delivery.send.version,
        "notice": delivery.send.version.notice,
        "kind": kind,
        "present_name": present_name(delivery.chat_server_name),
        "answer_text": _pretty(delivery.answer),
        "entries": entries,
        "retries": delivery.retries.all() if delivery.status in RETRYABLE else (),
        "late_answers": delivery.late_answers.all() if is_unknown else (),
        "resolution": getattr(delivery, "resolution", None) if is_unknown else None,
        "evidence": evidence,
        "may_witness": may_witness(actor, delivery.send) and delivery.erased_at is None,
        "own_word": next((each for each in evidence if each.stands_for(own_refs(actor))), None),
    }
    return render(request, "sends/delivery_detail.html", context, status=status)


def _is_provable(actor: Actor, delivery: Delivery) -> bool:
    may_read = actor.may(Permission.VIEW_AUDIT) and actor.may(Permission.VIEW_HISTORY)
    return may_read and delivery.finished_at is not None and not delivery.send.is_test


def _pretty(answer: Any) -> str:
    return "" if answer is None else json.dumps(answer, indent=2, ensure_ascii=False)
