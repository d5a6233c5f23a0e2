"""Virtual time, and an event loop for each simulated process.

Nothing waits: the time jumps to the next thing that happens. All processes, the network and the
database run in one thread, one after another, in an order that only the seed decides.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

# So many callbacks at one moment mean that somebody goes round in circles.
SPINS_MOST = 200_000
# Timers fire by so much later, since the clocks of world and process are not rounded alike.
TINY = 1e-7


class Spinning(Exception):
    """Something is busy without letting time pass."""


class Time:
    """The clock of the simulated world, with what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self.runnable: deque[ProcessLoop] = deque()
        self.loops: list[ProcessLoop] = []
        # How much of `now` was skipped because there was nothing to do.
        self.skipped = 0.0

    def at(self, when: float, action: Callable[..., None], *arguments: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (max(when, self.now), self._number, action, arguments))

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now + seconds, action, *arguments)

    def run(self, until: float, is_over: Callable[[], bool] | None = None) -> None:
        """Let things happen until then, or until `is_over` says so at the end of a moment."""
        spins = 0
        while True:
            if self.runnable:
                spins += self.runnable.popleft().run_ready()
                if spins > SPINS_MOST:
                    raise Spinning(f"more than {SPINS_MOST} callbacks at {self.now}")
                continue
            if is_over is not None and is_over():
                return
            if not self._heap or self._heap[0][0] > until:
                self.now = max(self.now, until)
                return
            when, _number, action, arguments = heapq.heappop(self._heap)
            if when > self.now:
                self.now, spins = when, 0
            action(*arguments)

    def skip(self, seconds: float) -> None:
        """Let time pass for all clocks of the world and for none of the processes.

        Only right while nothing can happen: then each round of what the processes do by the clock
        leaves everything as it is, and leaving the rounds out changes nothing but their number.
        """
        self.now += seconds
        self.skipped += seconds
        for loop in self.loops:
            loop.behind += seconds
        self._heap = [
            (when + seconds, number, action, arguments)
            for when, number, action, arguments in self._heap
        ]


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None: ...


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one process. While it is frozen, nothing of the process runs; what comes
    meanwhile waits, as in the buffers of a kernel. `ahead` is what its clock shows more."""

    def __init__(
        self, time: Time, *, ahead: float, on_error: Callable[[dict[str, Any]], None]
    ) -> None:
        self._time = time
        self._on_error = on_error
        self.ahead = ahead
        self.behind = 0.0
        self.is_frozen = False
        self.is_dead = False
        self.handled = 0
        # After so many callbacks something happens to the process: the action.
        self._strike_at = 0
        self._strike: Callable[[], None] | None = None
        self._ready: deque[asyncio.Handle] = deque()
        self._held: list[asyncio.TimerHandle] = []
        self._is_queued = False
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.connect: Callable[..., Coroutine[Any, Any, Any]] | None = None
        time.loops.append(self)

    # What asyncio asks for

    def time(self) -> float:
        return self._time.now - self.behind + self.ahead

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.is_dead

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not (self._is_queued or self.is_frozen):
            self._is_queued = True
            self._time.runnable.append(self)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._time.at(when + self.behind - self.ahead + TINY, self._timer_is_due, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # it is left out when its time has come

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> Any:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_dead:
            self._on_error(context)

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        assert self.connect is not None
        return await self.connect(*arguments, **options)

    # What the world does

    def run_ready(self) -> int:
        """Run what is ready at this moment, as one turn of a loop does. Return how much it was."""
        self._is_queued = False
        ran, most = 0, len(self._ready)
        asyncio._set_running_loop(self)
        try:
            while ran < most and not (self.is_frozen or self.is_dead):
                handle = self._ready.popleft()
                ran += 1
                if not handle.cancelled():
                    handle._run()
                self.handled += 1
                if self.handled == self._strike_at:
                    break
        finally:
            asyncio._set_running_loop(None)
        if self.handled == self._strike_at and self._strike is not None:
            strike, self._strike = self._strike, None
            strike()
        self._queue()
        return ran

    def strike_after(self, callbacks: int, action: Callable[[], None]) -> None:
        """Let something happen to the process between two of its callbacks."""
        self._strike_at, self._strike = self.handled + callbacks, action

    def freeze(self) -> None:
        self.is_frozen = True

    def thaw(self) -> None:
        """Go on: first with what came, then with the timers that are over."""
        self.is_frozen = False
        self._ready.extend(self._held)
        self._held.clear()
        self._queue()

    def kill(self) -> None:
        """End without a word: no callback runs any more, no `finally` does anything."""
        self.is_dead = True
        self._ready.clear()
        self._time.loops.remove(self)
        for task in list(self._tasks):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            _close(task.get_coro())
        self._tasks.clear()
        self._ready.clear()

    def _queue(self) -> None:
        if self._ready and not (self._is_queued or self.is_frozen or self.is_dead):
            self._is_queued = True
            self._time.runnable.append(self)

    def _timer_is_due(self, timer: asyncio.TimerHandle) -> None:
        if timer.cancelled() or self.is_dead:
            return
        if self.is_frozen:
            self._held.append(timer)
        else:
            self._ready.append(timer)
            self._queue()


def _close(coroutine: Any) -> None:
    """End a coroutine wherever it waits, whatever it does about that."""
    for _ in range(10):
        try:
            coroutine.close()
        except BaseException:
            continue
        return
