"""Sessions in the database that end when unused (SESSION_ENGINE).

The row's own `expire_date` is the end of a session, so code that reads sessions needs no change.
The cookie lives for SESSION_COOKIE_AGE, and no session lives longer.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.cache import caches
from django.utils import timezone

PERSON = SESSION_KEY  # a session has this key if somebody is signed in
SIGNED_IN_AT = "signed_in_at"
NOTED_EVERY_SECONDS = 60


class SessionStore(db.SessionStore):
    """Django's store, with its own end for sessions of signed-in people."""

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        if PERSON in data:
            data.setdefault(SIGNED_IN_AT, time.time())
        session = super().create_model_instance(data)
        if PERSON in data:
            session.expire_date = unused_until(data)
            is_due(session.session_key)
        return session


def is_due(key: str | None) -> bool:
    """Return whether it is time to extend this session again, since not every request does."""
    return caches["process"].add(f"session-{key}", True, NOTED_EVERY_SECONDS)


def unused_until(session: Mapping[str, Any]) -> datetime:
    """Return when a session ends that is used now and not again."""
    idle = timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    signed_in = datetime.fromtimestamp(
        float(session[SIGNED_IN_AT]), tz=timezone.get_default_timezone()
    )
    return min(timezone.now() + idle, signed_in + timedelta(seconds=settings.SESSION_COOKIE_AGE))
