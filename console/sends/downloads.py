"""The proof of a send as a file to be kept."""

from tempfile import TemporaryFile

from django.http import FileResponse

from console.actors import Actor
from console.sends.models import Send
from console.sends.services import send_prove


def proof_download(actor: Actor, send: Send) -> FileResponse:
    """The proof as an answer. Raises what `send_prove` raises."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        send_prove(actor, send, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"proof-of-send-{send.pk}.zip",
        content_type="application/zip",
    )
