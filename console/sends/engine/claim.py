"""Writes claims of due deliveries. Only the holder of a Chat Server's lease claims; a claim is
committed before a byte goes to the wire."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection
from msgspec import structs

from console.accounts.selectors import actor_by_ref
from console.actors import Actor, Permission
from console.database.committing import add_to_commit
from console.database.connections import Pipeline, array, execute_rows
from console.interactions.models import ChatServer
from console.interactions.selectors import chat_servers_enabled, names_stay, present_names
from console.interactions.services import Grant, chat_server_return_tokens
from console.sends.engine import queue
from console.sends.engine.claim_budget import StepBudget
from console.sends.engine.outcomes import ClaimedDelivery, Ending, expired
from console.sends.engine.priority import Line, Turns
from console.sends.engine.queue import time_to_live
from console.sends.models import DeliveryStatus, Reason
from console.sends.plan.planner import (
    chat_obstacle,
    is_valid_at,
    mixing_obstacle,
    server_obstacle,
)
from console.sends.reasons import (
    SENDER_WITHOUT_NOTICE,
    SENDER_WITHOUT_PERMISSION,
    SENDER_WITHOUT_TEAM,
    said,
)

# While a Chat Server makes progress, a delivery whose time to live is over still waits for its
# turn. It counts as late only after more than this many attempts.
TRIES_WHEN_LATE = 10


# A drain's statements take a few rows each and are planned once per connection. If the tables are
# nearly empty then, PostgreSQL would plan sequential scans and keep those plans when the tables
# have grown. To plan CLAIM anew each time takes about as long as to carry it out.
PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
BY_INDEX = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in PLANS.items())


def plan_by_index() -> None:
    """Prepare a drain's connection."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {BY_INDEX}")


@dataclass(slots=True)
class Step:
    """What one step of a drain claimed, and when the next step is worthwhile.

    `wait_seconds` is the time until the pace allows more; None if nothing is due. `server` is the
    Chat Server as it was when the deliveries were claimed: its address and limits may have changed.
    `now` is the time of the claim by PostgreSQL's clock. `waited` is what the classes of notices
    have waited for after it (console.sends.engine.priority); None if nothing was claimed.
    """

    claimed: list[ClaimedDelivery] = field(default_factory=list)
    wait_seconds: float | None = None
    server: ChatServer | None = None
    now: datetime | None = None
    waited: dict[str, int] | None = None


NO_TURNS = Turns()
# Deliveries that can't be sent any more cost no token, so a step looks for others in their place.
# This bounds the work of one step.
LOOKED_AT_MOST = 512

