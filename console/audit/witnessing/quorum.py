"""Reads what witnesses have cosigned, and how old the newest quorum is.

Nothing in the database is believed: each cosignature is verified by the key in the policy.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from console.audit.models import AuditWitness
from console.audit.tlog import notes
from console.audit.tlog.notes import BadNote
from console.audit.tlog.tree import current_log, verifiers
from console.audit.witnessing.policy import NONE, Policy, Witness
from console.audit.witnessing.protocol import CONTRADICTIONS, MOST_SECONDS_AHEAD, NO_ADDRESS
from console.database.clock import near_now
from console.errors import Unavailable
from console.text.sentences import Sentence, read_stored
from console.text.wording import worded

# Checkpoints are five minutes apart, and a witness that is away for a while is no news yet.
LATE_SECONDS = 30 * 60
# An unchanged ledger is cosigned again after so long, so that its quorum stays young.
RECONFIRM_SECONDS = 10 * 60
# Among so many of the newest heads a quorum is looked for: a day and more.
HEADS = 300

OF_HEADS = """
SELECT c.size, c.witness, c.line, h.note
FROM (SELECT size, origin, note FROM audit_audittreehead
    WHERE origin = %s ORDER BY size DESC LIMIT %s) h
CROSS JOIN unnest(%s::text[]) k(witness)
CROSS JOIN LATERAL (SELECT * FROM audit_auditcosignature
    WHERE size = h.size AND witness = k.witness AND origin = h.origin
    ORDER BY id DESC LIMIT 1) c
ORDER BY c.size DESC
"""
NEWEST = """
SELECT c.size, c.witness, c.line, h.note
FROM unnest(%s::text[]) k(witness)
CROSS JOIN LATERAL (SELECT * FROM audit_auditcosignature
    WHERE witness = k.witness AND origin = %s ORDER BY id DESC LIMIT 1) c
JOIN audit_audittreehead h ON h.size = c.size AND h.origin = c.origin
"""

Row = tuple[int, str, str, str]


class Cosigned(NamedTuple):
    """A cosignature that was verified just now."""

    size: int
    witness: str
    at: datetime


class Quorum(NamedTuple):
    """So many entries were cosigned by a quorum, all of it not before `at`."""

    size: int
    at: datetime


class Standing(NamedTuple):
    """What is known of a witness: its newest cosignature (None: there is none), when it was asked,
    and why it did not cosign then ("" if it did)."""

    witness: Witness
    cosigned: Cosigned | None
    asked_at: datetime | None
    trouble: str

    @property
    def cosigned_at(self) -> datetime | None:
        return self.cosigned.at if self.cosigned else None

    @property
    def words(self) -> str:
        """Why it did not cosign, in the reader's language."""
        return worded(self.trouble)

    @property
    def contradicts(self) -> bool:
        """Whether it says that there are two histories."""
        return isinstance(self.trouble, Sentence) and self.trouble.code in CONTRADICTIONS


def seconds_since(at: datetime) -> float:
    return max(0.0, (near_now() - at).total_seconds())


def reconfirm_seconds() -> float:
    limit = settings.QUORUM_MINUTES * 60
    return min(RECONFIRM_SECONDS, limit / 3) if limit else RECONFIRM_SECONDS


def late_seconds() -> float:
    """Return after how long a quorum is late."""
    limit = settings.QUORUM_MINUTES * 60
    return min(LATE_SECONDS, limit) if limit else LATE_SECONDS


class Witnessing:
    """What the witnesses of the policy have said of this log, read once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._by_key = {each.verifier.vkey(): each for each in policy.witnesses.values()}

    @cached_property
    def origin(self) -> str:
        log = current_log()
        return log.origin if log else ""

    @cached_property
    def quorum(self) -> Quorum | None:
        """The newest head that a quorum has cosigned; None if there is none among the newest."""
        rows = self._rows(OF_HEADS, [self.origin, HEADS, list(self._by_key)])
        for size, of_head in groupby(rows, key=itemgetter(0)):
            found = self._of_head(size, list(of_head))
            if found is not None:
                return found
        return None

    def _of_head(self, size: int, rows: Sequence[Row]) -> Quorum | None:
        """Return since when a quorum vouches for a head: of the witnesses with the newest times
        as many as it needs. Only what could be a quorum is verified."""
        if not self.policy.is_met({self._by_key[vkey].name for _size, vkey, *_rest in rows}):
            return None
        names: set[str] = set()
        for cosigned in sorted(self._verified(rows), key=lambda each: each.at, reverse=True):
            names.add(cosigned.witness)
            if self.policy.is_met(names):
                return Quorum(size, cosigned.at)
        return None

    def _rows(self, statement: str, values: list[Any]) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[Row] = cursor.fetchall()
            return rows

    def _verified(self, rows: Iterable[Row]) -> Iterator[Cosigned]:
        latest = near_now().timestamp() + MOST_SECONDS_AHEAD
        for size, vkey, line, note in rows:
            witness = self._by_key[vkey]
            at = _time_of(witness, line, note, size)
            if at is not None and at <= latest:
                yield Cosigned(size, witness.name, datetime.fromtimestamp(at, UTC))

    @cached_property
    def standings(self) -> list[Standing]:
        """What is known of each witness, in the policy's order."""
        said = {each.witness: each for each in AuditWitness.objects.filter(origin=self.origin)}
        rows = self._rows(NEWEST, [list(self._by_key), self.origin])
        newest = {each.witness: each for each in self._verified(rows)}
        return [
            Standing(each, newest.get(each.name), *_answer(each, said.get(vkey)))
            for vkey, each in self._by_key.items()
        ]

    @property
    def names_this_log(self) -> bool:
        """Whether the policy has a key of this log, or leaves open which log it is of."""
        own = {(key.name, key.public) for key in verifiers(self.origin)}
        return not self.policy.logs or any(
            (key.name, key.public) in own for key in self.policy.logs
        )


