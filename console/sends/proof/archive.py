"""The proof of a send: a file that anybody can verify with the console's public key alone.

docs/audit.md says what is in it and what that proves; `console/audit/verify.py` reads it.
"""

import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery

from console.audit.actions import Action
from console.audit.chain import canonical, canonical_time
from console.audit.checkpoints import those_signed
from console.audit.export import (
    ENTRIES_A_FETCH,
    as_hashed,
    begin_of_batch,
    certificates_said,
    json_lines,
    ledger_lines,
    sealed_to,
    signatures_said,
    write_manifest,
    write_part,
)
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.verify import (
    APPROVED,
    CERTIFICATES,
    CHECKPOINTS,
    DELIVERIES,
    ENTRIES,
    SEND,
    SIGNATURES,
    export_line,
)
from console.sends.evidence.writing import resolution_of
from console.sends.models import Delivery, Evidence, Send
from console.sends.proof.ledger import version_facts


def send_facts(send: Send) -> dict[str, Any]:
    """Return who ordered what, when, and who approved it."""
    return {
        "id": send.pk,
        "created_at": canonical_time(send.created_at),
        "actor_ref": send.actor_ref,
        "actor_name": send.actor_name,
        "version": version_facts(send.version),
        "visibility": send.visibility,
        "nickname": send.nickname,
        **({"nickname_from": send.nickname_from} if send.nickname_from else {}),
        "target": send.target,
        "why": send.why,
        "status": send.status,
        "scheduled_at": _time(send.scheduled_at),
        "release_at": _time(send.release_at),
        "finished_at": _time(send.finished_at),
        "approved_by_ref": send.approved_by_ref,
        "approved_by_name": send.approved_by_name,
        "approved_at": _time(send.approved_at),
        "ended_by_name": send.ended_by_name,
        "end_note": send.end_note,
        "retry_of": send.retry_of_id,
        **({"fields": send.fields} if send.fields else {}),
    }


def delivery_facts(delivery: Delivery, evidence: Sequence[Evidence] = ()) -> dict[str, Any]:
    """Return one chat's delivery with its evidence. Text and salt give the digest that the ledger
    has. The customer's name and the raw answer prove nothing and are left out."""
    return {
        "id": delivery.pk,
        "interaction": delivery.interaction_id,
        "chat_server": delivery.chat_server_name,
        "method": delivery.method,
        "locale": delivery.locale,
        "status": delivery.status,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "reference_id": delivery.reference_id,
        "fault_code": delivery.fault_code,
        "created_at": _time(delivery.created_at),
        "attempted_at": _time(delivery.attempted_at),
        "finished_at": _time(delivery.finished_at),
        "text": delivery.body,
        "salt": delivery.body_salt,
        "erased_at": _time(delivery.erased_at),
        "erased_on_request": delivery.erased_on_request,
        **_resolution_facts(delivery, evidence),
    }


