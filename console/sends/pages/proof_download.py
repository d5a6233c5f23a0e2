"""The proof of a send as a download."""

from tempfile import TemporaryFile

from django.http import HttpRequest, StreamingHttpResponse

from console.actors import Actor
from console.sends.models import Send
from console.sends.proof.issue import send_prove
from console.site.downloads import FileParts, download


def proof_download(request: HttpRequest, actor: Actor, send: Send) -> StreamingHttpResponse:
    """Return the proof as a response. Raises what `send_prove` raises."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        send_prove(actor, send, file)
    except BaseException:
        file.close()
        raise
    name = f"proof-of-send-{send.pk}.zip"
    return download(request, FileParts(file), name=name, content_type="application/zip")
