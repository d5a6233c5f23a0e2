"""A simulated worker process: the engine's real dispatcher, with its heartbeat left out and its
periodic job, the sweep, run as a worker's job queue would."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from console.sends.engine.dispatcher import Dispatch
from tools.simulate.clock import ProcessLoop, Time
from tools.simulate.disk import SimulatedLines
from tools.simulate.host import Host, SimulatedThread, SimulatedThreads

if TYPE_CHECKING:
    from tools.simulate.network import Network

SWEEP_SECONDS = 5.0


class Killed(BaseException):
    """What a dead process's coroutines get from whatever they still try."""


class Process:
    """One worker."""

    def __init__(
        self,
        name: str,
        time: Time,
        random: Random,
        host: Host,
        network: "Network",
        on_error: Callable[["Process", str], None],
        on_end: Callable[["Process"], None],
    ) -> None:
        self.name = name
        self.time = time
        self.random = random
        self.host = host
        self.network = network
        self.on_error = on_error
        self.on_end = on_end
        # Its monotonic clock began at some time; its wall clock is wrong by so much.
        self.wall_ahead = random.choice([0.0, 0.0, 130.0, -90.0, 20.0])
        self.loop = ProcessLoop(  # type: ignore[abstract]
            time, ahead=random.uniform(0.0, 1e6), on_error=self._failed
        )
        self.loop.connect = self._connect
        self.id = UUID(int=random.getrandbits(128), version=4)
        self.is_stopping = False
        self.thawed_at = -1.0
        self.hears_notifications = True
        self._thawing: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        asyncio._set_running_loop(self.loop)
        self.dispatch = Dispatch(
            worker=self.id,
            databases=SimulatedThreads(self),
            renewals=SimulatedThread(self),
        )
        self.dispatch.kept = SimulatedLines(host.disk, self)
        self.main: asyncio.Task[None] = self.loop.create_task(self._run())
        asyncio._set_running_loop(None)

    @property
    def is_dead(self) -> bool:
        return self.loop.is_dead

    @property
    def is_idle(self) -> bool:
        """Whether it only waits for work."""
        dispatch = self.dispatch
        return not (dispatch._tasks or dispatch.late or self.is_stopping or self.loop.is_frozen)

    async def _run(self) -> None:
        sweeping = asyncio.ensure_future(self._sweep())
        async with self.dispatch:
            await self.dispatch.stopping.wait()
            sweeping.cancel()
        self.time.after(0.0, self._ended)

    def _ended(self) -> None:
        if not self.is_dead:
            self.on_end(self)
            self.kill()

    async def _sweep(self) -> None:
        """Run the sweep every five seconds, unless another worker has it."""
        while True:
            now = self.time.now - self.time.skipped
            slot = now // SWEEP_SECONDS + 1
            await asyncio.sleep(slot * SWEEP_SECONDS - now + 0.05 * self.random.random())
            if self.host.swept >= slot:
                continue
            self.host.swept = slot
            try:
                await self.call(sweep_now, (), {})
            except Exception:
                continue

    async def call(self, function: Any, arguments: Any, options: Any) -> Any:
        if self.is_dead:
            raise Killed
        return await self.host.submit(self, function, arguments, options)

    async def _connect(self, factory: Any, host: str, port: int, **options: Any) -> Any:
        if self.is_dead:
            raise Killed
        return await self.network.connect(self, factory, host, port, **options)

    def _failed(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.on_error(self, f"{context.get('message')} {type(error).__name__}: {error}")

    # What happens to it

    def wake(self, name: str) -> None:
        """A notification of the database comes."""
        if not self.is_dead and self.hears_notifications:
            self.loop.call_soon(self.dispatch.wake, name)

    def stop(self) -> None:
        """SIGTERM."""
        if not (self.is_dead or self.is_stopping):
            self.is_stopping = True
            self.loop.call_soon(self.dispatch.stopping.set)

    def kill(self) -> None:
        if self.is_dead:
            return
        self.loop.kill()
        self.host.forget(self)
        for server in self.network.servers.values():
            for peer in list(server.peers):
                if peer.link.process is self:
                    peer.link.is_closed = True
                    server.network.after(server.delay(), server.hung_up, peer)

    def freeze(self) -> None:
        if not self.is_dead:
            self.loop.freeze()

    def thaw(self) -> None:
        if self.is_dead or not self.loop.is_frozen:
            return
        self.thawed_at = self.time.now
        self.loop.thaw()
        thawing, self._thawing = self._thawing, []
        for action, arguments in thawing:
            action(*arguments)

    def when_thawed(self, action: Callable[..., None], *arguments: Any) -> None:
        self._thawing.append((action, arguments))


def sweep_now() -> None:
    """Stands for console.sends.tasks.sweep_now, of which the model has its own."""
    raise NotImplementedError
