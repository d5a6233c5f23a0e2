"""The processes of the demo: the visible one starts, watches and ends them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from console.site.processes import end_with_parent as end_with_parent

STOP_SECONDS = 15.0
# The shell's settings that the demo uses.
USED = {"CONSOLE_DATA", "CONSOLE_EMBEDDED", "CONSOLE_CONTACT_BUDGET"}
SHOWN_LINES = 15


class ChildFailed(Exception):
    """A process ended unexpectedly; the text is for the person at the terminal."""


@dataclass(eq=False, slots=True)
class Child:
    """A running process. `name` is for people; its output goes to the file `log`."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    copying: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, environment: Mapping[str, str], logs: Path
    ) -> "Child":
        """Start `command` with an empty log."""
        log = logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                cwd=settings.BASE_DIR,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                # Ctrl-C goes to a whole group. A session of its own lets the parent end each child
                # in order.
                start_new_session=True,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
            )
        return cls(name, process, log)

    async def says(self, beginning: str, *, last: bool = True) -> str:
        """Wait for the next line of output with this beginning.

        Raises ChildFailed if the process ends first. `last` says that no further line is waited
        for.
        """
        output = self.process.stdout
        assert output is not None  # noqa: S101 - it was started with a pipe
        while line := (await output.readline()).decode():
            if line.startswith(beginning):
                if last:
                    self.copying = asyncio.create_task(self._copy(output))
                return line.strip()
        await self.process.wait()
        raise self.failure()

    async def _copy(self, output: asyncio.StreamReader) -> None:
        # An unread pipe would fill up and block the process.
        with self.log.open("ab") as log:
            while line := await output.readline():
                log.write(line)
                log.flush()

    def failure(self) -> ChildFailed:
        """Return the error for its unexpected end."""
        lines = self.log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
        shown = "".join(f"\n  | {line}" for line in lines) or "\n  (it wrote nothing)"
        return ChildFailed(
            f"The {self.name} ended by itself, with status {self.process.returncode}. "
            f"Its last lines, from {self.log}:{shown}"
        )

    async def stop(self) -> None:
        """Ask it to end; after STOP_SECONDS kill it."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        if self.copying is not None:
            await self.copying


class Family:
    """All children in the order of their start. On exit it ends them, the last first."""

    def __init__(self, *, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._children: list[Child] = []

    async def __aenter__(self) -> "Family":
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for child in reversed(self._children):
            await child.stop()

    async def start(self, name: str, *arguments: str, **environment: str) -> Child:
        """Start this Python with `arguments`.

        Keywords are added to the environment of this child and all later ones.
        """
        self._environment |= environment
        child = await Child.start(
            name,
            (sys.executable, *arguments),
            environment=self._environment,
            logs=self._logs,
        )
        self._children.append(child)
        return child

    def let_go(self, child: Child) -> None:
        """Forget a child that has done its work and ended."""
        self._children.remove(child)

    async def first_end(self) -> Child:
        """Wait until a child ends by itself."""
        waits = {asyncio.create_task(child.process.wait()): child for child in self._children}
        try:
            done, _others = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[done.pop()]


CONTACT_BUDGET = "routine=3/15 important=3/15"


def clean_environment(data_folder: Path) -> dict[str, str]:
    """Return the children's environment, without a production site's settings in this shell."""
    kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
    ours = {
        "CONSOLE_DATA": str(data_folder),
        "CONSOLE_EMBEDDED": "1",
        # Its passwords are printed, so a second factor would protect nothing.
        "CONSOLE_SECOND_FACTOR": "nobody",
        "CONSOLE_CONTACT_BUDGET": os.environ.get("CONSOLE_CONTACT_BUDGET", CONTACT_BUDGET),
        "PYTHONUNBUFFERED": "1",
    }
    return kept | ours


def settings_left_out() -> list[str]:
    """Return the names of settings in this shell that the demo does not use."""
    return sorted(name for name in os.environ if _is_setting(name) and name not in USED)


def _is_setting(name: str) -> bool:
    return name == "DATABASE_URL" or name.startswith("CONSOLE_")
