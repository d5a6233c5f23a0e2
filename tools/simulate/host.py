"""How a worker's calls reach the model of the database, and what can happen to them on the way.

A call is a transaction or several. Each arrives after a while, locks a Chat Server's row if it does
so, and commits; then its answer travels back. A fault may strike at each of these points.
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from django.db import InternalError, OperationalError

from console.database.budget import DRAIN_CONNECTIONS
from console.database.sessions import DRAIN
from console.database.threads import DatabaseThread, DatabaseThreads
from tools.simulate.clock import Time
from tools.simulate.database import ModelDatabase, Work
from tools.simulate.disk import Disk

if TYPE_CHECKING:
    import asyncio

    from tools.simulate.process import Process

LOCK_SECONDS = DRAIN.lock
IDLE_SECONDS = DRAIN.idle_in_transaction
ANSWER_SECONDS = DRAIN.answer_seconds or 10.0
# What may happen to the next transaction, if it is armed (tools.simulate.faults).
FATES = ("cut before", "rolled back", "answer lost", "ghost commits", "ghost rolls back", "slow")


class Call:
    """A function's run in the database on behalf of a process."""

    def __init__(self, process: "Process", work: Work, name: str) -> None:
        self.process = process
        self.work = work
        self.name = name
        self.future: asyncio.Future[Any] = process.loop.create_future()
        self.wants: int | None = None
        self.holds: int | None = None
        self.is_over = False
        self.is_answered = False
        # It goes on alone: its client has gone.
        self.is_ghost = False
        self.commits = True