# Takes deliveries class by class, and within a class one delivery of each running send in turn.
#
# Who had no turn for longest comes first, so each send gets a delivery out before any other send of
# its class gets two more, however few a step may take. A new send stands in line from when it is
# due. `turns` has the last turns, in seconds since 1970, by the sends' ids. Within a turn,
# deliveries that came back unsent go last: a Chat Server that rested is tried with one delivery,
# which must not always be one whose chat can't be reached. A delivery that came back is recognised
# by its time to live: less is left after its due time than a new one has.
#
# Of the classes the most urgent one comes first, after what each class may claim by its patience:
# the first `reserved` of it, in the order of what the classes have `waited` for
# (console.sends.engine.priority). `waiting` has a bit for each class with something due.
#
# Deliveries on the wire are in the outbox too, and are excluded by their ids. OFFSET makes the
# planner look up the chats one by one.
CLAIM = """
WITH due AS (
    SELECT o.*, c.rank, CASE WHEN o.place <= c.reserved THEN -c.waited ELSE 1 END AS patience,
        bit_or(1 << c.rank::int) OVER () AS waiting
    FROM unnest(%(classes)s::text[], %(reserved)s::int[], %(waited)s::int[])
        WITH ORDINALITY AS c(name, reserved, waited, rank)
    CROSS JOIN LATERAL (
        SELECT line.*, row_number() OVER (
            ORDER BY line.turn, line.came_back, line.last, line.due_at, line.send_id) AS place
        FROM (
            SELECT o.delivery_id, o.expires_at, o.turn, o.came_back, o.due_at, s.id AS send_id,
                coalesce((%(turns)s::jsonb ->> s.id::text)::float8, extract(epoch FROM o.since))
                    AS last
            FROM sends_send s
            CROSS JOIN LATERAL (
                SELECT delivery_id, expires_at, due_at,
                    expires_at < due_at + %(time_to_live)s::interval AS came_back,
                    row_number() OVER (ORDER BY due_at, delivery_id) AS turn,
                    first_value(due_at) OVER (ORDER BY due_at, delivery_id) AS since
                FROM sends_outbox
                WHERE send_id = s.id AND chat_server_name = %(server)s AND due_at <= %(now)s
                    AND delivery_id <> ALL(%(on_the_wire)s::bigint[])
                ORDER BY due_at, delivery_id
                LIMIT %(room)s::int) o
            WHERE s.status = 'running' AND s.notice_class = c.name
                AND NOT EXISTS (SELECT FROM sends_sendingstop)
            ORDER BY o.turn, o.came_back, last, o.due_at, s.id
            LIMIT %(room)s::int) line) o
    ORDER BY patience, c.rank, o.place
    LIMIT %(room)s::int)
SELECT d.id, d.send_id, d.interaction_id, d.method, d.chat_server_name, d.body, d.body_salt,
       d.attempts + 1, d.detail, i.user_data::text,
       due.expires_at <= %(now)s, i.id IS NULL OR i.ended_at IS NOT NULL,
       coalesce(i.is_online, false), coalesce(i.chat_server_name, ''), i.team_id,
       coalesce(i.is_test, false), due.waiting
FROM due
JOIN ONLY sends_delivery d ON d.id = due.delivery_id
LEFT JOIN LATERAL (
    SELECT * FROM interactions_interaction WHERE id = d.interaction_id OFFSET 0) i ON true
WHERE d.status = 'pending'
ORDER BY due.patience, due.rank, due.place
FOR UPDATE OF d SKIP LOCKED
"""

# The columns that all deliveries of a send share.
SHARED = """
SELECT s.id, s.visibility, s.nickname, v.message_type, n.kind, n.key, s.actor_ref, v.valid_from,
       v.valid_until, n.retired_at IS NOT NULL, s.notice_class, s.is_test
FROM sends_send s
JOIN catalogue_noticeversion v ON v.id = s.version_id
JOIN catalogue_cannednotice n ON n.id = v.notice_id
WHERE s.id = ANY(%(ids)s::bigint[])
"""

# A claim is a row of its own with its delivery ids, so that a lost worker's deliveries are found
# without an index on a column that changes with each delivery.
MARK_SENDING = """
WITH noted AS (
    INSERT INTO sends_claim (id, chat_server_name, delivery_ids, claimed_at)
    VALUES (%(claim)s, %(server)s, %(ids)s::bigint[], %(now)s))
UPDATE ONLY sends_delivery
SET status = 'sending', claim = %(claim)s, attempts = attempts + 1, attempted_at = %(now)s
WHERE id = ANY(%(ids)s::bigint[])
"""

MOVE = """
WITH moved AS (
    UPDATE ONLY sends_delivery d
    SET chat_server_name = m.name
    FROM unnest(%s::bigint[], %s::text[]) AS m(id, name)
    WHERE d.id = m.id
    RETURNING d.id, d.chat_server_name)
UPDATE sends_outbox o SET chat_server_name = moved.chat_server_name
FROM moved WHERE o.delivery_id = moved.id
"""


class _Shared(NamedTuple):
    """The shared values of a send, in the order of SHARED's columns."""

    send_id: int
    visibility: str
    nickname: str
    message_type: str
    kind: str
    notice_key: str
    actor_ref: str
    valid_from: datetime | None
    valid_until: datetime | None
    is_retired: bool
    notice_class: str
    is_test: bool


