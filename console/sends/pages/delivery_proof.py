"""The proof of one delivery: as a file, and as a page to print."""

import base64
import hashlib

import qrcode
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST

from console.actors import Permission
from console.audit.checkpoints import own_public_key, trusted_keys
from console.audit.sentences import in_words
from console.audit.verify import verify_delivery_bytes
from console.errors import ConsoleError
from console.sends.models import Delivery
from console.sends.pages.history import delivery_page
from console.sends.proof.issue import delivery_prove
from console.sends.selectors import delivery_get
from console.site.access import actor_of, require


def file_name(delivery: Delivery) -> str:
    return f"proof-of-delivery-{delivery.pk}.json"


def as_download(delivery: Delivery, file: bytes) -> HttpResponse:
    """Return the file of a proof as a response."""
    disposition = f'attachment; filename="{file_name(delivery)}"'
    return HttpResponse(
        file, content_type="application/json", headers={"Content-Disposition": disposition}
    )


@require_POST
@require(Permission.VIEW_AUDIT)
def delivery_proof(request: HttpRequest, delivery_id: int) -> HttpResponseBase:
    """Make the proof, and answer it as a file; with `as=page` as a page to print."""
    actor = actor_of(request)
    delivery = delivery_get(actor, delivery_id)
    try:
        file = delivery_prove(actor, delivery)
    except ConsoleError as refusal:
        return delivery_page(request, delivery_id, error=refusal.message, status=refusal.status)
    if request.POST.get("as") != "page":
        return as_download(delivery, file)
    digest = hashlib.sha256(file).hexdigest()
    context = {
        "delivery": delivery,
        "proved": [in_words(said) for said in verify_delivery_bytes(file, trusted_keys()).proved],
        "digest": digest,
        "squares": _squares(digest),
        "file": base64.b64encode(file).decode(),
        "file_name": file_name(delivery),
        "public_key": own_public_key(),
    }
    return render(request, "sends/delivery_proof.html", context)


def _squares(text: str) -> dict[str, object]:
    """Return a QR code as the size of its side, in squares, and the path of an SVG."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    rows = code.get_matrix()
    dark = ((x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return {"side": len(rows), "path": "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)}
