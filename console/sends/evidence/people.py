"""Writes what people say of unknown deliveries after they have looked."""

import secrets

from django.db import transaction

from console.accounts.own_work import is_own, own_refs
from console.actors import Actor
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused
from console.sends.evidence.writing import evidence_write, lock_unknown
from console.sends.evidence_models import Evidence, LookedIn, Source, Verdict
from console.sends.models import Delivery
from console.sends.observe import logs
from console.sends.proof.ledger import write_records
from console.sends.selectors import WITNESSES, may_witness
from console.text.inputs import require_all
from console.text.visible import is_blank

REMARK_LIMIT = 2000
SALT_BYTES = 16


def delivery_witness(
    actor: Actor,
    delivery: Delivery,
    *,
    verdict: str,
    remark: str,
    looked_in: str = "",
    replaces: int | None = None,
) -> Evidence:
    """Record what a person saw of an unknown delivery. Return the evidence.

    `replaces` is what the person said before, which this corrects, or withdraws with that verdict.
    Raises PermissionRefused; InvalidInput; Conflict if the delivery is not unknown or is erased, if
    the actor has already said it, or if what is to be replaced does not stand; NotFound if there is
    no such evidence.
    """
    actor.require(*WITNESSES)
    require_all(
        lambda: _require_verdict(verdict, replaces),
        lambda: _require_place(looked_in, verdict),
        lambda: _require_remark(remark),
    )
    with transaction.atomic():
        locked = _lock(actor, delivery)
        found = Evidence(
            delivery=locked,
            at=database_now(),
            source=Source.PERSON,
            verdict=verdict,
            actor_ref=actor.ref,
            actor_name=actor.name,
            is_senders_own=is_own(actor, locked.send.actor_ref),
            looked_in=looked_in,
            remark=remark.strip(),
            remark_salt=secrets.token_hex(SALT_BYTES),
            replaces=_replaced(actor, locked, replaces),
        )
        records = evidence_write([found])
        write_records(actor, records)
        logs.resolved(records)
    return found


def _lock(actor: Actor, delivery: Delivery) -> Delivery:
    locked = lock_unknown([delivery.pk]).get(delivery.pk)
    if locked is None:
        raise Conflict(
            "not_unknown", "This delivery is not unknown: what became of it is recorded."
        )
    if not may_witness(actor, locked.send):
        raise PermissionRefused(
            "own_work",
            "This is your own send, and a second person had to approve it: somebody else has to "
            "say what became of it.",
        )
    if locked.erased_at is not None:
        raise Conflict("erased", "Its text is erased, and nothing can be compared with it.")
    return locked


def _require_verdict(verdict: str, replaces: int | None) -> None:
    if verdict not in Verdict.values:
        raise InvalidInput(
            "invalid_verdict",
            "Say what you saw: {known:or}.",
            {"field": "verdict"},
            known=Verdict.values,
        )
    if verdict == Verdict.WITHDRAWN and replaces is None:
        raise InvalidInput(
            "nothing_to_withdraw",
            "Name in replaces what is withdrawn.",
            {"field": "replaces"},
        )


def _require_place(looked_in: str, verdict: str) -> None:
    if looked_in not in LookedIn.values and not (verdict == Verdict.WITHDRAWN and not looked_in):
        raise InvalidInput(
            "invalid_place",
            "Say where you looked: {known:or}.",
            {"field": "looked_in"},
            known=LookedIn.values,
        )


def _require_remark(remark: str) -> None:
    if is_blank(remark):
        raise InvalidInput("remark_missing", "Say in a remark what you saw.", {"field": "remark"})
    if len(remark.strip()) > REMARK_LIMIT:
        raise InvalidInput(
            "remark_too_long",
            "A remark may have at most {limit:,} characters.",
            {"field": "remark"},
            limit=REMARK_LIMIT,
        )


def _replaced(actor: Actor, delivery: Delivery, replaces: int | None) -> Evidence | None:
    """Return the evidence to replace. Without it, require that the actor has said nothing that
    stands."""
    known = list(delivery.evidence.select_related("replaced_by"))
    refs = own_refs(actor)
    if replaces is None:
        if any(each.stands_for(refs) for each in known):
            raise Conflict(
                "said_already", "You have said what became of it. Correct or withdraw that."
            )
        return None
    if replaces not in {each.pk for each in known}:
        raise NotFound(
            "evidence_not_found",
            "Delivery {delivery} has no evidence {evidence}.",
            delivery=delivery.pk,
            evidence=replaces,
        )
    for each in known:
        if each.pk == replaces and each.is_word:
            if not each.stands_for(refs):
                raise PermissionRefused(
                    "not_your_word",
                    "Only {name} may correct or withdraw this. Say what you saw yourself.",
                    name=each.actor_name,
                )
            return each
    raise Conflict(
        "evidence_does_not_stand",
        "Only what a person said, and nobody has replaced since, can be corrected or withdrawn.",
    )
