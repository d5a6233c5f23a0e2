"""ETag and If-Match (RFC 9110): who edits something writes over nothing that they have not seen.

The tag is of what can be edited, and not of what changes by itself beside it, such as the health
of a Chat Server: so it stays the same while nobody edits.
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

# Of each kind of thing; `mark` is a version's own.
EDITED = {
    "notice": ("key", "title", "category", "team", "tags", "shortcut"),
    "version": ("notice", "number", "mark"),
    "preset": ("id", "name", "visibility", "nickname", "roles", "proposed"),
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
    """The header of an answer that shows a thing of this kind."""
    content = [shown[name] for name in EDITED[kind]]
    text = json.dumps(content, sort_keys=True, default=str)
    return {"ETag": f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'}


@contextmanager
def unchanged(
    request: Request, kind: str, rows: QuerySet[Any], show: Callable[[], Mapping[str, Any]]
) -> Iterator[None]:
    """Do it only where the thing is as the caller says in If-Match that they have seen it.

    `rows` are held meanwhile, so that nobody edits between the look and the edit: in the order in
    which the services hold them. Without the header nothing is held. Raises PreconditionFailed.
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
    """The strong tags of an If-Match header; None where there is none. Raises InvalidInput."""
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
    """All rows, of a small table whose services hold all of it."""
    return model._default_manager.all()
