"""Writes of the poller: what snapshots of Interaction Server say, beside the feed.

A snapshot counts as of the moment before it was requested, by PostgreSQL's clock, less a margin for
clocks that differ and for feeds that write whole seconds. A later event of the feed wins over it,
in whatever order the two come (console.interactions.feed.writing).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import database_now
from console.errors import ConsoleError
from console.interactions.feed.events import FeedEvent, parse_event
from console.interactions.feed.writing import feed_apply, queues_stay
from console.interactions.models import Interaction, InteractionPoll
from console.interactions.poller.snapshot_events import event_of, stop_of
from console.interactions.selectors import present_names

logger = structlog.get_logger("console.interactions")

TARGET = ("poll", "interactions", "live chats")
# A snapshot may end at most this many chats at once, or half of those that could be in it. More
# rather points to a wrong condition or server.
ENDS_AT_ONCE = 20
# An empty snapshot, as a backup that is not in use may give, ends chats only if there was no other
# news of any of them for this time.
EMPTY_FOR = timedelta(minutes=3)
REJECTIONS_LOGGED = 5
TOLD_AS_FACTS = ("is_online", "chat_server_name", "user_data")
TOLD_BESIDES = ("media_type", "tenant_id", "state", "queue", "agent", "locale")


class Known(NamedTuple):
    """A live chat's last event when the poll began, and whether a snapshot ever had it."""

    last_event_at: datetime
    last_sequence: int
    in_snapshots: bool


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll under way: the time that its snapshot counts for, and the chats live before it."""

    at: datetime
    known: Mapping[str, Known]


@dataclass(frozen=True, slots=True)
class PollCounts:
    """Counts of chats. `new` ones became live, `same` ones are as they were known."""

    new: int = 0
    changed: int = 0
    same: int = 0
    rejected: int = 0

    def __add__(self, other: "PollCounts") -> "PollCounts":
        return PollCounts(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll did. The fields are those of InteractionPoll."""

    address: str
    seen: int
    counts: PollCounts
    ended: int
    withheld: int
    unconfirmed: int
    is_whole: bool


# --- Before the snapshot -------------------------------------------------------------------------


