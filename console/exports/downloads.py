"""The file of an export as a response, for the pages and the API."""

import base64

from django.http import HttpRequest, StreamingHttpResponse

from console.actors import Actor
from console.exports.files.formats import CONTENT_TYPES, ExportFormat
from console.exports.models import ExportJob
from console.exports.services import export_download
from console.site.downloads import download


def export_response(request: HttpRequest, actor: Actor, job: ExportJob) -> StreamingHttpResponse:
    """Return the file. Its length and digest (RFC 9530) stand in the headers: a client knows
    whether all of it has come. Raises PermissionRefused and Conflict, as export_download does."""
    parts = export_download(actor, job)
    content_type = CONTENT_TYPES[ExportFormat(job.format)]
    response = download(request, parts, name=job.file_name, content_type=content_type)
    response["Content-Length"] = str(job.bytes)
    digest = base64.b64encode(bytes.fromhex(job.sha256)).decode()
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    return response
