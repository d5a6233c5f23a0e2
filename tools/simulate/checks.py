"""What must hold after each step of a simulation. Whatever does not raises a Violation."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from console.sends.engine.claim import TRIES_WHEN_LATE
from console.sends.engine.priority import EVERY, ORDER, PATIENCE
from tools.simulate.rows import DeliveryRow, LateRow, OutboxRow, SendRow, ServerRow, Tables, Watch
from tools.simulate.trace import Trace

if TYPE_CHECKING:
    from tools.simulate.clock import Time
    from tools.simulate.network import Link
    from tools.simulate.process import Process

# A connection listens so long for a late answer, less what rounding may take.
LISTENS_SECONDS = 59.0
# After a fault of the database a worker may still lose a lease for so long.
TROUBLE_SECONDS = 30.0
# What was sent before a Chat Server was hurt, and shortly after, may be lost.
HURTS_SECONDS = 12.0
# A send to a Chat Server that has nothing else to do begins to leave within this time.
PROMPT_SECONDS = 1.2
STATUS_OF = {"accepted": "delivered", "refused": "failed"}
TINY = 1e-4


class Violation(BaseException):
    """Something that must never happen did. Whatever runs, nobody catches it as an error."""


@dataclass(slots=True)
class Known:
    """What the world knows of a delivery, whatever the database says."""

    claims: list[tuple[float, UUID | None]] = field(default_factory=list)
    taken: int = 0
    said: str = ""  # what its Chat Server answered
    heard: str = ""  # what a worker that lives heard of that
    heard_by: "Process | None" = None
    late: str = ""


@dataclass(slots=True)
class Waiting:
    """A send of one delivery that waits for its first turn."""

    send_id: int
    notice_class: str
    grants: int
    resets: int
    others: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Line:
    """What is checked of one Chat Server in an episode."""

    window: int
    sending: int = 0
    # By the class of the notice: grants ever, and since the class had one while it had more due.
    grants: Counter[str] = field(default_factory=Counter)
    since: Counter[str] = field(default_factory=Counter)
    resets: int = 0
    waiting: dict[int, Waiting] = field(default_factory=dict)
    level: float = 0.0
    level_at: float = 0.0
    second: deque[tuple[float, int]] = field(default_factory=deque)
    in_second: int = 0


class Checks(Watch):
    """Follows the database's commits, the network's bytes and the Chat Servers' takings."""

    def __init__(self, time: "Time", trace: Trace, tables: Tables, epoch: float) -> None:
        self.time = time
        self.trace = trace
        self.tables = tables
        self.epoch = epoch
        self.known: dict[int, Known] = {}
        self.lines: dict[str, Line] = {}
        self.outcomes: Counter[str] = Counter()
        self.processes: dict[UUID, Process] = {}
        # Workers that stood still or were lost in this episode.
        self.shaken: set[UUID] = set()
        # When something last began or ended at each Chat Server.
        self.moved_at: dict[str, float] = {}
        # When each last did something by which requests may remain without an answer.
        self.hurt_at: dict[str, float] = {}
        # When the database or a worker last had a fault.
        self.troubled_at = 0.0
        self.time_to_live = 120.0
        self.violation = ""
        # Since when sends should begin to leave, if nothing is wrong.
        self.soon: dict[int, float] = {}

    def note(self, line: str) -> None:
        self.trace.note(self.time.now, line)

    def fail(self, what: str) -> None:
        if not self.violation:
            self.violation = what
            self.note(f"VIOLATION {what}")
        raise Violation(self.violation)

    def of(self, delivery_id: int) -> Known:
        known = self.known.get(delivery_id)
        if known is None:
            known = self.known[delivery_id] = Known()
        return known

    # Claims

    def taken(self, server: ServerRow, before: UUID | None, now: float) -> None:
        holder = server.drain_holder
        assert holder is not None
        self.note(f"lease {server.name} {server.drain_epoch} {holder.hex[:6]}")
        self.lines[server.name].resets += 1
        self.lines[server.name].since.clear()
        loser = self.processes.get(before) if before and before != holder else None
        is_well = loser and not loser.is_dead and loser.id not in self.shaken
        if is_well and self.time.now > self.troubled_at + TROUBLE_SECONDS:
            self.fail(f"a lease of {server.name} was taken from a worker that lives")

    def claimed(self, server: ServerRow, claimed: list[DeliveryRow], now: float) -> None:
        line = self.lines[server.name]
        holder = server.drain_holder
        self.note(f"claim {server.name} {','.join(str(row.id) for row in claimed)}")
        self.moved_at[server.name] = self.time.now
        for row in claimed:
            outbox = self.tables.outbox(row.id)
            if outbox is None or outbox.due_at > now + TINY:
                self.fail(f"delivery {row.id} is claimed before it is due")
            elif outbox.expires_at <= now - TINY and (
                not self._progresses(server, now) or row.attempts > TRIES_WHEN_LATE
            ):
                self.fail(f"delivery {row.id} is claimed after its time to live")
            self.of(row.id).claims.append((self.time.now, holder))
            self._turn(line, server, row)
        line.sending += len(claimed)
        if line.sending > max(line.window, server.window):
            self.fail(f"{line.sending} deliveries of {server.name} are claimed at once")
        self._pace(line, server, len(claimed), now)

    def _progresses(self, server: ServerRow, now: float) -> bool:
        return server.progressed_at is not None and server.progressed_at > now - self.time_to_live

    def _pace(self, line: Line, server: ServerRow, number: int, now: float) -> None:
        while line.second and line.second[0][0] <= now - 1.0:
            line.in_second -= line.second.popleft()[1]
        line.second.append((now, number))
        line.in_second += number
        if line.in_second > server.burst:
            self.fail(f"{line.in_second} in a second at {server.name}, burst {server.burst}")
        gone = now - line.level_at
        line.level = max(0.0, line.level - gone * server.pace_per_second) + number
        line.level_at = now
        if line.level > server.burst + 0.01:
            self.fail(f"{server.name} gets {line.level:.2f} more than its pace allows")

    # Fairness

    def expect_soon(self, send_id: int) -> None:
        """Nothing is wrong, and the Chat Server has nothing else to do."""
        self.soon[send_id] = self.time.now

    def begun(self, send: SendRow, server_name: str) -> None:
        """A send of one delivery begins at a Chat Server."""
        line = self.lines[server_name]
        grants = line.grants[send.notice_class]
        line.waiting[send.id] = Waiting(send.id, send.notice_class, grants, line.resets)

    def excuse(self, send_id: int) -> None:
        """A send stops waiting for its turn: it is paused, or its chat has moved."""
        for line in self.lines.values():
            line.waiting.pop(send_id, None)

    def stepped(self, server: ServerRow, claimed: list[DeliveryRow], now: float) -> None:
        """The most urgent class goes first, and each class that has more due gets its share."""
        line = self.lines[server.name]
        left = {
            send.notice_class
            for send in self.tables.sends.values()
            if send.status == "running"
            for row in send.open.values()
            if row.chat_server_name == server.name
            and row.due_at <= now - TINY
            and self.tables.deliveries[row.delivery_id].status == "pending"
        }
        others = sum(row.notice_class != ORDER[0] for row in claimed)
        if ORDER[0] in left and others > 2 * (1 + len(claimed) // PATIENCE):
            self.fail(f"{others} of {len(claimed)} go before {ORDER[0]} ones at {server.name}")
        for row in claimed:
            for name in left - {row.notice_class}:
                line.since[name] += 1
                if line.since[name] >= EVERY and self.time.now > self.troubled_at + TROUBLE_SECONDS:
                    self.fail(f"{name} ones starve at {server.name}")
            line.since[row.notice_class] = 0
        for name in set(line.since) - left:
            line.since[name] = 0

    def _turn(self, line: Line, server: ServerRow, row: DeliveryRow) -> None:
        send_id = row.send_id
        line.grants[row.notice_class] += 1
        since = self.soon.pop(send_id, None)
        # Sends of more urgent classes that began after it may go first.
        most = PROMPT_SECONDS + EVERY / server.pace_per_second
        if since is not None and self.time.now > since + most:
            self.fail(f"send {send_id} began to leave after {self.time.now - since:.1f} s")
        mine = line.waiting.pop(send_id, None)
        if mine is not None:
            grants = line.grants[row.notice_class] - mine.grants
            turns = (1 + line.resets - mine.resets) * (len(mine.others) + 2)
            if grants > turns:
                self.fail(
                    f"send {send_id} had its turn after {grants} grants,"
                    f" beside {len(mine.others)} others"
                )
        for each in line.waiting.values():
            if each.notice_class == row.notice_class:
                each.others.add(send_id)

    # Outcomes

    def ended(self, delivery: DeliveryRow, outbox: OutboxRow | None, now: float) -> None:
        known, status = self.of(delivery.id), delivery.status
        self.note(f"ended {delivery.id} {status} {delivery.reason}")
        self.outcomes[status] += 1
        self.moved_at[delivery.chat_server_name] = self.time.now
        if delivery.claim is not None:
            self.lines[self._line_of(delivery)].sending -= 1
        if outbox is None:
            self.fail(f"delivery {delivery.id} ended twice")
        elif status == "delivered":
            self._check_answer(delivery, known, "accepted")
        elif status == "failed" and delivery.reason == "refused":
            self._check_answer(delivery, known, "refused")
        elif status != "unknown" and known.taken:
            self.fail(f"delivery {delivery.id} was taken, and is {status} {delivery.reason}")
        elif delivery.reason == "not_sent" and outbox.expires_at > now + TINY:
            self.fail(f"delivery {delivery.id} failed before its time to live was over")
        elif delivery.reason == "worker_lost":
            self._check_lost(delivery, known)
        elif delivery.reason == "no_answer":
            self._check_unanswered(delivery, known)

    def _line_of(self, delivery: DeliveryRow) -> str:
        return delivery.chat_server_name

    def _check_answer(self, delivery: DeliveryRow, known: Known, kind: str) -> None:
        if known.said != kind:
            self.fail(f"delivery {delivery.id} is {delivery.status}, which nobody said")
        if delivery.answer is not None and f'"{delivery.id}"' not in delivery.answer:
            if kind == "refused" and f"for {delivery.id}" in delivery.answer:
                return
            self.fail(f"delivery {delivery.id} has another's answer: {delivery.answer}")

    def _check_lost(self, delivery: DeliveryRow, known: Known) -> None:
        """Nobody is lost who lives, holds the lease and never stood still."""
        worker = known.claims[-1][1] if known.claims else None
        holder = next(
            row.drain_holder
            for row in self.tables.servers.values()
            if row.name == delivery.chat_server_name
        )
        process = self.processes.get(worker) if worker else None
        if process and not process.is_dead and worker == holder and worker not in self.shaken:
            self.fail(f"delivery {delivery.id} is unknown, though its worker lived")

    def hurt(self, server_name: str) -> None:
        """A Chat Server, or its network, is in a state in which answers get lost."""
        self.hurt_at[server_name] = self.time.now

    def _check_unanswered(self, delivery: DeliveryRow, known: Known) -> None:
        """No request remains without an answer if nothing has happened to it."""
        claimed_at, worker = known.claims[-1]
        hurt_at = self.hurt_at.get(delivery.chat_server_name, -HURTS_SECONDS)
        if claimed_at > hurt_at + HURTS_SECONDS and worker not in self.shaken:
            self.fail(f"delivery {delivery.id} is unknown, and nothing happened to it")

    def came_back(self, delivery: DeliveryRow, now: float) -> None:
        self.note(f"back {delivery.id}")
        line = self.lines[self._line_of(delivery)]
        line.sending -= 1
        line.resets += 1
        if self.of(delivery.id).taken:
            self.fail(f"delivery {delivery.id} was taken, and shall be sent again")

    def late(self, row: LateRow, now: float) -> None:
        known = self.of(row.delivery_id)
        self.note(f"late {row.delivery_id} {row.status}")
        if row.status not in ("delivered", "failed"):
            self.fail(f"the late answer of delivery {row.delivery_id} is {row.status}")
        if known.late:
            self.fail(f"delivery {row.delivery_id} has two late answers")
        known.late = row.status

    def haunted(self, worker: UUID) -> None:
        self.shaken.add(worker)

    def finished(self, send: SendRow, now: float) -> None:
        self.note(f"finished {send.id}")

    # The wire

    def arrived(self, delivery_id: int, server_name: str, sent_at: float, timeout: float) -> None:
        """A Chat Server took a request whose last bytes were written at `sent_at`."""
        known = self.of(delivery_id)
        known.taken += 1
        self.note(f"taken {delivery_id} {server_name}")
        if known.taken > 1:
            self.fail(f"delivery {delivery_id} was taken {known.taken} times")
        before = [at for at, _worker in known.claims if at <= sent_at + TINY]
        if not before:
            self.fail(f"delivery {delivery_id} was written before its claim was committed")
        elif sent_at > before[-1] + timeout + TINY:
            self.fail(f"delivery {delivery_id} was written after its deadline")

    def said(self, delivery_id: int, kind: str) -> None:
        self.of(delivery_id).said = kind

    def heard(self, process: "Process", link: "Link", about: tuple[Any, ...]) -> None:
        """A worker gets an answer."""
        delivery_id, kind, _fate = about
        known = self.of(delivery_id)
        self.note(f"heard {delivery_id} {kind} by {process.name}")
        timeout = link.protocol._request_timeout
        if known.claims and self.time.now < known.claims[-1][0] + timeout + LISTENS_SECONDS:
            known.heard, known.heard_by = kind, process

    def lost(self, process: "Process") -> None:
        """A worker is killed, with all that it knows and has not recorded."""
        self.shaken.add(process.id)
        for delivery_id, known in self.known.items():
            if known.heard_by is process and not self._is_recorded(delivery_id, known):
                known.heard, known.heard_by = "", None

    def _is_recorded(self, delivery_id: int, known: Known) -> bool:
        wanted = STATUS_OF[known.heard]
        return wanted in (self.tables.deliveries[delivery_id].status, known.late)

    # The end of an episode

    def settle(self) -> None:
        """All is quiet: what is known must be recorded, and nothing may be left."""
        for delivery_id, known in self.known.items():
            row = self.tables.deliveries[delivery_id]
            if known.heard and not self._is_recorded(delivery_id, known):
                self.fail(f"delivery {delivery_id} was {known.heard}, and is only {row.status}")
            if known.late and row.status not in ("unknown", known.late):
                self.fail(f"delivery {delivery_id} is {row.status}, and late {known.late}")
        if self.tables.claims:
            self.fail(f"claims are left: {list(self.tables.claims)}")
        for send in self.tables.sends.values():
            if send.status not in ("finished", "cancelled"):
                self.fail(f"send {send.id} is {send.status} for ever")

    def unsettled(self) -> Iterable[int]:
        """Return the deliveries of which something is known and not recorded yet."""
        return (
            delivery_id
            for delivery_id, known in self.known.items()
            if known.heard and not self._is_recorded(delivery_id, known)
        )

    def begin(self) -> None:
        """Forget the last episode."""
        self.known.clear()
        self.soon.clear()
        self.shaken.clear()
        self.lines = {
            row.name: Line(row.window, level_at=row.bucket_at)
            for row in self.tables.servers.values()
        }
