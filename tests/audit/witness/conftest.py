"""A ledger with a signed tree, and witnesses of it on machines of their own."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from console.audit.checkpoints import new_key, trusted_keys
from console.audit.tlog.notes import Verifier
from console.audit.witnessing.policy import parse_policy
from tests.audit.witness.false_witness import FalseWitness, false_witness
from tests.audit.witness.programs import Auditor, Running

ORIGIN = "console.example/ledger"


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> str:
    """Return the verifier key of the ledger's log."""
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    settings.LOG_ORIGIN, settings.LOG_TO = ORIGIN, ""
    (own,) = trusted_keys().raw()
    return Verifier(ORIGIN, own).vkey()


class World:
    """The witnesses by name, with what the policy says of them."""

    def __init__(self, ledger: str, folder: Path, settings: Any, stack: ExitStack) -> None:
        self.ledger, self._folder, self._settings, self._stack = ledger, folder, settings, stack
        self.auditors: dict[str, Auditor] = {}
        self.running: dict[str, Running] = {}
        self.lines: list[str] = []

    def honest(self, name: str, **options: Any) -> Auditor:
        auditor = Auditor(self._folder / name, f"{name}.example/witness")
        self.auditors[name] = auditor
        self.running[name] = self._stack.enter_context(auditor.serving(self.ledger, **options))
        self.lines.append(f"witness {name} {auditor.vkey} {self.running[name].address}")
        return auditor

    def down(self, name: str) -> None:
        """One that nobody answers for."""
        auditor = Auditor(self._folder / name, f"{name}.example/witness")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.lines.append(f"witness {name} {auditor.vkey} http://127.0.0.1:{port}")

    def liar(self, name: str) -> FalseWitness:
        liar = self._stack.enter_context(false_witness())
        self.lines.append(f"witness {name} {liar.vkey} {liar.url}")
        return liar

    def policy(self, *more: str) -> None:
        text = "\n".join([f"log {self.ledger}", *self.lines, *more, ""])
        self._settings.WITNESS_POLICY = parse_policy(text.encode())


@pytest.fixture
def world(ledger: str, tmp_path: Path, settings: Any) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(ledger, tmp_path / "auditors", settings, stack)


@pytest.fixture
def two_of_three(world: World) -> Callable[..., World]:
    def set_up(quorum: str = "group two 2 x y z\nquorum two") -> World:
        world.policy(*quorum.split("\n"))
        return world

    return set_up
