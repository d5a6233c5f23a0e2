"""The ledger as a download."""

from tempfile import TemporaryFile

from django.http import HttpRequest, StreamingHttpResponse

from console.actors import Actor
from console.audit.services import audit_export
from console.site.downloads import FileParts, download


def ledger_download(request: HttpRequest, actor: Actor) -> StreamingHttpResponse:
    """Return an export as a response. Raises PermissionRefused, and Unsigned if there is no key."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _first, last = audit_export(actor, file)
    except BaseException:
        file.close()
        raise
    return download(
        request, FileParts(file), name=f"ledger-to-{last}.zip", content_type="application/zip"
    )
