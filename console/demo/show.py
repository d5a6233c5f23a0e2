"""Starts the whole demo, and stops it in order."""

import asyncio
import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from console.demo.children import Child, Family, clean_environment
from console.demo.people import logins
from console.demo.seeding import MIGRATED
from console.embedded.server import ensure_running
from console.site.stopping import stop_on

CHAT_SERVERS = ("chat-east", "chat-west")
_manage = settings.BASE_DIR / "manage.py"
# An installed wheel has no manage.py.
MANAGE = (str(_manage),) if _manage.is_file() else ("-m", "console")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoRefused(Exception):
    """The demo can't start; the text states why and what to do."""


@dataclass(frozen=True, slots=True)
class Show:
    """What to start: the port of its pages, how many chats, and the folder of its data."""

    port: int
    sessions: int
    data_folder: Path
    say: Callable[[str], None]

    async def run(self) -> None:
        """Run until a signal. Raises DemoRefused, or ChildFailed if a process ends by itself."""
        stop = asyncio.Event()
        stop_on(SIGNALS, stop)
        playing = asyncio.create_task(self._play())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if playing.done():
            playing.result()
        playing.cancel()
        self.say("Stopping …")
        await asyncio.wait((playing,))

    async def _play(self) -> None:
        with only_demo_of(self.data_folder):
            async with Family(
                environment=clean_environment(self.data_folder), logs=self.data_folder / "logs"
            ) as family:
                self._welcome(await self._bring_up(family))
                raise (await family.first_end()).failure()

    async def _bring_up(self, family: Family) -> str:
        """Start all parts, each as soon as it can, and return the address of the pages."""
        self.say("Starting PostgreSQL and the Chat Server simulators …")
        ports, _ = await asyncio.gather(
            self._start_simulators(family),
            # This process keeps the server running, so that children can start and stop.
            asyncio.to_thread(ensure_running, self.data_folder),
        )
        self.say("Preparing the database and the demo's data …")
        preparing = await self._prepare(family, {name: port for name, (port, _) in ports.items()})
        self.say("Starting the web server, a worker and the traffic of customers …")
        web = await family.start(
            "web server",
            *(*MANAGE, "serve", "--port", str(self.port)),
            CONSOLE_DEMO_SIMULATORS=",".join(
                f"{name}={control}" for name, (_, control) in ports.items()
            ),
        )
        worker = await family.start("worker", *MANAGE, "worker")
        token = await self._prepared(family, preparing)
        address = (await web.says("Serving on ")).split()[2]
        traffic = await family.start(
            "traffic",
            *("-m", "console.demo.traffic", "--api", address, "--sessions", str(self.sessions)),
            CONSOLE_DEMO_TOKEN=token,
        )
        await worker.says("Worker ready")
        await traffic.says("ready")
        return address

    async def _start_simulators(self, family: Family) -> dict[str, tuple[int, int]]:
        """Return the port and the control port of each simulator."""
        simulators = {
            name: await family.start(
                f"simulator {name}",
                *("-m", "console.esp.simulator", "--name", name, "--port", "0"),
                *("--journal", str(self.data_folder / f"journal-{name}.jsonl")),
            )
            for name in CHAT_SERVERS
        }
        ports = {}
        for name, child in simulators.items():
            words = (await child.says("ready ")).split()
            facts = dict(word.split("=", 1) for word in words if "=" in word)
            ports[name] = int(facts["port"]), int(facts["control_port"])
        return ports

    async def _prepare(self, family: Family, ports: dict[str, int]) -> Child:
        """Start to migrate and fill the database, and return once other parts can start."""
        addresses = (f"{name}=esp+json://127.0.0.1:{port}" for name, port in ports.items())
        preparing = await family.start(
            "preparation",
            *(*MANAGE, "demo_data"),
            *(word for address in addresses for word in ("--chat-server", address)),
        )
        await preparing.says(MIGRATED, last=False)
        return preparing

    async def _prepared(self, family: Family, preparing: Child) -> str:
        """Wait until the data is complete, and return the feed's token."""
        token = await preparing.says("ncon_")
        await preparing.process.wait()
        family.let_go(preparing)
        return token

    def _welcome(self, address: str) -> None:
        lines = (
            "",
            # By host name, since browsers accept security keys for no numeric address.
            f"Notice Console is ready: {address.replace('127.0.0.1', 'localhost')}",
            "",
            *logins(),
            "",
            f"Data and logs are in {self.data_folder}. Ctrl-C ends everything.",
        )
        self.say("\n".join(lines))


@contextmanager
def only_demo_of(data_folder: Path) -> Iterator[None]:
    """Lock the data folder, since two demos with the same data would end each other's chats."""
    data_folder.mkdir(parents=True, exist_ok=True)
    with (data_folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRefused(
                f"A demo runs already on {data_folder}. End it with Ctrl-C, or start this one "
                "with a --data-dir of its own."
            ) from error
        yield