class _Chat(NamedTuple):
    """A delivery's chat at the moment of sending, in the order of CLAIM's columns."""

    is_late: bool
    ended: bool
    is_online: bool
    chat_server_name: str
    team_id: int | None
    is_test: bool


def claim_due(
    grant: Grant,
    *,
    claim: UUID,
    on_the_wire: Collection[int] = (),
    turns: Turns = NO_TURNS,
    look: "Look | None" = None,
) -> tuple[Step, list[Ending]]:
    """Claim as many due deliveries as are granted. Return with them those that can't be sent any
    more. Call it in a transaction. `on_the_wire` are the caller's own deliveries, `turns` those
    that sends and classes had before. `look` is the first look at what is due, if the caller has
    begun it in a pipeline that has ended by now."""
    server, granted, now = grant.server, grant.number, grant.now
    if not (server.takes_deliveries and granted):
        return _nothing(grant), []
    line = look.line if look else Line(turns, granted)
    found, budget = _Found(), StepBudget(now) if settings.CONTACT_BUDGET else None
    looked_at, is_all = 0, False
    while len(found.claimed) < granted and looked_at < LOOKED_AT_MOST and not is_all:
        # After the first look, look further: whoever is skipped is rarely alone.
        most = min(max(granted, 2 * looked_at), LOOKED_AT_MOST - looked_at)
        apart_from = {*on_the_wire, *found.ids}
        rows, sends = look.found() if look else _look_now(grant, apart_from, most, line)
        look = None
        sorter = _Sorter(server, now, rows, sends, budget)
        for row in rows:
            if len(found.claimed) == granted:
                break
            delivery = _claimed(claim, row[:10], sorter.sends[row[1]])
            found.add(delivery, sorter.sort(delivery, _Chat(*row[10:16])))
        line.note(rows[0][16] if rows else 0, found.claimed)
        looked_at += len(rows)
        # Fewer rows than requested means that nothing more is due.
        is_all = (len(rows) < most and len(found.claimed) < granted) or len(rows) == 0
    _move(found.moved)
    found.keep_to(budget)
    claimed, waited = line.in_order(found.claimed)
    _mark_sending(server, claimed, claim, now)
    chat_server_return_tokens(server.pk, granted - len(claimed))
    return Step(claimed, None if is_all else 0.0, server, now, waited), found.endings


def _nothing(grant: Grant) -> Step:
    """Return the step of a Chat Server that takes nothing, or nothing more for a while."""
    if grant.server.takes_deliveries:
        return Step(wait_seconds=grant.wait_seconds, server=grant.server, now=grant.now)
    chat_server_return_tokens(grant.server.pk, grant.number)
    return Step(server=grant.server, now=grant.now)


@dataclass(slots=True)
class _Found:
    """The due deliveries that a step looked at, by what is to be done with them."""

    claimed: list[ClaimedDelivery] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    moved: list[tuple[int, str]] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)

    def add(self, delivery: ClaimedDelivery, fate: Ending | str | None) -> None:
        self.ids.add(delivery.id)
        if fate is None:
            self.claimed.append(delivery)
        elif isinstance(fate, Ending):
            self.endings.append(_not_attempted(fate))
        else:
            self.moved.append((delivery.id, fate))

    def keep_to(self, budget: StepBudget | None) -> None:
        """End what the contact budget does not allow, now that nobody else claims for its chats."""
        if budget:
            self.claimed, over = budget.confirm(self.claimed)
            self.endings += map(_not_attempted, over)


