"""Files and long lists as responses, a part at a time, for both kinds of server (WSGI, ASGI)."""

from collections.abc import AsyncIterator, Iterator
from typing import IO

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

PART_BYTES = 64 * 1024


class FileParts(Iterator[bytes]):
    """A file, read from its beginning. It is closed with the response."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        file.seek(0)

    def __next__(self) -> bytes:
        part = self._file.read(PART_BYTES)
        if not part:
            raise StopIteration
        return part

    def close(self) -> None:
        self._file.close()


def download(
    request: HttpRequest, parts: Iterator[bytes], *, name: str, content_type: str
) -> StreamingHttpResponse:
    """Return a response that browsers save as the file `name`."""
    # Django would put all of them into memory for a server that speaks the other way.
    served = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(
        served,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    if isinstance(parts, FileParts):
        response["Content-Length"] = str(parts.size)
    return response


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield each part when the one before is on its way."""
    following = sync_to_async(lambda: next(parts, b""))
    try:
        while part := await following():
            yield part
    finally:
        if isinstance(parts, FileParts):
            parts.close()
