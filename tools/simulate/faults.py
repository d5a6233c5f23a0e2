"""What goes wrong in a simulated world. Each fault is drawn by the seed, strikes, and ends."""

from collections.abc import Callable

from tools.simulate import chat_server, host
from tools.simulate.process import Process
from tools.simulate.world import World

# Strikes between any two callbacks of a process, mostly soon, where much happens at one moment.
CALLBACKS_MOST = 60


def worker(world: World) -> Process | None:
    alive = [each for each in world.processes if not (each.is_dead or each.loop.is_frozen)]
    return world.random.choice(alive) if alive else None


def strike(world: World, process: Process, action: Callable[[], None]) -> None:
    """Let it happen to a process in the middle of whatever it does next."""
    process.loop.strike_after(world.random.randint(1, CALLBACKS_MOST), action)


def kill(world: World) -> None:
    if process := worker(world):
        strike(world, process, lambda: world.kill(process))


def stop(world: World) -> None:
    if process := worker(world):
        strike(world, process, lambda: world.stop(process))


def freeze(world: World) -> None:
    if process := worker(world):
        seconds = world.random.choice([0.05, 1.0, 2.5, 7.0, 12.0, 40.0])
        seconds *= world.random.uniform(0.5, 1.5)

        def begin() -> None:
            world.freeze(process)
            world.time.after(seconds, world.thaw, process)

        strike(world, process, begin)


def deafen(world: World) -> None:
    """A worker's listening connection is lost for a while, and with it its notifications."""
    if process := worker(world):
        process.hears_notifications = False

        def end() -> None:
            process.hears_notifications = True

        world.time.after(world.random.uniform(0.5, 20.0), end)


def lose_sessions(world: World) -> None:
    world.host.lose_connections(worker(world))


def restart_database(world: World) -> None:
    world.host.restart(world.random.uniform(0.1, 8.0))


def silence_database(world: World) -> None:
    world.host.is_silent = True

    def end() -> None:
        world.host.is_silent = False

    world.time.after(world.random.uniform(0.5, 15.0), end)


def _refusing(error: Callable[[], Exception]) -> Callable[[World], None]:
    def refuse(world: World) -> None:
        world.host.refusal = error

        def end() -> None:
            world.host.refusal = None

        world.time.after(world.random.uniform(0.5, 12.0), end)

    return refuse


def _fate_of_call(fate: str) -> Callable[[World], None]:
    def arm(world: World) -> None:
        world.host.fates.append(fate)

    return arm


def _server(world: World) -> chat_server.SimulatedChatServer:
    return world.random.choice(world.servers[: max(1, world.numbers["servers"])])


def _fate_of_request(fate: str) -> Callable[[World], None]:
    def arm(world: World) -> None:
        _server(world).fates.append(fate)

    return arm


def _mode(mode: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        server = _server(world)
        server.change(mode)

        def end() -> None:
            if server.mode == mode:
                server.change("well")

        world.time.after(world.random.choice([0.3, 3.0, 15.0, 45.0]) * world.random.random(), end)

    return change


FAULTS: dict[str, Callable[[World], None]] = {
    "worker killed": kill,
    "worker asked to stop": stop,
    "worker frozen": freeze,
    "notifications lost": deafen,
    "sessions ended": lose_sessions,
    "database restarted": restart_database,
    "database silent": silence_database,
    "disk full": _refusing(host.full_disk),
    "database read-only": _refusing(host.read_only),
    **{f"transaction: {fate}": _fate_of_call(fate) for fate in host.FATES},
    **{f"request: {fate}": _fate_of_request(fate) for fate in chat_server.FATES},
    **{f"chat server: {mode}": _mode(mode) for mode in chat_server.MODES[1:]},
}


def lift_all(world: World) -> None:
    """End every fault."""
    world.host.is_down = world.host.is_silent = False
    world.host.refusal = None
    world.host.fates.clear()
    for server in world.servers:
        server.fates.clear()
        if server.mode != "well":
            server.change("well")
    for process in list(world.processes):
        process.hears_notifications = True
        process.loop.strike_after(0, _nothing)
        if process.loop.is_frozen:
            world.thaw(process)


def _nothing() -> None:
    pass