class Host:
    """The machine with the database, and the network to it."""

    def __init__(self, time: Time, random: Random, model: ModelDatabase, note: Any) -> None:
        self.time = time
        self.random = random
        self.model = model
        self.note: Callable[[str], None] = note
        self.is_down = False
        self.is_silent = False
        self.refusal: Callable[[], Exception] | None = None  # of all writes, as by a full disk
        self.fates: deque[str] = deque()
        self.ghost_seconds = 3.0
        self.disk = Disk()
        self.swept = 0.0  # the last of the sweeps, which one worker each carries out
        self.locks: dict[int, Call] = {}
        self.waiting: dict[int, deque[Call]] = {}
        self.calls: dict[Call, None] = {}
        model.is_locked = self.locks.__contains__

    @property
    def is_idle(self) -> bool:
        return not self.calls

    def delay(self) -> float:
        return 0.0002 + 0.002 * self.random.random() ** 2

    def submit(self, process: "Process", function: Any, arguments: Any, options: Any) -> Any:
        """Begin a call; return a future of the process's loop."""
        work = self.model.work(function, *arguments, **options)
        name = getattr(function, "func", function).__name__
        call = Call(process, work, name)
        self.calls[call] = None
        self.time.after(self.delay(), self._first, call)
        return call.future

    # The way of a call

    def _first(self, call: Call) -> None:
        if call.is_over:
            return
        call.wants = next(call.work)
        self._arrive(call)

    def _arrive(self, call: Call) -> None:
        """The first statement of a transaction has come."""
        if call.is_over:
            return
        if self.is_silent:
            if call.wants not in self.locks and self.random.random() < 0.3:
                self._carry_out(call)  # the answer alone is lost
            call.is_over = True
            self.time.after(ANSWER_SECONDS, self._fail, call, OperationalError("no answer"))
            return
        if self.is_down:
            self._break(call, OperationalError("the database is away"))
        elif self.refusal is not None:
            self._break(call, self.refusal())
        elif call.process.is_dead:
            self._end(call)
        elif call.wants is not None and call.wants in self.locks:
            self.waiting.setdefault(call.wants, deque()).append(call)
            self.time.after(LOCK_SECONDS, self._waited_in_vain, call, call.wants)
        else:
            self._locked(call)

    def _waited_in_vain(self, call: Call, lock: int) -> None:
        waiting = self.waiting.get(lock, ())
        if call in waiting:
            self.waiting[lock].remove(call)
            self._break(call, OperationalError("canceling statement due to lock timeout"))

    def _locked(self, call: Call) -> None:
        """The transaction has its lock, if it wants one. Choose what becomes of it."""
        if call.wants is not None:
            self.locks[call.wants] = call
            call.holds = call.wants
        fate = self.fates.popleft() if self.fates else ""
        if fate:
            self.note(f"db {call.name} of {call.process.name}: {fate}")
        if fate == "cut before":
            self._break(call, OperationalError("the connection is lost"))
        elif fate == "rolled back":
            self.time.after(0.01, self._break, call, OperationalError("rolled back"))
        elif fate == "answer lost":
            self._commit(call, is_answer_lost=True)
        elif fate.startswith("ghost"):
            self._haunt(call, commits=fate == "ghost commits")
        elif fate == "slow":
            self.time.after(self.random.uniform(0.01, 0.4), self._commit, call)
        elif call.process.loop.is_frozen and self.random.random() < 0.7:
            # Nobody sends the rest: PostgreSQL ends the session.
            self.time.after(
                IDLE_SECONDS, self._break, call, OperationalError("idle in transaction")
            )
        else:
            self._commit(call)

    def _haunt(self, call: Call, *, commits: bool) -> None:
        """The client's connection is lost, and the session lives on with its lock for a while."""
        call.is_ghost, call.commits = True, commits
        call.is_answered = True
        self._answer(call, OperationalError("the connection is lost"))
        seconds = self.random.uniform(0.0, self.ghost_seconds)
        self.time.after(seconds, self._ghost_ends, call)

    def _ghost_ends(self, call: Call) -> None:
        if call.is_over:
            return
        if call.commits:
            # A lease that is taken so late is taken from its own worker.
            self.model.watch.haunted(call.process.id)
            self._carry_out(call)
        self._end(call)

    def _commit(self, call: Call, *, is_answer_lost: bool = False) -> None:
        if call.is_over:
            return
        if call.process.loop.is_frozen and call.holds is not None and self.random.random() < 0.3:
            error = OperationalError("idle in transaction")
            self.time.after(IDLE_SECONDS, self._break, call, error)
            return
        is_over, result = self._carry_out(call)
        self._unlock(call)
        if is_answer_lost:
            self._end(call)
            self._answer(call, OperationalError("the answer to a commit is lost"))
        elif is_over:
            self._end(call)
            self._answer(call, result)
        elif call.process.is_dead:
            self._end(call)
        else:
            self.time.after(self.delay(), self._next, call)

    def _next(self, call: Call) -> None:
        """The client sends its next transaction, when it is not frozen."""
        if call.process.loop.is_frozen:
            call.process.when_thawed(self._next, call)
        else:
            self._arrive(call)

    def _carry_out(self, call: Call) -> tuple[bool, Any]:
        """Let the function do its transaction. Return whether that was the last, and its result."""
        self.model.wall_ahead = call.process.wall_ahead
        try:
            call.wants = call.work.send(None)
        except StopIteration as end:
            return True, end.value
        except Exception as error:
            return True, error
        return False, None

    def _break(self, call: Call, error: Exception) -> None:
        """The transaction fails: the function gets the error, and may go on."""
        if call.is_over:
            return
        self._unlock(call)
        try:
            call.wants = call.work.throw(error)
        except StopIteration as end:
            self._fail(call, end.value)
        except Exception as raised:
            self._fail(call, raised)
        else:
            self.time.after(self.delay(), self._next, call)

    def _fail(self, call: Call, result: Any) -> None:
        self._end(call)
        self._answer(call, result)

    def _answer(self, call: Call, result: Any) -> None:
        """Send a result or an error to the client."""
        self.calls[call] = None
        self.time.after(self.delay(), self._deliver, call, result)

    def _deliver(self, call: Call, result: Any) -> None:
        if not (call.is_ghost and not call.is_over):
            self.calls.pop(call, None)
        if not call.process.is_dead:
            call.process.loop.call_soon(_resolve, call.future, result)

    def _end(self, call: Call) -> None:
        call.is_over = True
        self._unlock(call)
        self.calls.pop(call, None)

    def _unlock(self, call: Call) -> None:
        lock, call.holds = call.holds, None
        if lock is None or self.locks.get(lock) is not call:
            return
        del self.locks[lock]
        waiting = self.waiting.get(lock)
        if waiting:
            self._arrive(waiting.popleft())

    # Faults of the whole

    def lose_connections(self, process: "Process | None" = None) -> None:
        """Cut the connections of a process, or of all, at this moment."""
        for call in list(self.calls):
            if process is not None and call.process is not process:
                continue
            if call.is_over or call.is_ghost:
                continue
            self._waits_no_more(call)
            self._unlock(call)
            self._fail(call, OperationalError("terminating connection"))

    def restart(self, seconds: float) -> None:
        """Stop at once, and start again after a while. What has not committed never will."""
        self.is_down = True
        for call in list(self.calls):
            if call.is_ghost and not call.is_over:
                self._end(call)
        self.lose_connections()
        self.time.after(seconds, self.start)

    def start(self) -> None:
        self.is_down = False

    def forget(self, process: "Process") -> None:
        """A process died. Its sessions end, or their last message is still carried out."""
        for call in list(self.calls):
            if call.process is not process or call.is_over or call.is_ghost:
                continue
            is_waiting = self._waits_no_more(call)
            if is_waiting or call.holds is not None or self.random.random() < 0.7:
                self._end(call)

    def _waits_no_more(self, call: Call) -> bool:
        """Take a call out of the lines for locks. Return whether it stood in one."""
        for waiting in self.waiting.values():
            if call in waiting:
                waiting.remove(call)
                return True
        return False


def full_disk() -> Exception:
    return OperationalError("could not extend file: No space left on device")


def read_only() -> Exception:
    return InternalError("cannot execute UPDATE in a read-only transaction")


def _resolve(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


class SimulatedThread(DatabaseThread):
    """A connection of a worker to the model."""

    def __init__(self, process: "Process") -> None:
        self.process = process

    async def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.process.call(function, args, kwargs)

    async def close(self) -> None:
        return


class SimulatedThreads(DatabaseThreads):
    """A worker's bounded number of them."""

    def __init__(self, process: "Process") -> None:
        super().__init__(DRAIN_CONNECTIONS)
        self.process = process

    def _new(self) -> DatabaseThread:
        return SimulatedThread(self.process)

    async def close(self, *, idle_seconds: float = 0.0) -> None:
        return