def _resolution_facts(delivery: Delivery, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return what stands beside an unknown delivery; nothing if there is no evidence."""
    if not evidence:
        return {}
    found = resolution_of(evidence, delivery)
    return {
        "resolution": found.verdict if found else "",
        "evidence": [evidence_facts(each) for each in evidence],
    }


def evidence_facts(evidence: Evidence) -> dict[str, Any]:
    """Return one piece of evidence. Remark and salt give the digest that the ledger has. What is
    empty is left out, as in the ledger."""
    facts = {
        "evidence": evidence.pk,
        "at": canonical_time(evidence.at),
        "source": evidence.source,
        "verdict": evidence.verdict,
        "actor_ref": evidence.actor_ref,
        "actor_name": evidence.actor_name,
        "looked_in": evidence.looked_in,
        "line_at": evidence.line_at and evidence.line_at.isoformat(),
        "remark": evidence.remark,
        "salt": evidence.remark_salt,
        "replaces": evidence.replaces_id,
    }
    return {name: value for name, value in facts.items() if value not in ("", None)}


def _time(at: datetime | None) -> str | None:
    return None if at is None else canonical_time(at)


class ProofWriter:
    """Writes the file in two steps. A checkpoint may be made between them: no lock is held."""

    def __init__(self, send: Send, file: IO[bytes]) -> None:
        self.send = send
        self.archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.files: dict[str, str] = {}
        self.of_send_to = 0

    def write_deliveries(self) -> None:
        """Write the send and the state of each delivery. One statement reads the rows and the
        newest entry's number, so that they are of the same moment."""
        self.files[DELIVERIES] = write_part(
            self.archive, DELIVERIES, json_lines(self._delivery_facts())
        )
        if not self.of_send_to:
            self.of_send_to = _newest_of(self.send) or 0
        self.files[SEND] = write_part(self.archive, SEND, json_lines([send_facts(self.send)]))

    def _delivery_facts(self) -> Iterator[dict[str, Any]]:
        newest = entries_of(self.send).order_by().values("target_ref").annotate(m=Max("seq"))
        evidence = Evidence.objects.filter(delivery=OuterRef("pk")).order_by("pk").values("pk")
        rows = Delivery.objects.filter(send=self.send).order_by("pk")
        rows = rows.annotate(newest=Subquery(newest.values("m")), known=ArraySubquery(evidence))
        for row in rows.iterator(ENTRIES_A_FETCH):
            self.of_send_to = row.newest or 0
            # What came after that statement has no entry in the file.
            known = Evidence.objects.filter(pk__in=row.known).order_by("pk") if row.known else ()
            yield delivery_facts(row, list(known))

    def write_chain(self, checkpoint: AuditCheckpoint) -> tuple[int, int]:
        """Write the entries from the send's first one up to the checkpoint's. Return the numbers of
        the first and the last."""
        first = begin_of_batch(entries_of(self.send).aggregate(first=Min("seq"))["first"])
        begin = AuditEntry.objects.get(seq=first)
        self.files[ENTRIES] = write_part(
            self.archive, ENTRIES, ledger_lines(first - 1, upto=checkpoint.seq)
        )
        self.files[APPROVED] = write_part(self.archive, APPROVED, self._approval_lines())
        self.files[CHECKPOINTS] = write_part(
            self.archive, CHECKPOINTS, json_lines([checkpoint.said])
        )
        signatures = json_lines(signatures_said(first - 1, checkpoint.seq))
        self.files[SIGNATURES] = write_part(self.archive, SIGNATURES, signatures)
        certificates = json_lines(certificates_said())
        self.files[CERTIFICATES] = write_part(self.archive, CERTIFICATES, certificates)
        said = {
            "send": self.send.pk,
            "of_send_to": self.of_send_to,
            "first": first,
            "before": begin.prev_hash,
            "last": checkpoint.seq,
            "head": checkpoint.hash,
            "files": self.files,
            # Older entries are in archives, those of approvals and keys among them.
            **({"sealed": sealed} if (sealed := sealed_to().seq) else {}),
        }
        write_manifest(self.archive, "proof", said)
        return first, checkpoint.seq

    def _approval_lines(self) -> Iterator[bytes]:
        """Yield the entries that tell who approved the version, by which rules, and whose security
        keys signed it: as far as they are not archived."""
        versions = _versions_in(version_facts(self.send.version))
        people = {facts["reviewer_ref"] for facts in versions} | {self.send.approved_by_ref}
        of_people = Q(
            action__in=KEY_ACTIONS,
            target_kind="user",
            target_ref__in=[ref.removeprefix("user:") for ref in people if ref],
        )
        approved = Q(
            action=Action.VERSION_APPROVED,
            target_kind="version",
            target_ref__in=[f"{facts['notice']}/{facts['number']}" for facts in versions],
        )
        rules = Q(action=Action.APPROVALS_RULES_SET)
        found = AuditEntry.objects.filter(of_people | approved | rules, seq__lte=self.of_send_to)
        for entry in found.order_by("seq").iterator():
            yield export_line(canonical(as_hashed(entry)), entry.hash)


KEY_ACTIONS = (
    Action.USER_SECOND_FACTOR_ADDED,
    Action.USER_SECURITY_KEY_NOTED,
    Action.USER_SECOND_FACTOR_REMOVED,
    Action.USER_SECOND_FACTOR_RESET,
)


def _versions_in(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of the version and of the snippets in it."""
    return [facts, *(each for inner in facts.get("snippets", ()) for each in _versions_in(inner))]


def entries_of(send: Send) -> QuerySet[AuditEntry]:
    """Return the ledger's entries of a send, except those about its proofs."""
    entries = AuditEntry.objects.filter(target_kind="send", target_ref=str(send.pk))
    return entries.exclude(action=Action.SEND_PROOF_MADE)


def _newest_of(send: Send) -> int | None:
    newest: int | None = entries_of(send).aggregate(newest=Max("seq"))["newest"]
    return newest


def checkpoint_after(seq: int) -> AuditCheckpoint | None:
    """Return the first signed checkpoint that covers entry `seq`."""
    after = AuditCheckpoint.objects.filter(seq__gte=seq).order_by("seq")
    return next(those_signed(after.iterator()), None)