class Look:
    """A look at what is due, on its way to the database. Its rows are there once the pipeline has
    ended."""

    def __init__(
        self,
        pipeline: Pipeline,
        grant: Grant,
        *,
        on_the_wire: Collection[int],
        line: Line,
        likely: Collection[int],
    ) -> None:
        self.line = line
        values = _due_values(grant, on_the_wire, min(grant.number, LOOKED_AT_MOST), line)
        self._rows = pipeline.start(CLAIM, values)
        # Of sends of which deliveries are probably found. All others are read afterwards.
        self._sends = pipeline.start(SHARED, {"ids": array(likely)}) if likely else None

    def found(self) -> tuple[list[tuple[Any, ...]], Mapping[int, _Shared]]:
        """Return CLAIM's rows, and what some of their sends share."""
        return self._rows.rows(), _shared_of(self._sends.rows()) if self._sends else {}


def _look_now(
    grant: Grant, apart_from: Collection[int], room: int, line: Line
) -> tuple[list[tuple[Any, ...]], Mapping[int, _Shared]]:
    """Look at once, as another look (`Look.found`) did not find enough."""
    return execute_rows(CLAIM, _due_values(grant, apart_from, room, line)), {}


def _due_values(
    grant: Grant,
    apart_from: Collection[int],
    room: int,
    line: Line,
) -> dict[str, Any]:
    return {
        "server": grant.server.name,
        "now": grant.now,
        "on_the_wire": array(apart_from),
        "room": room,
        "time_to_live": time_to_live(),
        **line.values(),
    }


def _claimed(claim: UUID, row: Sequence[Any], send: _Shared) -> ClaimedDelivery:
    pk, send_id, interaction_id, method, chat_server_name, body, salt, attempts, detail, data = row
    return ClaimedDelivery(
        claim,
        pk,
        send_id,
        interaction_id,
        method,
        chat_server_name,
        body,
        salt,
        attempts,
        send.visibility,
        send.nickname,
        send.message_type,
        send.kind,
        detail,
        _user_data(data),
        send.notice_class,
    )


def _not_attempted(ending: Ending) -> Ending:
    """Return the ending without the attempt, which was counted in advance and not made."""
    before = structs.replace(ending.delivery, attempts=ending.delivery.attempts - 1)
    return structs.replace(ending, delivery=before)


class _Sorter:
    """Decides what to do with each of CLAIM's rows; reads what they share only once."""

    def __init__(
        self,
        server: ChatServer,
        now: datetime,
        rows: Sequence[Sequence[Any]],
        sends: Mapping[int, _Shared],
        budget: StepBudget | None,
    ) -> None:
        self.now = now
        self.budget = budget
        self.sends = {**sends, **_shared({row[1] for row in rows} - sends.keys())}
        self.servers = _known(server, {row[13] for row in rows})
        self.senders: dict[str, Actor | None] = {}
        # Keyed by send, Chat Server and team.
        self.obstacles: dict[tuple[int, str, int | None], tuple[str, str] | None] = {}
        self.health_detail = server.health_detail
        self.is_progressing = is_progressing(server, now)
        if budget:
            shared = [(row[2], self.sends[row[1]]) for row in rows]
            budget.look((chat, send.visibility, send.notice_class) for chat, send in shared)

    def sort(self, delivery: ClaimedDelivery, chat: _Chat) -> Ending | str | None:
        """Return what to do with a delivery: None to send it, an Ending to end it, or the name of
        another Chat Server to leave it to."""
        # `attempts` has the one that it is claimed for.
        if chat.is_late and (not self.is_progressing or delivery.attempts > TRIES_WHEN_LATE):
            return expired(delivery, self.health_detail)
        obstacle = self._obstacle(delivery, chat)
        if obstacle is not None:
            return Ending(delivery, DeliveryStatus.SKIPPED, *obstacle)
        if chat.chat_server_name != delivery.chat_server_name:
            return chat.chat_server_name
        return self.budget.ending(delivery) if self.budget else None

    def _obstacle(self, delivery: ClaimedDelivery, chat: _Chat) -> tuple[str, str] | None:
        obstacle = chat_obstacle(
            ended=chat.ended, is_online=chat.is_online, user_data=delivery.user_data
        )
        if obstacle is None:
            obstacle = _mixing_obstacle(self.sends[delivery.send_id], chat)
        if obstacle is not None:
            return obstacle
        alike = (delivery.send_id, chat.chat_server_name, chat.team_id)
        if alike not in self.obstacles:
            send = self.sends[delivery.send_id]
            self.obstacles[alike] = (
                self._notice_obstacle(send)
                or server_obstacle(chat.chat_server_name, self.servers)
                or self._not_allowed(send, chat.team_id)
            )
        return self.obstacles[alike]

    def _notice_obstacle(self, send: _Shared) -> tuple[str, str] | None:
        # A test is of a version that is not in effect yet.
        is_valid = send.is_test or is_valid_at(send.valid_from, send.valid_until, self.now)
        if send.is_retired or not is_valid:
            return Reason.EXPIRED_NOTICE, said(Reason.EXPIRED_NOTICE)
        return None

    def _not_allowed(self, send: _Shared, team_id: int | None) -> tuple[str, str] | None:
        """Return the reason if the sender is gone, or lost the role, the notice or the team."""
        ref = send.actor_ref
        if ref not in self.senders:
            self.senders[ref] = actor_by_ref(ref)
        sender = self.senders[ref]
        needed = Permission.EDIT_CATALOGUE if send.is_test else Permission.SEND
        if sender is None or not sender.may(needed):
            return Reason.NOT_ALLOWED, SENDER_WITHOUT_PERMISSION()
        if not sender.may_send_notice(send.notice_key):
            return Reason.NOT_ALLOWED, SENDER_WITHOUT_NOTICE()
        if not sender.sees_team(team_id):
            return Reason.NOT_ALLOWED, SENDER_WITHOUT_TEAM()
        return None


