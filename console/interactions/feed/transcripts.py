"""Writes the last lines of live chats, as the feed tells them. Off by default.

Lines are kept while their chat lives, and never more than CONSOLE_TRANSCRIPT_LINES of one chat.
They stand in no export, ledger entry, webhook or log.
"""

from collections.abc import Collection, Iterable, Sequence

from django.conf import settings
from django.db import connection, transaction

from console.database import notifications
from console.interactions.feed.transcript_events import FedLine, TranscriptEvent
from console.interactions.models import Interaction, TranscriptLine

SURPLUS = """
DELETE FROM interactions_transcriptline line
USING (
    SELECT id, row_number() OVER (PARTITION BY interaction_id ORDER BY at DESC, id DESC) AS place
    FROM interactions_transcriptline WHERE interaction_id = ANY(%s)) AS placed
WHERE placed.id = line.id AND placed.place > %s
"""


def lines_keep(events: Sequence[TranscriptEvent]) -> int:
    """Keep the last lines of these events' live chats. Return how many events are of live chats; 0
    if the site keeps no lines."""
    if not settings.TRANSCRIPT_LINES:
        return 0
    by_chat: dict[str, list[FedLine]] = {}
    for event in events:
        by_chat.setdefault(event.interaction_id, []).extend(event.lines)
    with transaction.atomic():
        live = _hold_live(by_chat)
        # In the order of their time, since the place among lines of one moment is their id's.
        TranscriptLine.objects.bulk_create(
            (row for chat in live for row in _rows(chat, by_chat[chat])), ignore_conflicts=True
        )
        with connection.cursor() as cursor:
            cursor.execute(SURPLUS, [live, settings.TRANSCRIPT_LINES])
        if live:
            notifications.publish(*map(notifications.chat_topic, live))
    return sum(event.interaction_id in set(live) for event in events)


def _hold_live(chats: Iterable[str]) -> list[str]:
    """Return those of these chats that live, and prevent their end until the transaction ends: a
    line that comes with the end must not stay."""
    found = Interaction.objects.select_for_update(of=("self",), no_key=True)
    rows = found.filter(pk__in=list(chats), ended_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _rows(chat: str, lines: Iterable[FedLine]) -> Iterable[TranscriptLine]:
    last = sorted(lines, key=lambda line: line.at)[-settings.TRANSCRIPT_LINES :]
    for line in last:
        yield TranscriptLine(
            interaction_id=chat,
            at=line.at,
            party=line.party,
            nickname=line.nickname,
            text=line.text,
            visibility=line.visibility,
            key=line.key,
        )


def lines_erase(chats: Collection[str]) -> None:
    """Delete the lines of those of these chats that have ended. Part of what ends a chat, or erases
    it."""
    if chats:
        TranscriptLine.objects.filter(
            interaction__in=list(chats), interaction__ended_at__isnull=False
        ).delete()


def lines_trim() -> None:
    """Delete lines beyond the present setting: all of them if it keeps none."""
    if not settings.TRANSCRIPT_LINES:
        TranscriptLine.objects.all().delete()
        return
    chats = list(TranscriptLine.objects.order_by().values_list("interaction", flat=True).distinct())
    with connection.cursor() as cursor:
        cursor.execute(SURPLUS, [chats, settings.TRANSCRIPT_LINES])
