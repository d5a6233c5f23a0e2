"""Writes cosignatures: asks witnesses for them, verifies them, and adds them to the head's note.

No transaction is open while witnesses are asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import transaction

from console.audit.models import AuditCosignature, AuditTreeHead, AuditWitness
from console.audit.tlog import notes
from console.audit.tlog.growing import tree_locked
from console.audit.tlog.merkle import consistency_path
from console.audit.tlog.notes import BadNote
from console.audit.tlog.tiles import NoTile
from console.audit.tlog.tree import current_log, head_said, newest_head, reader
from console.audit.witnessing.asking import Order, ask_all
from console.audit.witnessing.policy import Policy, Witness
from console.audit.witnessing.protocol import (
    CONTRADICTIONS,
    RESTLESS,
    Answer,
    Cosigned,
    OtherSize,
    judged,
    request_body,
    without_cosignatures,
)
from console.audit.witnessing.quorum import reconfirm_seconds
from console.database.clock import near_now
from console.text.sentences import Sentence, stored

# A witness that names another size is asked again, with a proof from there.
ROUNDS = 3

logger = structlog.get_logger("console.audit")


@dataclass
class _Asked:
    """A witness that is being asked: from which size, and what came of it."""

    witness: Witness
    size: int = 0
    result: Cosigned | OtherSize | Sentence | None = field(default=None)


def cosignatures_collect() -> int:
    """Ask each witness of the policy for its cosignature over the newest head, all at once. Return
    how many have cosigned it now.

    A witness that has cosigned this head lately is not asked again. What a witness says otherwise
    is stored for those who look after the trail.
    """
    policy, head, log = settings.WITNESS_POLICY, newest_head(), current_log()
    if policy is None or head is None or log is None or head.origin != log.origin:
        return 0
    try:
        head_said(head)
        waiting = _waiting(head, policy)
        _ask(head, waiting)
    except (BadNote, NoTile) as error:
        logger.error("witnesses not asked", error=str(error))
        return 0
    with transaction.atomic():
        for asked in waiting:
            _record(head, asked)
    _add_to_note(head, waiting)
    return sum(isinstance(asked.result, Cosigned) for asked in waiting)


def _waiting(head: AuditTreeHead, policy: Policy) -> list[_Asked]:
    """Return the witnesses that are to be asked."""
    sizes = dict(AuditWitness.objects.filter(origin=head.origin).values_list("witness", "size"))
    done = set(
        AuditCosignature.objects.filter(
            origin=head.origin,
            size=head.size,
            time__gt=near_now().timestamp() - reconfirm_seconds(),
        ).values_list("witness", flat=True)
    )
    return [
        _Asked(witness, min(sizes.get(vkey, 0), head.size))
        for witness in policy.witnesses.values()
        if witness.url and (vkey := witness.verifier.vkey()) not in done
    ]


def _ask(head: AuditTreeHead, waiting: list[_Asked]) -> None:
    note = notes.parse(head.note)
    own = without_cosignatures(note, head.origin)
    read = reader()
    for _round in range(ROUNDS):
        asking = [each for each in waiting if each.result is None]
        orders = [
            Order(
                each.witness.url,
                request_body(each.size, consistency_path(read, each.size, head.size), own),
            )
            for each in asking
        ]
        if not orders:
            return
        for each, answer in zip(asking, ask_all(orders), strict=True):
            _take(each, answer, note.text, head.size)
    for each in waiting:
        if each.result is None:
            each.result = RESTLESS()


def _take(asked: _Asked, answer: Answer, text: str, size: int) -> None:
    result = judged(
        answer,
        asked.witness.verifier,
        text,
        old=asked.size,
        size=size,
        now=near_now().timestamp(),
    )
    if isinstance(result, OtherSize):
        asked.size = result.size
    else:
        asked.result = result


def _record(head: AuditTreeHead, asked: _Asked) -> None:
    now, vkey = near_now(), asked.witness.verifier.vkey()
    facts: Mapping[str, object] = {"origin": head.origin, "asked_at": now}
    if isinstance(asked.result, Cosigned):
        AuditCosignature.objects.create(
            origin=head.origin,
            size=head.size,
            witness=vkey,
            line=asked.result.signature.line(),
            time=asked.result.at,
            at=now,
        )
        facts = {**facts, "size": head.size, "trouble": ""}
    elif isinstance(asked.result, Sentence):
        contradicts = asked.result.code in CONTRADICTIONS
        tell = logger.error if contradicts else logger.warning
        tell("witness did not cosign", witness=asked.witness.shown, why=str(asked.result))
        facts = {**facts, "size": asked.size, "trouble": stored(asked.result)}
    AuditWitness.objects.update_or_create(witness=vkey, defaults=facts)


def _add_to_note(head: AuditTreeHead, waiting: list[_Asked]) -> None:
    """Add the first cosignature of each witness to the head's note, which is published."""
    lines = {
        (each.witness.verifier.name, each.witness.verifier.key_id): each.result.signature
        for each in waiting
        if isinstance(each.result, Cosigned)
    }
    if not lines:
        return
    with tree_locked():
        locked = AuditTreeHead.objects.get(size=head.size)
        there = {(each.name, each.key_id) for each in notes.parse(locked.note).signatures}
        more = "".join(each.line() for key, each in lines.items() if key not in there)
        if more:
            locked.note += more
            locked.save(update_fields=["note"])
