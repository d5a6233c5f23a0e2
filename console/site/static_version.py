"""Addresses of static files with a digest of all of them, so that browsers keep them for long.

The digest is a folder, as in /static/v-0123456789ab/js/app.js. So the files that a stylesheet or a
script names beside itself are in the same folder, and nothing has to be rewritten or collected.
"""

import re
from functools import cache
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage

VERSIONED = re.compile(r"(?P<version>v-[0-9a-f]{12})/(?P<name>.+)")


@cache
def static_version() -> str:
    """Return the folder of the present files. It reads all of them, once a process."""
    digest = sha256()
    files = {
        name: storage for finder in finders.get_finders() for name, storage in finder.list(None)
    }
    for name, storage in sorted(files.items()):
        with storage.open(name) as file:
            content = sha256(file.read()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return f"v-{digest.hexdigest()[:12]}"


class VersionedFiles(StaticFilesStorage):
    """Django's storage with such addresses. With CONSOLE_DEBUG=1 files change while it runs, so
    their addresses have no digest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._urls: dict[str | None, str] = {}

    def url(self, name: str | None) -> str:
        if name not in self._urls:
            folder = "" if settings.DEBUG else f"{static_version()}/"
            self._urls[name] = super().url(f"{folder}{name}")
        return self._urls[name]
