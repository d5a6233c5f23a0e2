"""Settles a database that was restored to an older state, and reports the result and what to do."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from console.actors import Actor
from console.audit.services import checkpoint_make
from console.audit.tlog.making import tree_make
from console.audit.verification import verify_database
from console.audit.verify import sentences, visible
from console.backups.progress import Progress, Tell, nobody
from console.backups.services import Settled, database_settle
from console.errors import Conflict
from console.sends.models import Send

# Of sends with unknown deliveries; the history shows all of them.
SENDS_NAMED = 20


def settle_and_tell(
    tell: Callable[[str], object],
    actor: Actor,
    *,
    backup: Mapping[str, Any] | None = None,
    checkpoints: Path | None = None,
    nothing_sent_since: bool = False,
    progress: Tell = nobody,
) -> None:
    """Call `database_settle`, verify the ledger against all checkpoints, and `tell` each line.

    `checkpoints` is a file of further checkpoints. `progress` hears every few seconds how far the
    verification is. Raises Conflict if the ledger does not verify,
    and what `database_settle` raises.
    """
    settled = database_settle(actor, backup=backup, nothing_sent_since=nothing_sent_since)
    for line in _became(settled):
        tell(line)
    if settings.AUDIT_KEY:
        checkpoint_make()
        tree_make()
    has_more = checkpoints is not None and checkpoints.exists()
    said = Progress(progress)
    report = verify_database(
        checkpoints if has_more else None,
        told=lambda so_far: said.say(lambda: f"{so_far.followed:,} entries verified"),
    )
    *told, verdict = sentences(report)
    for line in told:
        tell(visible(line))
    if not report.holds:
        raise Conflict("ledger_does_not_hold", "{verdict}", verdict=verdict)
    tell(verdict)
    tell("All sending is stopped. What to look at before it starts again: docs/backup.md")


def _became(settled: Settled) -> Iterator[str]:
    if settled.lost is not None:
        yield (
            f"Lost: entries of the ledger up to {settled.lost['seq']} at least, which was signed "
            f"at {settled.lost['at']}, with all that was done in them."
        )
    if settled.aside is not None:
        yield f"Their checkpoints are in {settled.aside}: keep that file, it is the evidence."
    if settled.log is not None:
        yield (
            f"The tree of the ledger is called {settled.log['now']} from now on: tell whoever "
            "reads it or cosigns it."
        )
    if settled.tree_aside is not None:
        yield f"The tree that was published is in {settled.tree_aside}: keep it, too."
    total = sum(settled.unknown.values())
    yield f"{total} deliveries were open and are unknown now: a person decides about each send."
    named = sorted(settled.unknown)[:SENDS_NAMED]
    sends = Send.objects.select_related("version__notice").in_bulk(named)
    for pk in named:
        send = sends[pk]
        yield (
            f"  send {pk}: {settled.unknown[pk]} unknown, notice {send.version.notice.key}, by "
            f"{send.actor_name} at {send.created_at:%Y-%m-%d %H:%M} UTC"
        )
    if len(settled.unknown) > SENDS_NAMED:
        yield f"  and {len(settled.unknown) - SENDS_NAMED} more sends: History, status Unknown"
    if settled.webhooks:
        yield f"{settled.webhooks} webhooks were on and are off now: they tell nobody anything."
