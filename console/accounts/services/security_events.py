"""Security events in the ledger, and how administrators help people who can't sign in.

Events of signing in and out are recorded in the transaction of the request that causes them.
"""

from collections.abc import Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from allauth.usersessions.models import UserSession
from axes.utils import reset as axes_reset
from django.db import transaction
from fido2 import cbor

from console.accounts.models import User
from console.accounts.services.sessions import sessions_end, sessions_forget
from console.accounts.signing_in import login_throttle
from console.accounts.told import USER
from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.audit.verify import to_web
from console.errors import Conflict

DOOR = system_actor("sign-in")
# Secret parts of an authenticator's data: the app's shared secret, and the seed of recovery codes.
ENCRYPTED = ("secret", "seed")
COUNTER = "counter"  # the last signature counter of a security key


def signed_in(user: User, address: str, methods: Sequence[str], subject: str = "") -> None:
    """Record a sign-in.

    `methods` are the proofs, such as "password" and "mfa"; `subject` is the directory's id of a
    person whom it signed in.
    """
    data = {"address": address, "methods": list(methods), **({"sub": subject} if subject else {})}
    _of_oneself(user, Action.USER_SIGNED_IN, data)


def signed_out(user: User, address: str) -> None:
    _of_oneself(user, Action.USER_SIGNED_OUT, {"address": address})


def sign_in_failed(name: str, address: str, *, locked: bool) -> None:
    """Record a wrong password or an unknown name.

    `locked` says that this attempt locked the account. An unknown name is not stored, since it may
    be a password.
    """
    user = User.objects.filter(username__iexact=name).first()
    target = ("user", user.pk, user.username) if user else ("user", "", "a name that nobody has")
    action = Action.USER_LOCKED if locked else Action.USER_SIGN_IN_FAILED
    with transaction.atomic():
        audit.record(DOOR, action, target=target, data={"address": address})


def second_factor_failed(user: User, address: str, reason: str = "") -> None:
    """Record a wrong code or key. `reason` gives details, such as "counter"."""
    with transaction.atomic():
        target = ("user", user.pk, user.username)
        data = {"address": address, **({"reason": reason} if reason else {})}
        audit.record(DOOR, Action.USER_SECOND_FACTOR_FAILED, target=target, data=data)


def security_key_counted(key: Authenticator, counter: int) -> bool:
    """Store a security key's signature counter.

    Return False and store nothing if it did not increase. A counter that does not increase means a
    cloned key (Web Authentication Level 2, section 6.1.1). A key that always reports 0 does not
    count. The caller records the event: a key in use is part of the sign-in's entry.
    """
    with transaction.atomic():
        locked = Authenticator.objects.select_for_update().get(pk=key.pk)
        if not is_counted_on(locked, counter):
            return False
        locked.data[COUNTER] = counter
        locked.save(update_fields=["data"])
    return True


def is_counted_on(key: Authenticator, counter: int) -> bool:
    """Return whether a counter is beyond the last one of this security key."""
    before = key.data.get(COUNTER, key.wrap().authenticator_data.counter)
    return not (counter or before) or counter > before


def credential_id_of(key: Authenticator) -> str:
    """Return a security key's id, in base64url."""
    return to_web(key.wrap().authenticator_data.credential_data.credential_id)


def public_key_of(key: Authenticator) -> bytes:
    """Return a security key's public key (COSE)."""
    public: bytes = cbor.encode(key.wrap().authenticator_data.credential_data.public_key)
    return public


def method_of(key: Authenticator) -> int:
    """Return the number of the method (COSE) by which a security key signs."""
    return int(key.wrap().authenticator_data.credential_data.public_key[3])


def key_facts(key: Authenticator) -> dict[str, str]:
    """Return what the ledger says of a security key: by this anybody knows its signatures."""
    return {"credential_id": credential_id_of(key), "public_key": to_web(public_key_of(key))}


def directory_refused(
    user: User | None, address: str, *, reason: str, detail: str = "", subject: str = ""
) -> None:
    """Record that the directory refused a sign-in, confirmation or link.

    `user` is the owner of the account, if known; `subject` is the directory's id of the person, if
    certain.
    """
    target = ("user", user.pk, user.username) if user else ("user", "", "somebody at the directory")
    data = {"address": address, "reason": reason}
    data |= {name: text for name, text in (("detail", detail), ("sub", subject)) if text}
    with transaction.atomic():
        audit.record(DOOR, Action.USER_DIRECTORY_REFUSED, target=target, data=data)


def directory_confirmed(user: User, address: str, subject: str) -> None:
    """Record that a signed-in person has confirmed their identity at the directory."""
    _of_oneself(user, Action.USER_DIRECTORY_CONFIRMED, {"address": address, "sub": subject})


def second_factor_changed(
    user: User, action: Action, kind: str, key: Authenticator | None = None
) -> None:
    """Record USER_SECOND_FACTOR_ADDED or _REMOVED.

    `kind` is "totp", "webauthn" or "recovery_codes". A `key` is named by its id and public key.
    """
    keys = key_facts(key) if key else {}
    _of_oneself(user, action, {"kind": kind, **keys, **told((USER, user.pk))})


def password_changed(user: User) -> None:
    """Record a new password, which only its person knows from now on."""
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
    """Unlock a locked account at once. Raises Conflict if it is not locked."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        if not axes_reset(username=login_throttle.plain_name(user.username)):
            raise Conflict("not_locked", "{user} is not locked.", user=user.username)
        audit.record(actor, Action.USER_RELEASED, target=("user", user.pk, user.username))
    login_throttle.forget(user.username)


def user_second_factor_reset(actor: Actor, user: User) -> None:
    """Remove all second factors of a person who has lost them, and end the person's sessions.

    The next sign-in sets up a new one. A stolen session must not suffice, so nobody can do it for
    themselves. Raises Conflict for the actor's own account, and for one without a second factor.
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
            actor,
            Action.USER_SECOND_FACTOR_RESET,
            target=("user", user.pk, user.username),
            data=told((USER, user.pk)),
        )


def second_factors_rotate(actor: Actor) -> int:
    """Encrypt the secrets of all second factors with the present secret key, and return how many.

    After that no old secret key is needed.
    """
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
