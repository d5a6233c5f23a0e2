"""Static files, served by servestatic."""

import gzip
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import StaticFile

from console.site.static_version import VERSIONED, static_version
from console.web.requests.compression import is_worthwhile, takes_gzip

FOREVER = "max-age=31536000, public, immutable"
# Such a file is a page for the disk of somebody who checks the console. It has a script inside it,
# which the console's policy forbids, and what is to be checked must not bring what checks it.
FOR_THE_DISK = ".html"


class StaticFilesMiddleware:
    """Responds to the address of a static file with the file, compressed if the browser takes that.

    Browsers keep a file for a year if its address has the digest of the present files. An address
    with another digest is of a page that another version of the console made, as during an upgrade.
    It is answered with the present file, which browsers keep for a minute only.

    servestatic's middleware is asynchronous. It gets only what is a static file, so that all other
    requests stay in their thread.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._files = ServeStaticMiddleware(_no_file)
        self._serve = async_to_sync(self._files)
        self._compressed: dict[str, bytes] = {}

    def __call__(self, request: HttpRequest) -> Any:
        version = self._take_version(request)
        if not self._is_file(request):
            return self.get_response(request)
        response = self._compressed_file(request) or self._serve(request)
        if version and version == static_version() and response.status_code in (200, 206, 304):
            response.headers["Cache-Control"] = FOREVER
        if request.path_info.endswith(FOR_THE_DISK):
            response.headers["Content-Disposition"] = "attachment"
        return response

    def _take_version(self, request: HttpRequest) -> str:
        """Take the digest out of the address of a file, and return it."""
        prefix = self._files.static_prefix
        if not request.path_info.startswith(prefix):
            return ""
        found = VERSIONED.fullmatch(request.path_info, len(prefix))
        if found is None or f"{prefix}{found['name']}" not in self._files.files:
            return ""
        request.path_info = f"{prefix}{found['name']}"
        return found["version"]

    def _is_file(self, request: HttpRequest) -> bool:
        path = request.path_info
        if path in self._files.files:
            return True
        # With CONSOLE_DEBUG=1 files are looked for at each request.
        return bool(self._files.autorefresh) and path.startswith(self._files.static_prefix)

    def _compressed_file(self, request: HttpRequest) -> HttpResponse | None:
        """Return the whole file as gzip, compressed once a process; None if that can't be."""
        file = self._files.files.get(request.path_info)
        is_whole = request.method == "GET" and not (
            {"Range", "If-None-Match", "If-Modified-Since"} & request.headers.keys()
        )
        if self._files.autorefresh or not (is_whole and isinstance(file, StaticFile)):
            return None
        path, headers_of_file = file.get_path_and_headers({})
        headers = dict(headers_of_file)
        if not (takes_gzip(request) and is_worthwhile(headers["Content-Type"] or "")):
            return None
        if request.path_info not in self._compressed:
            with open(path, "rb") as content:
                self._compressed[request.path_info] = gzip.compress(content.read(), 9, mtime=0)
        response = HttpResponse(self._compressed[request.path_info])
        for name in ("Content-Type", "Last-Modified", "Cache-Control"):
            if value := headers.get(name):
                response.headers[name] = value
        response.headers["Content-Encoding"] = "gzip"
        patch_vary_headers(response, ["Accept-Encoding"])
        return response


async def _no_file(request: HttpRequest) -> HttpResponse:
    raise Http404(request.path_info)
