"""Writes how an approval is confirmed: the question for a security key, and its answer in the
entry."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from fido2.webauthn import AuthenticationResponse, UserVerificationRequirement

from console.accounts.approvals.stating import (
    KINDS,
    OFF,
    REQUIRED,
    Asked,
    Confirmation,
    KeyNeeded,
    grade_of,
    rule_of,
    rules_in_force,
    statement_of,
)
from console.accounts.models import ApprovalQuestion, User
from console.accounts.services import security_events
from console.actors import Actor, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.models import AuditEntry, AuditSeal
from console.audit.services import Record
from console.audit.state.kinds import ROWS
from console.audit.verify import (
    APPROVAL_SECONDS,
    APPROVALS,
    BY_KEY,
    METHODS,
    ROWS_SIGNED,
    approved_rows,
    assertion_complaint,
    from_web,
    statement_digest,
    to_web,
)
from console.audit.witnessing.quorum import require_quorum
from console.database.clock import database_now
from console.errors import Conflict, PermissionRefused
from console.text.sentences import term

RULES = system_actor("rules")
NO_KEY = "approval_needs_key"


def approval_record(
    actor: Actor,
    record: Record,
    *,
    also: Mapping[str, Any] | None = None,
    confirmation: Confirmation | None = None,
) -> Record:
    """Return an approval's entry with how it is confirmed. Call it in the approval's transaction,
    with all that the entry says, and `also` with what else is approved.

    Raises Unavailable if the witnesses' quorum is late, KeyNeeded if the actor's security key has
    to confirm first, PermissionRefused (approval_needs_key) for somebody without one where the rule
    requires it, and Conflict (approval_changed) if the key has confirmed something else.
    """
    kind = APPROVALS[str(record.action)]
    if not _is_given_here(actor, kind):
        require_quorum()
    rule = rule_of(kind)
    _enter_rules()
    if _takes_key(actor, kind, rule):
        also = {**(also or {}), **_rows_signed(record)}
        if confirmation is None or confirmation.answer is None:
            what, _label = KINDS[kind]
            raise KeyNeeded(
                NO_KEY,
                "Approving {what} takes your security key: approve it on the console's pages.",
                what=what,
            ).about(record, also)
        said = _signed(actor, record, also, confirmation)
    else:
        said = {"grade": str(grade_of(actor, confirmation))}
    return Record(
        record.action, record.target, {**record.data, "confirmation": said | {"rule": rule}}
    )


def _rows_signed(record: Record) -> dict[str, str]:
    """Return the digest of what the database has after the approval, if the entry tells that."""
    rows = record.data.get(ROWS)
    return {ROWS_SIGNED: approved_rows(str(record.action), rows)} if rows else {}


def _is_given_here(actor: Actor, kind: str) -> bool:
    """Return whether an operator gives roles at the console's machine, as to its first person."""
    return kind == "role" and actor.is_system


def _takes_key(actor: Actor, kind: str, rule: str) -> bool:
    """Return whether this approval takes the actor's security key. Raises PermissionRefused if it
    does, and the actor can't use one."""
    if rule == OFF or _is_given_here(actor, kind):
        return False
    has_key = bool(keys_of(actor.person_ref))
    if has_key and actor.is_person:
        return True
    what, _label = KINDS[kind]
    if has_key:
        raise PermissionRefused(
            NO_KEY,
            "Approving {what} takes the security key of the person behind this API client: they "
            "approve it on the console's pages.",
            what=what,
        )
    if rule == REQUIRED and actor.is_person:
        raise PermissionRefused(
            NO_KEY,
            "Approving {what} takes a security key, and you have none yet. Add one at your "
            "account, Second factor, then approve again.",
            what=what,
        )
    if rule == REQUIRED:
        raise PermissionRefused(
            NO_KEY,
            "Approving {what} takes a person's security key: a program can't do it. Somebody who "
            "may approve does it on the console's pages.",
            what=what,
        )
    return False


def keys_of(ref: str) -> list[Authenticator]:
    """Return a person's security keys; none for anybody else."""
    kind, _colon, key = ref.partition(":")
    if kind != "user" or not (key.isascii() and key.isdecimal()):
        return []
    found = Authenticator.objects.filter(user_id=int(key), type=Authenticator.Type.WEBAUTHN)
    return list(found.order_by("pk"))


def _signed(
    actor: Actor, record: Record, also: Mapping[str, Any], confirmation: Confirmation
) -> dict[str, Any]:
    """Use up the question, and return what the entry has of its answer."""
    answer = confirmation.answer or {}
    challenge = from_web(json.loads(from_web(answer["client_data"]))["challenge"])
    asked = _question(actor, confirmation.session, challenge, is_locked=True)
    about = Asked(site=asked.site, nonce=asked.nonce, at=asked.asked_at)
    statement = statement_of(actor, record, also, about)
    if statement_digest(statement) != challenge:
        raise Conflict(
            "approval_changed",
            "Not approved: what your security key confirmed is not what is here now. Look at it "
            "again, then approve.",
        )
    if complaint := assertion_complaint(answer, challenge, asked.site):
        raise _not_accepted(complaint)
    key = _own_key(actor.ref, answer["credential_id"])
    if not security_events.security_key_counted(key, _counter(answer)):
        raise _counted_back()
    key.record_usage()
    _note_key(key)
    asked.delete()
    return {
        "grade": BY_KEY,
        "statement": statement,
        "also": dict(also),
        "assertion": dict(answer),
    }