def _answer(witness: Witness, said: AuditWitness | None) -> tuple[datetime | None, str]:
    """Return when a witness was asked, and why it did not cosign then."""
    trouble: str = read_stored(said.trouble) if said else ""
    return said.asked_at if said else None, trouble if witness.url else NO_ADDRESS()


def _time_of(witness: Witness, line: str, note: str, size: int) -> int | None:
    """Return when a witness cosigned a head; None if its line is not valid for it."""
    try:
        text = notes.parse(note).text
        signature = notes.parse_signature(line.removesuffix("\n"))
        if notes.parse_checkpoint(text).size != size:
            return None
        return witness.verifier.verify(text, signature.value)
    except BadNote:
        return None


def witnessing() -> Witnessing | None:
    """Return what witnesses have said; None if no policy is set."""
    return Witnessing(settings.WITNESS_POLICY) if settings.WITNESS_POLICY else None


def has_quorum(policy: Policy | None) -> bool:
    return policy is not None and policy.quorum != NONE


def quorum_seconds() -> float | None:
    """Return how old the newest quorum is, or how old the log is if there is none yet; None where
    no quorum is asked for."""
    found = witnessing()
    if found is None or not has_quorum(found.policy):
        return None
    return _quorum_seconds(found)


def _quorum_seconds(found: Witnessing) -> float:
    if found.quorum is not None:
        return seconds_since(found.quorum.at)
    log = current_log()
    return seconds_since(log.begun_at) if log else 0.0


def require_quorum() -> None:
    """Raise Unavailable if the newest quorum is older than CONSOLE_QUORUM_MINUTES allows, or if
    there is none."""
    if not settings.QUORUM_MINUTES:
        return
    found = witnessing()
    if found is None or not has_quorum(found.policy):
        return
    if found.quorum is None:
        raise Unavailable(
            "quorum_missing",
            "Nothing was decided: the witnesses of the audit trail have not cosigned it yet, and "
            "this may be decided only within {minutes} minutes of their cosignatures. An auditor "
            "sees at Audit trail, Verify and export, what each witness answers.",
            retry_after=60,
            minutes=settings.QUORUM_MINUTES,
        )
    age = seconds_since(found.quorum.at)
    if age > settings.QUORUM_MINUTES * 60:
        raise Unavailable(
            "quorum_late",
            "Nothing was decided: the witnesses of the audit trail cosigned it {age:,} minutes "
            "ago, and this may be decided only within {minutes} minutes of that. An auditor sees "
            "at Audit trail, Verify and export, what each witness answers.",
            retry_after=60,
            age=int(age // 60),
            minutes=settings.QUORUM_MINUTES,
        )


def witness_troubles() -> list[Sentence]:
    """Return what is wrong with the cosignatures."""
    found = witnessing()
    if found is None:
        return []
    said = [
        Sentence(
            "witness_contradicts",
            "The witness {witness} contradicts the ledger. {why}",
            witness=standing.witness.shown,
            why=standing.trouble,
        )
        for standing in found.standings
        if standing.contradicts
    ]
    if has_quorum(found.policy) and (age := _quorum_seconds(found)) > late_seconds():
        said.append(
            Sentence(
                "cosignatures_late",
                "No quorum of witnesses has cosigned the ledger for {seconds:.0f} s.",
                seconds=age,
            )
        )
    if found.origin and not found.names_this_log:
        said.append(
            Sentence(
                "policy_of_another_log",
                "The policy of CONSOLE_WITNESS_POLICY has no key of the log {origin}, so nobody "
                "who verifies by it trusts this console.",
                origin=found.origin,
            )
        )
    return said
