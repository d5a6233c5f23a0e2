"""The ledger as a file to be kept."""

from tempfile import TemporaryFile

from django.http import HttpRequest, StreamingHttpResponse

from console.actors import Actor
from console.audit.services import audit_export
from console.site.downloads import FileParts, download


def ledger_download(request: HttpRequest, actor: Actor) -> StreamingHttpResponse:
    """An export as an answer. Raises PermissionRefused, and Unsigned where there is no key."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _first, last = audit_export(actor, file)
    except BaseException:
        file.close()
        raise
    return download(
        request, FileParts(file), name=f"ledger-to-{last}.zip", content_type="application/zip"
    )
