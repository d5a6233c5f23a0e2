"""Compression of responses by gzip, quickly: most of a page is markup that repeats itself."""

import gzip
import secrets
from io import BytesIO

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from console.web.requests.middleware import _Middleware

LEAST_BYTES = 1000
# The first level takes a fifth of the time of the usual one, and its result is a fifth longer.
LEVEL = 1
# The length of a response must not tell what of a request is also in it (BREACH). So its header has
# a file name of random length. Tokens against forgery differ in each response as well.
MOST_PADDING = 100
TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")


class CompressionMiddleware(_Middleware):
    """Compresses responses that are complete. Streams and downloads are sent as they come."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not isinstance(response, HttpResponse) or response.has_header("Content-Encoding"):
            return response
        if not is_worthwhile(response.headers.get("Content-Type", "")):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if len(response.content) < LEAST_BYTES or not takes_gzip(request):
            return response
        response.content = _compressed(response.content)
        response.headers["Content-Encoding"] = "gzip"
        if response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        etag = response.headers.get("ETag", "")
        if etag.startswith('"'):
            response.headers["ETag"] = f"W/{etag}"  # of the same content in other bytes
        return response


def takes_gzip(request: HttpRequest) -> bool:
    for each in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _semicolon, weight = each.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def is_worthwhile(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip()
    return (kind.startswith(TYPES) or kind.endswith("+json")) and kind != "text/event-stream"


def _compressed(content: bytes) -> bytes:
    name = secrets.token_hex(MOST_PADDING)[: secrets.randbelow(MOST_PADDING)]
    buffer = BytesIO()
    with gzip.GzipFile(name, "wb", LEVEL, buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()
