"""Security events in the trail, and what administrators do about accounts that can't be entered.

What a person does to get in or out is recorded in the transaction of the request that does it.
"""

from collections.abc import Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from allauth.usersessions.models import UserSession
from axes.utils import reset as axes_reset
from django.db import transaction

from console.accounts.models import User
from console.accounts.services.sessions import sessions_end, sessions_forget
from console.accounts.signing_in import login_throttle
from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.errors import Conflict

DOOR = system_actor("sign-in")
# Of an authenticator's data: what the app shares with us, what recovery codes are made of.
ENCRYPTED = ("secret", "seed")
COUNTER = "counter"  # of a security key's: what it said last


def signed_in(user: User, address: str, methods: Sequence[str], subject: str = "") -> None:
    """A person is in. `methods`: what proved who it is, such as "password" and "mfa"; `subject`:
    the directory's id of whoever it has signed in."""
    data = {"address": address, "methods": list(methods), **({"sub": subject} if subject else {})}
    _of_oneself(user, Action.USER_SIGNED_IN, data)


def signed_out(user: User, address: str) -> None:
    _of_oneself(user, Action.USER_SIGNED_OUT, {"address": address})


def sign_in_failed(name: str, address: str, *, locked: bool) -> None:
    """A wrong password, or a name that nobody has: what was typed as such is not kept, for it may
    be a password. `locked` says that this attempt locked the account."""
    user = User.objects.filter(username__iexact=name).first()
    target = ("user", user.pk, user.username) if user else ("user", "", "a name that nobody has")
    action = Action.USER_LOCKED if locked else Action.USER_SIGN_IN_FAILED
    with transaction.atomic():
        audit.record(DOOR, action, target=target, data={"address": address})


def second_factor_failed(user: User, address: str, reason: str = "") -> None:
    """A wrong code or key. `reason`: what is known beyond that, such as "counter"."""
    with transaction.atomic():
        target = ("user", user.pk, user.username)
        data = {"address": address, **({"reason": reason} if reason else {})}
        audit.record(DOOR, Action.USER_SECOND_FACTOR_FAILED, target=target, data=data)


def security_key_counted(key: Authenticator, counter: int) -> bool:
    """Keep how often a security key says that it was used; False, and nothing kept, where that is
    not more than before: then there are two of it (Web Authentication Level 2, section 6.1.1). A
    key that always says 0 does not count.

    Recorded by who calls it: a key in use is the sign-in's own entry.
    """
    with transaction.atomic():
        locked = Authenticator.objects.select_for_update().get(pk=key.pk)
        before = locked.data.get(COUNTER, locked.wrap().authenticator_data.counter)
        if (counter or before) and counter <= before:
            return False
        locked.data[COUNTER] = counter
        locked.save(update_fields=["data"])
    return True


def directory_refused(
    user: User | None, address: str, *, reason: str, detail: str = "", subject: str = ""
) -> None:
    """The directory signed nobody in, confirmed nobody, linked nobody. `user`: whose account it is,
    where that is known; `subject`: the directory's id of the person, where it is certain."""
    target = ("user", user.pk, user.username) if user else ("user", "", "somebody at the directory")
    data = {"address": address, "reason": reason}
    data |= {name: text for name, text in (("detail", detail), ("sub", subject)) if text}
    with transaction.atomic():
        audit.record(DOOR, Action.USER_DIRECTORY_REFUSED, target=target, data=data)


def directory_confirmed(user: User, address: str, subject: str) -> None:
    """A person who is in has proved again, at the directory, who it is."""
    _of_oneself(user, Action.USER_DIRECTORY_CONFIRMED, {"address": address, "sub": subject})


def second_factor_changed(user: User, action: Action, kind: str) -> None:
    """USER_SECOND_FACTOR_ADDED or _REMOVED; `kind`: "totp", "webauthn" or "recovery_codes"."""
    _of_oneself(user, action, {"kind": kind})


def password_changed(user: User) -> None:
    """It is the person's own from now on."""
    with transaction.atomic():
        if user.must_change_password:
            user.must_change_password = False
            user.save(update_fields=["must_change_password"])
        _of_oneself(user, Action.USER_PASSWORD_CHANGED, {})


def own_sessions_end(user: User, sessions: Sequence[UserSession]) -> None:
    """End some of a person's own sessions."""
    keys = [session.session_key for session in sessions]
    with transaction.atomic():
        sessions_forget(user, keys)
        _of_oneself(user, Action.USER_SESSIONS_ENDED, {"sessions": len(keys)})


def user_release(actor: Actor, user: User) -> None:
    """Let a locked account be tried again at once. Raises Conflict where it is not locked."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        if not axes_reset(username=login_throttle.plain_name(user.username)):
            raise Conflict("not_locked", "{user} is not locked.", user=user.username)
        audit.record(actor, Action.USER_RELEASED, target=("user", user.pk, user.username))
    login_throttle.forget(user.username)


def user_second_factor_reset(actor: Actor, user: User) -> None:
    """Take away all second factors of a person who has lost them, and end the person's sessions;
    the next sign-in sets up a new one. Not one's own: who holds a session must not be enough.

    Raises Conflict where it is the actor's own account, or has no second factor.
    """
    actor.require(Permission.ADMINISTER)
    if actor.person_ref == user.ref:
        raise Conflict("own_account", "Ask another administrator to reset your own second factor.")
    with transaction.atomic():
        removed, _by_model = Authenticator.objects.filter(user=user).delete()
        if not removed:
            raise Conflict("no_second_factor", "{user} has no second factor.", user=user.username)
        sessions_end(user)
        audit.record(
            actor, Action.USER_SECOND_FACTOR_RESET, target=("user", user.pk, user.username)
        )


def second_factors_rotate(actor: Actor) -> int:
    """Encrypt anew, by the secret key of now, what second factors keep; answers how many. After
    that nothing needs the secret keys of before."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        rotated = 0
        for kept in Authenticator.objects.select_for_update().order_by("pk"):
            secret = {name: kept.data[name] for name in ENCRYPTED if name in kept.data}
            if secret:
                kept.data |= {name: encrypt(decrypt(text)) for name, text in secret.items()}
                kept.save(update_fields=["data"])
                rotated += 1
        audit.record(
            actor,
            Action.SECOND_FACTORS_ROTATED,
            target=("key", "secret", "the secret key"),
            data={"rotated": rotated},
        )
    return rotated


def _of_oneself(user: User, action: Action, data: dict[str, Any]) -> None:
    with transaction.atomic():
        target = ("user", user.pk, user.username)
        audit.record(user.to_actor(), action, target=target, data=data)
