"""Static files, served by servestatic."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse
from servestatic.middleware import ServeStaticMiddleware


class StaticFilesMiddleware:
    """Responds to the address of a static file with the file.

    servestatic's middleware is asynchronous. It gets only what is a static file, so that all other
    requests stay in their thread.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._files = ServeStaticMiddleware(_no_file)
        self._serve = async_to_sync(self._files)

    def __call__(self, request: HttpRequest) -> Any:
        return self._serve(request) if self._is_file(request) else self.get_response(request)

    def _is_file(self, request: HttpRequest) -> bool:
        path = request.path_info
        if path in self._files.files:
            return True
        # With CONSOLE_DEBUG=1 files are looked for at each request.
        return bool(self._files.autorefresh) and path.startswith(self._files.static_prefix)


async def _no_file(request: HttpRequest) -> HttpResponse:
    raise Http404(request.path_info)
