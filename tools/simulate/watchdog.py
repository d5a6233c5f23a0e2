"""Looks once a second, while faults strike, whether what works also moves.

A Chat Server that is well, with something due, a database that is well and one worker that is well,
must get something within a bound, whatever the other workers do.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.simulate.process import Process
    from tools.simulate.rows import ServerRow
    from tools.simulate.world import World

LOOK_SECONDS = 1.0
# A lease is contested after 3 s by the sweep of every 5 s, and taken 3 s later; the rest is margin.
MOVES_WITHIN_SECONDS = 16.0
# After a fault it may take so long until a new send begins at once again.
LONG_SECONDS = 15.0


class Watchdog:
    """Since when each part is well; what has been well for long enough must move."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.database = 0.0
        self.servers: defaultdict[str, float] = defaultdict(float)
        self.due: defaultdict[str, float] = defaultdict(float)
        # Whoever is there at the beginning has been well for long.
        self.workers = dict.fromkeys(world.processes, world.time.now - LONG_SECONDS)
        self.is_over = False
        self.look()

    def look(self) -> None:
        if self.is_over:
            return
        world, now = self.world, self.world.time.now
        host = world.host
        if host.is_down or host.is_silent or host.refusal or host.fates or host.locks:
            self.database = now
        self.workers = {
            process: now if not self._is_well(process) else self.workers.get(process, now)
            for process in world.processes
        }
        for server in world.servers:
            if server.mode != "well" or server.fates:
                self.servers[server.name] = now
            if server.mode not in ("well", "refusing"):
                world.checks.hurt(server.name)
        if self.workers:
            for row in world.model.tables.servers.values():
                self._look_at(row, now, min(self.workers.values()))
        world.time.after(LOOK_SECONDS, self.look)

    def is_all_well(self, server_name: str) -> bool:
        """Whether nothing has been wrong for a while, at this Chat Server or elsewhere."""
        row = self.world.model.tables.server(server_name)
        now = self.world.time.now
        assert row is not None
        return (
            bool(self.workers)
            and set(self.workers) == set(self.world.processes)
            and row.retry_at is None
            # A lease that a lost worker left behind is taken after a while.
            and row.drain_holder in (None, *(process.id for process in self.workers))
            and row.takes_deliveries
            and not self.world.model.tables.is_stopped
            and now > LONG_SECONDS + self.world.fault_at
            and now > LONG_SECONDS + max([*self.workers.values(), self.database])
            and now > LONG_SECONDS + self.servers[server_name]
        )

    @staticmethod
    def _is_well(process: "Process") -> bool:
        return not (
            process.loop.is_frozen or process.is_stopping or not process.hears_notifications
        )

    def _look_at(self, row: "ServerRow", now: float, worker_since: float) -> None:
        if not self._has_due(row):
            self.due[row.name] = now
        since = max(
            self.database,
            worker_since,
            self.servers[row.name],
            self.due[row.name],
            self.world.checks.moved_at.get(row.name, 0.0),
        )
        wait = MOVES_WITHIN_SECONDS + row.request_timeout_seconds + 1.0 / row.pace_per_second
        if now > since + wait:
            self.world.checks.fail(f"{row.name} has stood still for {now - since:.1f} s, and works")

    def _has_due(self, row: "ServerRow") -> bool:
        tables, now = self.world.model.tables, self.world.database_now()
        if tables.is_stopped or not row.takes_deliveries or (row.retry_at or 0.0) > now:
            return False
        return any(
            each.due_at <= now and each.chat_server_name == row.name
            for send in tables.sends.values()
            if send.status == "running"
            for each in send.open.values()
        )
