"""Ends people's sessions."""

from collections.abc import Collection, Iterable
from secrets import token_hex

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session

from console.accounts.models import User
from console.accounts.signing_in.session_store import SIGNED_IN_AT, is_due, unused_until
from console.database.notifications import publish, sessions_topic


def session_used(session: SessionBase) -> None:
    """Extend the session of a person who is active.

    Its data is left alone, since another request may be changing it.
    """
    if not is_due(session.session_key):
        return
    if SIGNED_IN_AT not in session:  # the session is older than this feature
        session.modified = True
        return
    until = unused_until({SIGNED_IN_AT: session[SIGNED_IN_AT]})
    Session.objects.filter(session_key=session.session_key, expire_date__lt=until).update(
        expire_date=until
    )


def sessions_end(user: User, *fields: str) -> None:
    """End all sessions of a person, saving `fields` in the same statement. The caller records it.

    The new stamp alone invalidates every session, wherever it is stored; the rest is cleanup.
    """
    user.session_stamp = token_hex(16)
    user.save(update_fields=["session_stamp", *fields])
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    sessions_forget(user, list(keys))


def sessions_forget(user: User, keys: Collection[str]) -> None:
    """Delete those of a person's sessions that have these keys, and end all their event streams.

    Streams of valid sessions reconnect by themselves.
    """
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user, session_key__in=keys).delete()
    publish(sessions_topic(user.pk))


def streams_end(people: Iterable[User]) -> None:
    """End the event streams of people whose rights change. Their pages connect again by themselves,
    with the new rights."""
    topics = [sessions_topic(user.pk) for user in people]
    if topics:
        publish(*topics)


def sessions_forget_all() -> None:
    """Sign everybody out. The caller records it."""
    Session.objects.all().delete()
    UserSession.objects.all().delete()
