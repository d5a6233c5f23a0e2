"""The middleware of static files, as Django's test client can have it cheaply.

Each test client makes its middlewares anew, and most of its time would go into listing all files.
They are listed once. Web servers that tests start list them as always.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from servestatic.middleware import ServeStaticMiddleware


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
        yield
