"""The page of a customer: all chats and deliveries under one key."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from console.actors import Permission
from console.audit.readings import shows_texts
from console.database.deadlines import searched
from console.editing.paging import KeysetPage, keyset_page
from console.editing.searching import Ended, ended_by
from console.errors import ConsoleError
from console.interactions.selectors import chats_seen
from console.sends.asking.own import columns_of
from console.sends.customers import Customer, customer_get
from console.site.access import actor_of, require
from console.text.form_fields import FilterForm, LineField

DELIVERIES_A_PAGE = 100


class CustomerForm(FilterForm):
    """Which customer."""

    key = LineField(label=_("Key of the customer"), max_length=255, required=False)


@require_GET
@require(Permission.SEND, Permission.VIEW_HISTORY)
def customer(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = CustomerForm(request.GET)
    ended = Ended()
    found = customer_get(actor, "")
    page = keyset_page(found.deliveries.none(), request.GET, DELIVERIES_A_PAGE)

    def read() -> tuple[Customer, KeysetPage]:
        theirs = customer_get(actor, form.chosen.get("key", ""))
        shown = theirs.deliveries.prefetch_related("resolution")
        return theirs, keyset_page(shown, request.GET, DELIVERIES_A_PAGE)

    try:
        (found, page), _source = searched(actor.person_ref, read, has_everything=True)
    except ConsoleError as refusal:
        ended = ended_by(refusal)
    shows_texts(request, (delivery.interaction_id for delivery in page.rows if delivery.body))
    context = {
        "form": form,
        "customer": found,
        "page": page,
        "error": form.error or ended.error,
        "heading": ended.heading,
        "columns": columns_of(actor),
        "chats": chats_seen(actor, {delivery.interaction_id for delivery in page.rows}),
    }
    status = ended.status if ended.error else form.http_status
    return ended.said_by(render(request, "sends/customer.html", context, status=status))
