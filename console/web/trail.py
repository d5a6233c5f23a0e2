"""The audit trail as a page.

It stands here because the ledger, on which all else is built, knows nothing of people.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.access import actor_of, require
from console.actors import Permission
from console.audit.selectors import audit_entries
from console.audit.tables import older_page

ENTRIES_A_PAGE = 100


@require_GET
@require(Permission.VIEW_AUDIT)
def audit_trail(request: HttpRequest) -> HttpResponse:
    chosen = {
        name: request.GET.get(name, "").strip()[:128]
        for name in ("action", "target_kind", "target_ref")
    }
    entries = audit_entries(actor_of(request), **chosen)
    context = {
        "page": older_page(entries, request.GET, ENTRIES_A_PAGE),
        "chosen": chosen,
        "filtered": any(chosen.values()),
    }
    return render(request, "audit/trail.html", context)
