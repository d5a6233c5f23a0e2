"""The middleware of static files, as Django's test client can have it cheaply.

Each test client makes its middlewares anew, and most of its time would go into listing all files.
The middleware itself is asynchronous, so that in the synchronous test client each request would
start an event loop and go from thread to thread a dozen times. Here it gets what is a static file,
and nothing else. Web servers that tests start have it as it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from servestatic import middleware
from servestatic.middleware import ServeStaticMiddleware


class OnlyStaticFiles:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._middleware = ServeStaticMiddleware(_not_reached)
        self._serve = async_to_sync(self._middleware)

    def __call__(self, request: HttpRequest) -> Any:
        is_file = request.path_info in self._middleware.files
        return self._serve(request) if is_file else self.get_response(request)


async def _not_reached(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"{request.path_info} is no static file")


@contextmanager
def cheap_static_files() -> Iterator[None]:
    listed: dict[str, Any] = {}
    list_them = ServeStaticMiddleware.add_files_from_finders

    def add_listed(self: ServeStaticMiddleware) -> None:
        if not listed:
            list_them(self)
            listed.update(self.files)
        self.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", add_listed)
        patch.setattr(middleware, "ServeStaticMiddleware", OnlyStaticFiles)
        yield
