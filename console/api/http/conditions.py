"""ETag and If-Match (RFC 9110): nobody overwrites what they have not seen.

The tag covers what can be edited, and not what changes by itself, such as the health of a Chat
Server. So it stays the same as long as nobody edits.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from rest_framework.request import Request

from console.errors import InvalidInput, PreconditionFailed

# The editable fields by kind of thing. `mark` is a version's own revision.
EDITED = {
    "notice": ("key", "title", "category", "team", "tags", "shortcut"),
    "version": ("notice", "number", "mark"),
    "playbook": ("key", "title", "team", "newest"),
    "preset": ("id", "name", "visibility", "nickname", "roles", "proposed"),
    "audience": ("id", "name", "audience", "sort", "position"),
    "category": ("id", "name", "path", "team"),
    "chat-server": (
        *("name", "url", "pace_per_second", "burst", "window", "enabled"),
        *("connect_timeout_seconds", "request_timeout_seconds"),
    ),
    "webhook": ("id", "name", "url", "events", "enabled"),
}
_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*+')
_TAG = re.compile(r'(W/)?("[^"]*")')
LONGEST = 1000


def etag(kind: str, shown: Mapping[str, Any]) -> dict[str, str]:
    """Return the ETag header for a thing of this kind."""
    content = [shown[name] for name in EDITED[kind]]
    text = json.dumps(content, sort_keys=True, default=str)
    return {"ETag": f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'}


@contextmanager
def unchanged(
    request: Request, kind: str, rows: QuerySet[Any], show: Callable[[], Mapping[str, Any]]
) -> Iterator[None]:
    """Run the block only if the thing matches the caller's If-Match header.

    `rows` are locked, in the order in which the services lock them, so that nobody edits between
    check and edit. Without the header nothing is locked. Raises PreconditionFailed.
    """
    tags = wanted_tags(request.headers.get("If-Match"))
    if tags is None:
        yield
        return
    with transaction.atomic():
        list(rows.order_by("pk").select_for_update().values_list("pk"))
        now = etag(kind, show())["ETag"]
        if now not in tags and "*" not in tags:
            raise PreconditionFailed(
                "changed_meanwhile",
                "It is not as you have seen it (If-Match): somebody has changed it. Read it again, "
                "and look whether your change still fits.",
                {"etag": now},
            )
        yield


def wanted_tags(header: str | None) -> set[str] | None:
    """Return the strong tags of an If-Match header, or None without one. Raises InvalidInput."""
    if header is None:
        return None
    if header.strip() == "*":
        return {"*"}
    if len(header) > LONGEST or not _TAGS.fullmatch(header):
        raise InvalidInput(
            "invalid_if_match",
            "If-Match has the ETag of an answer, with its quotes. Give it, or leave it out.",
        )
    return {tag for weak, tag in _TAG.findall(header) if not weak}


def every(model: type[Model]) -> QuerySet[Any]:
    """Return all rows, for a small table that its services lock as a whole."""
    return model._default_manager.all()
