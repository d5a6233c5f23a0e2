"""The proof of a send, from its page."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST

from console.actors import Permission
from console.errors import ConsoleError
from console.sends.pages.proof_download import proof_download
from console.sends.pages.sends import send_page
from console.sends.selectors import send_get
from console.site.access import actor_of, require


@require_POST
@require(Permission.VIEW_AUDIT)
def send_proof(request: HttpRequest, send_id: int) -> HttpResponseBase:
    actor = actor_of(request)
    try:
        return proof_download(request, actor, send_get(actor, send_id))
    except ConsoleError as refusal:
        return send_page(request, send_id, error=refusal.message, status=refusal.status)
