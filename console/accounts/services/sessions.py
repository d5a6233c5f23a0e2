"""Ends sessions of people."""

from collections.abc import Collection
from secrets import token_hex

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session

from console.accounts.models import User
from console.accounts.signing_in.session_store import SIGNED_IN_AT, is_due, unused_until
from console.database.notify import publish, sessions_topic


def session_used(session: SessionBase) -> None:
    """Put off the end of a session whose person does something. Its data are left alone: another
    request may be changing them."""
    if not is_due(session.session_key):
        return
    if SIGNED_IN_AT not in session:  # from before there was such a thing
        session.modified = True
        return
    until = unused_until({SIGNED_IN_AT: session[SIGNED_IN_AT]})
    Session.objects.filter(session_key=session.session_key, expire_date__lt=until).update(
        expire_date=until
    )


def sessions_end(user: User, *fields: str) -> None:
    """End all sessions of a person, and save `fields` with it. By the stamp none of them is good
    any more, wherever it is kept; the rest is tidying up. Recorded by who calls it."""
    user.session_stamp = token_hex(16)
    user.save(update_fields=["session_stamp", *fields])
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    sessions_forget(user, list(keys))


def sessions_forget(user: User, keys: Collection[str]) -> None:
    """Take away those of a person's sessions that have these keys, and end the event streams of
    all: those whose session is good come back by themselves."""
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user, session_key__in=keys).delete()
    publish(sessions_topic(user.pk))


def sessions_forget_all() -> None:
    """Nobody is signed in any more. Recorded by who calls it."""
    Session.objects.all().delete()
    UserSession.objects.all().delete()
