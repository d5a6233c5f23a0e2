"""Writes the comparison of state with history: a run in parts, and the nightly one's result.

A run's progress is short and plain data, so a page can go on with it in the next request, and the
nightly one after a crash.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max

from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.export import sealed_to
from console.audit.models import AuditEntry, StateCheck
from console.audit.state.findings import (
    COMPARISONS,
    NAMED_MOST,
    Comparison,
    Finding,
    Known,
    unproved_sentences,
)
from console.audit.state.kinds import KINDS, told
from console.audit.state.things import Things, first_that_tells
from console.database.clock import near_now
from console.errors import Conflict
from console.text.sentences import Sentence, counted, term

logger = structlog.get_logger("console.audit.state")

CONSOLE = system_actor("audit")
# After this, a run of which nothing is heard counts as dead.
SILENT_AFTER = timedelta(minutes=10)
ROWS_AN_ENTRY = 100


def comparisons() -> list[Comparison]:
    """Return all comparisons in the order of a run."""
    return [*map(Things, KINDS.values()), *COMPARISONS.values()]


@dataclass
class Progress:
    """A run: at which comparison and up to which key it is, and what it has found. `named` are the
    first NAMED_MOST of `differences`."""

    turn: int = 0
    after: int = 0
    since: int = 0
    compared: int = 0
    differences: int = 0
    named: list[Finding] = field(default_factory=list)
    unproved: Counter[str] = field(default_factory=Counter)
    is_done: bool = False

    @property
    def holds(self) -> bool:
        return not self.differences

    @property
    def turns(self) -> int:
        return len(comparisons())

    @property
    def label(self) -> str:
        """What is being compared."""
        found = comparisons()
        return found[self.turn].label if self.turn < len(found) else ""

    def go_on(self) -> bool:
        """Compare one part more. Return whether all is done."""
        with _one_moment():
            known = self._known()
            turn = comparisons()[self.turn]
            part = turn.part(self.after, known)
        self.compared += part.compared
        self.differences += len(part.found)
        self.named += part.found[: max(0, NAMED_MOST - len(self.named))]
        self.unproved += part.unproved
        if part.last is None:
            self.turn, self.after = self.turn + 1, 0
        else:
            self.after = part.last
        self.is_done = self.turn >= self.turns
        return self.is_done

    def _known(self) -> Known:
        """Return what is known of the ledger. The first entry that tells rows stays so."""
        sealed = sealed_to().seq
        if not self.since or self.since <= sealed:
            newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
            self.since = first_that_tells() or newest + 1
        return Known(sealed, self.since)

    @property
    def sentences(self) -> list[Sentence]:
        """What was found, each difference and what is not proved; the verdict comes last."""
        found = [each.sentence for each in self.named]
        if self.differences > len(self.named):
            more = self.differences - len(self.named)
            found.append(counted("And {n:,} more.", "And {n:,} more.", n=more))
        found += unproved_sentences(self.unproved, Known(0, self.since))
        if self.holds:
            verdict = term(
                "The state agrees with the ledger: {n:,} things were compared.", n=self.compared
            )
        else:
            verdict = counted(
                "The state does not agree with the ledger: {n:,} difference.",
                "The state does not agree with the ledger: {n:,} differences.",
                n=self.differences,
            )
        return [*found, verdict]

    def plain(self) -> dict[str, Any]:
        """Return the progress as JSON has it."""
        return {
            "turn": self.turn,
            "after": self.after,
            "since": self.since,
            "compared": self.compared,
            "differences": self.differences,
            "named": [[each.code, each.params] for each in self.named],
            "unproved": dict(self.unproved),
            "is_done": self.is_done,
        }

    @classmethod
    def read(cls, said: dict[str, Any]) -> "Progress":
        """Return the progress that `plain` gave. Raises TypeError or ValueError for another."""
        named = [Finding(code, params) for code, params in said["named"]]
        return cls(**{**said, "named": named, "unproved": Counter(said["unproved"])})


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read rows and entries as they were at one moment: what is written with its entry is there
    with it, or not at all."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def compare_all(*, told_of: Callable[[Progress], object] = lambda _progress: None) -> Progress:
    """Compare everything. Call `told_of` after each part."""
    progress = Progress()
    while not progress.go_on():
        told_of(progress)
    return progress


# --- The nightly run -----------------------------------------------------------------------------


def state_check_begin() -> bool:
    """Begin the nightly run, or go on with one whose process has died. Return whether this process
    shall run it: not if another does."""
    now = near_now()
    with transaction.atomic():
        held = StateCheck.objects.select_for_update().filter(pk=1).first()
        if held is None:
            StateCheck.objects.create(pk=1, begun_at=now, seen_at=now)
            return True
        if held.ended_at is None and held.seen_at > now - SILENT_AFTER:
            return False
        if held.ended_at is not None:
            held.begun_at, held.ended_at, held.progress = now, None, {}
            held.stopped_by_name = ""
        held.seen_at = now
        held.save()
    return True


def state_check_go_on() -> bool:
    """Do one part of the nightly run. Return whether there is more; False too if somebody has
    stopped it."""
    held = StateCheck.objects.filter(pk=1, ended_at=None).first()
    if held is None:
        return False
    progress = Progress.read(held.progress) if held.progress else Progress()
    is_done = progress.go_on()
    now = near_now()
    written = {"progress": progress.plain(), "seen_at": now}
    if is_done:
        written |= {
            "ended_at": now,
            "whole_at": now,
            "differences": progress.differences,
            "result": progress.plain(),
        }
    changed = StateCheck.objects.filter(pk=1, ended_at=None).update(**written)
    if is_done and not progress.holds:
        logger.error(
            "state differs from the ledger",
            differences=progress.differences,
            named=[str(each.sentence) for each in progress.named],
        )
    return bool(changed) and not is_done


def state_check_stop(actor: Actor) -> None:
    """Stop the nightly run after its part. The next night's begins anew. Raises Conflict if there
    is none."""
    actor.require(Permission.VIEW_AUDIT)
    with transaction.atomic():
        held = StateCheck.objects.select_for_update().filter(pk=1, ended_at=None).first()
        if held is None:
            raise Conflict("no_state_check", "Nothing is being compared at the moment.")
        held.ended_at, held.stopped_by_name = near_now(), actor.name
        held.save(update_fields=["ended_at", "stopped_by_name"])
        target = ("ledger", "state", "state against history")
        data = {"compared": held.progress.get("compared", 0)}
        audit.record(actor, Action.AUDIT_STATE_STOPPED, target=target, data=data)


# --- Beginning on an older ledger ----------------------------------------------------------------


def rows_begin(actor: Actor) -> int:
    """Tell the rows of all things of which older entries tell, and none the whole row: from these
    entries on they are compared. Return how many things.

    Whoever calls it vouches for their present state. What no entry tells of is left out, and stays
    a difference.
    """
    actor.require(Permission.ADMINISTER)
    number = 0
    for kind in KINDS.values():
        after: int | None = 0
        while after is not None:
            pks, after = Things(kind).unproved(after)
            for start in range(0, len(pks), ROWS_AN_ENTRY):
                part = pks[start : start + ROWS_AN_ENTRY]
                with transaction.atomic():
                    _lock(kind.model, part)
                    target = ("ledger", kind.name, kind.label)
                    data = told((kind, part))
                    audit.record(actor, Action.AUDIT_ROWS_BEGUN, target=target, data=data)
                number += len(part)
    return number


def _lock(model: Any, pks: Sequence[int]) -> None:
    list(model._base_manager.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True))