def poll_begin(actor: Actor) -> Poll:
    """Record that a poll runs, and which chats are live before the snapshot is requested."""
    actor.require(Permission.FEED)
    with transaction.atomic():
        InteractionPoll.objects.get_or_create(pk=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        InteractionPoll.objects.update(started_at=now)
        live = Interaction.objects.filter(ended_at=None).order_by()
        rows = live.values_list("pk", "last_event_at", "last_sequence", "snapshot_at")
        known = {
            pk: Known(at, sequence, snapshot_at is not None)
            for pk, at, sequence, snapshot_at in rows.iterator()
        }
    return Poll(at=now - timedelta(seconds=settings.POLL.clock_margin), known=known)


# --- Its pages -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sorted:
    """The interactions of a page, sorted by the action that they need."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    # Each with the order (time, sequence) of the known state that it equals.
    same: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    rejected: list[tuple[str, ConsoleError]] = field(default_factory=list)


def poll_page(actor: Actor, poll: Poll, page: Sequence[Mapping[str, Any]]) -> PollCounts:
    """Apply a page of the snapshot. An interaction that can't be stored is logged and skipped."""
    actor.require(Permission.FEED)
    found = _sort(poll, page)
    events = [*found.new, *found.changed]
    for start in range(0, len(events), settings.FEED_EVENT_LIMIT):
        feed_apply(actor, events[start : start + settings.FEED_EVENT_LIMIT])
    names = [event["interaction"]["id"] for event in events]
    _mark(poll.at, {**dict.fromkeys(names, None), **found.same})
    for name, error in found.rejected[:REJECTIONS_LOGGED]:
        logger.warning("interaction not taken over", interaction=name, reason=error.message)
    return PollCounts(len(found.new), len(found.changed), len(found.same), len(found.rejected))


def _sort(poll: Poll, page: Sequence[Mapping[str, Any]]) -> _Sorted:
    found = _Sorted()
    # A query for an id with a NUL fails.
    names = [name for properties in page if "\0" not in (name := properties["Id"])]
    rows = Interaction.objects.in_bulk(names)
    present = present_names()
    for properties in page:
        row = rows.get(properties["Id"])
        raw = event_of(properties, at=poll.at, locale_key=settings.POLL.locale_key)
        if row is not None:
            _keep(raw["interaction"], row)
        try:
            event = _by_present_name(parse_event(raw), present)
        except ConsoleError as error:
            found.rejected.append((properties["Id"], error))
            continue
        if row is None or not row.is_live:
            # A snapshot does not bring a chat to life (again) that is offline or has ended since.
            if event.is_online is not False and _is_after(poll, row):
                found.new.append(raw)
        elif _tells_news(poll, event, row):
            found.changed.append(raw)
        else:
            found.same[row.pk] = (row.last_event_at, row.last_sequence)
    return found


def _by_present_name(event: FeedEvent, present: Mapping[str, str]) -> FeedEvent:
    """Return the event as the feed would write it: a former name of a Chat Server is no news."""
    name = event.chat_server_name
    return event if name is None else replace(event, chat_server_name=present.get(name, name))


def _keep(interaction: dict[str, Any], row: Interaction) -> None:
    """Keep what only the feed provides: the time of receipt, and the `keep_keys`."""
    interaction.pop("received_at", None)
    user_data = interaction.get("user_data")
    if user_data is not None:
        kept = {key: row.user_data[key] for key in settings.POLL.keep_keys if key in row.user_data}
        interaction["user_data"] = {**kept, **user_data}


def _is_after(poll: Poll, row: Interaction | None) -> bool:
    return row is None or row.last_event_at < poll.at


def _tells_news(poll: Poll, event: FeedEvent, row: Interaction) -> bool:
    """Return whether the event differs from what is known, except where that is newer."""
    names: tuple[str, ...] = ()
    if row.facts_at < poll.at:
        names += TOLD_AS_FACTS
    if row.last_event_at < poll.at:
        names += TOLD_BESIDES
    told = {name: getattr(event, name) for name in names}
    return any(value is not None and value != getattr(row, name) for name, value in told.items())


# A confirmed state takes the snapshot's time, unless the feed has sent something meanwhile. So late
# news of an earlier moment are recognised as such.
_SAME = "(last_event_at, last_sequence) = (%(told_at)s, %(told_sequence)s) AND %(is_before)s"
_SAME_FACTS = f"{_SAME} AND facts_at < %(at)s"
MARK = f"""
UPDATE interactions_interaction SET
    snapshot_at = greatest(snapshot_at, %(at)s),
    facts_at = CASE WHEN {_SAME_FACTS} THEN %(at)s ELSE facts_at END,
    facts_sequence = CASE WHEN {_SAME_FACTS} THEN -1 ELSE facts_sequence END,
    last_event_at = CASE WHEN {_SAME} THEN %(at)s ELSE last_event_at END,
    last_sequence = CASE WHEN {_SAME} THEN -1 ELSE last_sequence END
WHERE id = %(id)s
"""  # noqa: S608 - put together from the constants above


def _mark(at: datetime, names: Mapping[str, tuple[datetime, int] | None]) -> None:
    """Mark these as in the snapshot, one by one in the order in which the feed locks them."""
    rows: list[dict[str, Any]] = []
    for name, told in sorted(names.items()):
        told_at, sequence = told or (at, 0)
        is_before = told is not None and told_at < at
        rows.append(
            {
                "id": name,
                "at": at,
                "told_at": told_at,
                "told_sequence": sequence,
                "is_before": is_before,
            }
        )
    if rows:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(MARK, rows)


# --- After its last page -------------------------------------------------------------------------


def poll_finish(
    actor: Actor,
    poll: Poll,
    *,
    address: str,
    seen: AbstractSet[str],
    counts: PollCounts,
    is_whole: bool,
    however_many: bool = False,
) -> PollResult:
    """End the chats that were live before the snapshot and are not in it, and record the poll.

    Ends only chats without news since, and only if the snapshot is whole. If suspiciously many
    would end, or the snapshot is suddenly empty, none ends, unless `however_many`.
    """
    actor.require(Permission.FEED)
    missing, unconfirmed = _missing(poll, seen)
    is_doubtful = _is_too_many(poll, missing) or (not seen and _is_sudden(poll, missing))
    is_believed = is_whole and (however_many or not is_doubtful)
    with transaction.atomic():
        ended = _end(actor, poll, missing) if is_believed else []
        result = PollResult(
            address=address,
            seen=len(seen),
            counts=counts,
            ended=len(ended),
            withheld=0 if is_believed else len(missing),
            unconfirmed=unconfirmed,
            is_whole=is_whole,
        )
        _note(result)
        if counts.new or counts.changed or missing:
            audit.record(
                actor, Action.INTERACTIONS_POLLED, target=TARGET, data=_data(result, ended)
            )
    return result


def _missing(poll: Poll, seen: AbstractSet[str]) -> tuple[list[str], int]:
    """Return the chats that the snapshot should have and lacks, and how many others it lacks that
    were never in a snapshot, if the site ends only those that were."""
    absent = {
        name: known
        for name, known in poll.known.items()
        if name not in seen and known.last_event_at < poll.at
    }
    if settings.POLL.ends == "known":
        return sorted(absent), 0
    missing = sorted(name for name, known in absent.items() if known.in_snapshots)
    return missing, len(absent) - len(missing)


def _is_too_many(poll: Poll, missing: Collection[str]) -> bool:
    could_be = sum(
        known.in_snapshots or settings.POLL.ends == "known" for known in poll.known.values()
    )
    return len(missing) > max(ENDS_AT_ONCE, could_be // 2)


def _is_sudden(poll: Poll, missing: Collection[str]) -> bool:
    """Return whether the last snapshot was not empty, or a missing chat had recent news."""
    before = InteractionPoll.objects.filter(seen=0, is_whole=True).exclude(ended_at=None)
    told_at = [poll.known[name].last_event_at for name in missing]
    return bool(missing) and (not before.exists() or max(told_at) > poll.at - EMPTY_FOR)


def _end(actor: Actor, poll: Poll, missing: Sequence[str]) -> list[str]:
    """End those without news since the poll began. Return which."""
    queues_stay()
    rows = (
        Interaction.objects.select_for_update(of=("self",))
        .filter(pk__in=missing, ended_at=None)
        .order_by("pk")
        .values_list("pk", "last_event_at", "last_sequence")
    )
    untouched = [pk for pk, *newest in rows if tuple(newest) == poll.known[pk][:2]]
    for start in range(0, len(untouched), settings.FEED_EVENT_LIMIT):
        part = untouched[start : start + settings.FEED_EVENT_LIMIT]
        feed_apply(actor, [stop_of(name, at=poll.at) for name in part])
    return untouched


def _note(result: PollResult) -> None:
    InteractionPoll.objects.update(
        ended_at=database_now(),
        address=result.address[:500],
        seen=result.seen,
        new=result.counts.new,
        changed=result.counts.changed,
        ended=result.ended,
        rejected=result.counts.rejected,
        withheld=result.withheld,
        unconfirmed=result.unconfirmed,
        is_whole=result.is_whole,
        failed_at=None,
        failure="",
        failures_in_a_row=0,
        polls_total=F("polls_total") + 1,
        new_total=F("new_total") + result.counts.new,
        changed_total=F("changed_total") + result.counts.changed,
        ended_total=F("ended_total") + result.ended,
    )


def _data(result: PollResult, ended: Iterable[str]) -> dict[str, Any]:
    return {
        "address": result.address,
        "seen": result.seen,
        "new": result.counts.new,
        "changed": result.counts.changed,
        "ended": list(ended),
        "withheld": result.withheld,
    }


def poll_fail(actor: Actor, *, reason: str) -> None:
    """Record that a poll failed. The pages applied before that stay applied."""
    actor.require(Permission.FEED)
    InteractionPoll.objects.get_or_create(pk=1)
    InteractionPoll.objects.update(
        failed_at=database_now(),
        failure=reason[:2000],
        failures_in_a_row=F("failures_in_a_row") + 1,
        failures_total=F("failures_total") + 1,
    )
