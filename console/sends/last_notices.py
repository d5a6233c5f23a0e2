"""The last notice that a chat's customer got, or may have got."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from console.actors import Actor, Permission

# Begins with each chat's few deliveries, by their index. A delivery whose outcome is unknown may
# have arrived, unless evidence says that it did not.
LAST = """
SELECT last.interaction_id, last.title, last.finished_at, last.team_id
FROM unnest(%s::text[]) AS chat(id)
CROSS JOIN LATERAL (
    SELECT d.interaction_id, n.title, d.finished_at, n.team_id
    FROM (SELECT * FROM sends_delivery WHERE interaction_id = chat.id OFFSET 0) d
    JOIN sends_send s ON s.id = d.send_id
    JOIN catalogue_noticeversion v ON v.id = s.version_id
    JOIN catalogue_cannednotice n ON n.id = v.notice_id
    LEFT JOIN sends_resolution r ON r.delivery_id = d.id AND NOT r.is_contested
    WHERE s.visibility = 'ALL' AND (d.status = 'delivered'
        OR d.status = 'unknown' AND r.verdict IS DISTINCT FROM 'not_delivered')
    ORDER BY d.finished_at DESC, d.id DESC
    LIMIT 1) last
"""


@dataclass(frozen=True, slots=True)
class LastNotice:
    """`title` is "" if the notice is of a team that the actor is not in."""

    title: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SentNotice:
    """The same for whoever shares one read among many: `for_actor` says what an actor may see."""

    title: str
    at: datetime
    team_id: int | None

    def for_actor(self, actor: Actor) -> LastNotice:
        return LastNotice(self.title if actor.sees_team(self.team_id) else "", self.at)


def last_sent(chats: Collection[str]) -> dict[str, SentNotice]:
    """Return the last notice of each of these chats that had one, in one query."""
    if not chats:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LAST, [list(chats)])
        return {chat: SentNotice(title, at, team) for chat, title, at, team in cursor.fetchall()}


def last_notices(actor: Actor, chats: Collection[str]) -> dict[str, LastNotice]:
    """Return the last notice of each of these chats that had one, in one query. The chats must be
    some that the actor sees."""
    actor.require(Permission.VIEW_INTERACTIONS)
    return {chat: last.for_actor(actor) for chat, last in last_sent(chats).items()}