def approval_ask(actor: Actor, needed: KeyNeeded, *, session: str, site: str) -> dict[str, Any]:
    """Ask for the security key of the actor, who is a person, and return what the browser takes.

    The question is good for one answer, in the same session, within ten minutes.
    """
    now = database_now()
    asked = Asked.now(site, now)
    statement = statement_of(actor, needed.record, needed.also, asked)
    challenge = statement_digest(statement)
    ApprovalQuestion.objects.filter(ends_at__lte=now).delete()
    ApprovalQuestion.objects.create(
        challenge=challenge.hex(),
        person_id=int(actor.ref.removeprefix("user:")),
        session=_of_session(session),
        site=site,
        nonce=asked.nonce,
        asked_at=asked.at,
        ends_at=now + timedelta(seconds=APPROVAL_SECONDS),
    )
    user = User.objects.get(pk=actor.ref.removeprefix("user:"))
    options, _state = auth.get_server().authenticate_begin(
        credentials=auth.get_credentials(user),
        user_verification=UserVerificationRequirement(app_settings.WEBAUTHN_USER_VERIFICATION),
        challenge=challenge,
    )
    return dict(options)


def key_answer_read(
    actor: Actor, answer: object, *, session: str, address: str
) -> Mapping[str, str]:
    """Return a browser's answer in the form of the entry, once its signature holds.

    Records one that does not hold. Raises PermissionRefused (key_not_accepted).
    """
    try:
        return _checked(actor, answer, session)
    except PermissionRefused as refusal:
        user = User.objects.get(pk=actor.ref.removeprefix("user:"))
        reason = "counter" if refusal.code == COUNTED_BACK else "approval"
        security_events.second_factor_failed(user, address, reason)
        raise


def _checked(actor: Actor, answer: object, session: str) -> Mapping[str, str]:
    try:
        if not isinstance(answer, Mapping):
            raise TypeError("it is no object")
        response = AuthenticationResponse.from_dict(answer)
        client = response.response.client_data
        key = _own_key(actor.ref, to_web(response.raw_id))
        public = security_events.public_key_of(key)
        said = {
            "credential_id": to_web(response.raw_id),
            "public_key": to_web(public),
            "authenticator_data": to_web(bytes(response.response.authenticator_data)),
            "client_data": to_web(bytes(client)),
            "signature": to_web(response.response.signature),
        }
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _not_accepted("the security key's answer can't be read") from error
    asked = _question(actor, session, client.challenge)
    if security_events.method_of(key) not in METHODS:
        raise PermissionRefused(
            "key_not_accepted",
            "This security key signs by a method that proofs do not know. Use another key.",
        )
    if complaint := assertion_complaint(said, client.challenge, asked.site):
        raise _not_accepted(complaint)
    if not security_events.is_counted_on(key, _counter(said)):
        raise _counted_back()
    return said


def _counter(answer: Mapping[str, str]) -> int:
    return int.from_bytes(from_web(answer["authenticator_data"])[33:37])


def _question(
    actor: Actor, session: str, challenge: bytes, *, is_locked: bool = False
) -> ApprovalQuestion:
    rows = ApprovalQuestion.objects.filter(
        challenge=challenge.hex(),
        person_id=int(actor.ref.removeprefix("user:")),
        session=_of_session(session),
        ends_at__gt=database_now(),
    )
    found = (rows.select_for_update() if is_locked else rows).first()
    if found is None:
        raise PermissionRefused(
            "key_not_accepted",
            "This was confirmed before, or asked too long ago. Approve again: your security key is "
            "asked once more.",
        )
    return found


def _of_session(session: str) -> str:
    """Return a digest, since the key of a session is as good as signing in."""
    return hashlib.sha256(session.encode()).hexdigest()


def _own_key(ref: str, credential_id: str) -> Authenticator:
    for key in keys_of(ref):
        if security_events.credential_id_of(key) == credential_id:
            return key
    raise _not_accepted("it is none of your security keys")


COUNTED_BACK = "key_counted_back"


def _counted_back() -> PermissionRefused:
    return PermissionRefused(
        COUNTED_BACK,
        "Not approved: this security key has counted less than before, so there may be a copy of "
        "it. Use another key, remove this one, and tell your administrator.",
    )


def _not_accepted(complaint: str) -> PermissionRefused:
    return PermissionRefused(
        "key_not_accepted",
        "Not approved: your security key's answer was not accepted ({complaint}). Approve again.",
        complaint=complaint,
    )


def _note_key(key: Authenticator) -> None:
    """Enter whose key it is, if no entry here says so: consoles before did not enter public keys,
    and old entries are archived."""
    person = str(key.user_id)
    said = AuditEntry.objects.filter(
        action__in=[Action.USER_SECOND_FACTOR_ADDED, Action.USER_SECURITY_KEY_NOTED],
        target_kind="user",
        target_ref=person,
        data__credential_id=security_events.credential_id_of(key),
    )
    if not said.exists():
        audit.record(
            security_events.DOOR,
            Action.USER_SECURITY_KEY_NOTED,
            target=("user", person, key.user.username),
            data=security_events.key_facts(key),
        )


def _enter_rules() -> None:
    """Enter the rules in force, if they are not those that the ledger has."""
    rules = rules_in_force()
    last = AuditEntry.objects.filter(action=Action.APPROVALS_RULES_SET).first()
    is_off = all(rules[kind] == OFF for kind in KINDS)
    if last is None and is_off and not AuditSeal.objects.exists():
        return
    if last is None or last.data != rules:
        target = ("approvals", "rules", str(term("rules of approvals")))
        audit.record(RULES, Action.APPROVALS_RULES_SET, target=target, data=rules)