def _mixing_obstacle(send: _Shared, chat: _Chat) -> tuple[str, str] | None:
    """Return the reason if the chat has become a test chat since the send was made, or no longer is
    one: tests and other sends never reach the other's chats."""
    return mixing_obstacle(is_test_chat=chat.is_test, is_test=send.is_test)


def _shared(send_ids: Collection[int]) -> dict[int, _Shared]:
    if not send_ids:
        return {}
    return _shared_of(execute_rows(SHARED, {"ids": array(send_ids)}))


def _shared_of(rows: Sequence[Sequence[Any]]) -> dict[int, _Shared]:
    return {row[0]: _Shared(*row) for row in rows}


def _known(server: ChatServer, names: Collection[str]) -> dict[str, bool]:
    """Return the names that Chat Servers have or had, as `server_obstacle` takes them. Deliveries
    wait for one that is switched off."""
    is_alone = all(name == server.name for name in names)
    return dict.fromkeys([server.name] if is_alone else chat_servers_enabled(), True)


def is_progressing(server: ChatServer, now: datetime) -> bool:
    """Return whether the Chat Server took something within a time to live. Then a pending delivery
    waits only for the pace, and is not too late."""
    return server.progressed_at is not None and server.progressed_at > now - time_to_live()


def _user_data(text: str | None) -> dict[str, Any]:
    return msgspec.json.decode(text) if text else {}


def _mark_sending(
    server: ChatServer, claimed: Sequence[ClaimedDelivery], claim: UUID, now: datetime
) -> None:
    if claimed:
        ids = array(delivery.id for delivery in claimed)
        values = {"claim": claim, "server": server.name, "ids": ids, "now": now}
        add_to_commit(MARK_SENDING, values)


def _move(moved: Sequence[tuple[int, str]]) -> None:
    if moved:
        names_stay()
        present = present_names()
        names = [present.get(name, name) for _pk, name in moved]
        with connection.cursor() as cursor:
            cursor.execute(MOVE, [[pk for pk, _name in moved], names])
        queue.enqueue_drains(sorted(set(names)))
