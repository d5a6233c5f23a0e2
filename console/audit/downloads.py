"""The ledger as a file to be kept."""

from tempfile import TemporaryFile

from django.http import FileResponse

from console.actors import Actor
from console.audit.services import audit_export


def ledger_download(actor: Actor) -> FileResponse:
    """An export as an answer. Raises PermissionRefused, and Unsigned where there is no key."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _first, last = audit_export(actor, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"ledger-to-{last}.zip", content_type="application/zip"
    )
