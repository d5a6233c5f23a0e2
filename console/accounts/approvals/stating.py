"""How approvals are confirmed: the rule of each kind, the grades, and what is signed.

An approver confirms by a security key, which signs the digest of exactly what is approved. The
standalone verifier (console/audit/verify.py) has the form of what is signed, and its checks.
docs/approvals.md says what that proves.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.audit.chain import canonical_data, canonical_time
from console.audit.services import Record
from console.audit.verify import APPROVAL_FORMAT, APPROVALS, BY_KEY, approval_content
from console.errors import Unconfirmed
from console.text.sentences import term

OFF, REGISTERED, REQUIRED = "off", "registered", "required"


class Grade(TextChoices):
    """By what an approval is confirmed. Only the first is proved offline."""

    SECURITY_KEY = BY_KEY, _("signed with the approver's security key")
    SECOND_FACTOR = "second_factor", _("without a security key, in a session with a second factor")
    DIRECTORY = "directory", _("without a security key, in a session by the directory")
    PASSWORD = "password", _("without a security key, in a session by password alone")
    SESSION = "session", _("without a security key, in a session")
    TOKEN = "token", _("without a security key, by a program's token")
    CONSOLE = "console", _("by the console itself")


# What a refusal or a question calls each kind.
KINDS = {
    "version": (term("a version"), _("version")),
    "preset": (term("a preset"), _("preset")),
    "playbook": (term("a playbook"), _("playbook")),
    "send": (term("a large send"), _("send")),
    "role": (term("a person's roles"), _("roles")),
}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How somebody confirms what they approve.

    `grade` is that of their session. `session` is the session's key. `answer` is what their
    security key answered, as the entry has it.
    """

    grade: Grade
    session: str = ""
    answer: Mapping[str, str] | None = None


class KeyNeeded(Unconfirmed):
    """An approval that the approver's security key has to confirm first. `record` is what would be
    entered, `also` what else is approved."""

    record: Record
    also: Mapping[str, Any]

    def about(self, record: Record, also: Mapping[str, Any]) -> Self:
        self.record, self.also = record, also
        return self


def rule_of(kind: str) -> str:
    """Return the rule of a kind (CONSOLE_APPROVAL_RULES)."""
    return settings.APPROVAL_RULES.get(kind, OFF)


def rules_in_force() -> dict[str, Any]:
    """Return what the ledger says of the rules, and the names under which keys answer."""
    return {
        **{kind: rule_of(kind) for kind in KINDS},
        "sites": sorted(settings.ALLOWED_HOSTS),
    }


def grade_of(actor: Actor, confirmation: Confirmation | None) -> Grade:
    """Return the grade of an approval without a security key."""
    if actor.is_system:
        return Grade.CONSOLE
    if not actor.is_person:
        return Grade.TOKEN
    return confirmation.grade if confirmation else Grade.SESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What belongs to one question, beside what is approved. `site` is the console's name at which
    the key answers."""

    site: str
    nonce: str
    at: str

    @classmethod
    def now(cls, site: str, at: datetime) -> "Asked":
        return cls(site=site, nonce=secrets.token_hex(16), at=canonical_time(at))


def statement_of(
    actor: Actor, record: Record, also: Mapping[str, Any], asked: Asked
) -> dict[str, Any]:
    """Return the statement that the approver's key signs."""
    _kind, ref, name = record.target
    content = canonical_data(approval_content(record.data, also))
    return {
        "format": APPROVAL_FORMAT,
        "kind": APPROVALS[str(record.action)],
        "action": str(record.action),
        # Who is created has no number yet when it is asked.
        "ref": "" if record.action == "user.created" else str(ref),
        "name": name[:255],
        "approver": actor.ref,
        "approver_name": actor.name,
        "decision": "approve",
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "site": asked.site,
        "nonce": asked.nonce,
        "asked_at": asked.at,
    }
