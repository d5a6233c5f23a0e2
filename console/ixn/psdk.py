"""Snapshots of Interaction Server over the vendor's Platform SDK for Java (docs/poller.md).

The operator supplies its jars. Java runs in this process (console/esp/jvm.py), if allowed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from console.esp import jvm
from console.esp.errors import EspError
from console.esp.jars import Jars
from console.esp.psdk import sdk as sdk_classes
from console.esp.psdk import tls
from console.esp.psdk.address import Address, parse_address
from console.esp.transports.psdk import endpoint_of
from console.ixn.classes import can_set, class_named, get_property, has_property, set_property
from console.ixn.errors import SnapshotFailed
from console.ixn.reading import Reading
from console.ixn.snapshots import Properties

PROTOCOL = "InteractionServerProtocol"
REGISTER = "RequestRegisterClient"
TAKE = "RequestTakeSnapshot"
GET = "RequestGetSnapshotInteractions"
RELEASE = "RequestReleaseSnapshot"
ALL_STATES = 0
SAID_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """The operator's Java and SDK; the stores are those of `psdk+tls://` addresses."""

    classpath: tuple[str, ...]
    home: str = ""
    options: tuple[str, ...] = ()
    trust_store: str = ""
    trust_store_password: str = ""
    key_store: str = ""
    key_store_password: str = ""

    def settings(self) -> jvm.JvmSettings:
        return jvm.JvmSettings(self.classpath, self.home, self.options)

    def allow(self) -> None:
        """Allow this process to start Java with these settings."""
        jvm.allow(self.settings())
        tls.use(
            tls.TlsSettings(
                trust_store=self.trust_store,
                trust_store_password=self.trust_store_password,
                key_store=self.key_store,
                key_store_password=self.key_store_password,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to request, where, and as whom. `addresses` are those of one Interaction Server, tried
    in order; each request may take `timeout_seconds`."""

    addresses: tuple[str, ...]
    condition: str
    client_type: int
    client_name: str
    timeout_seconds: float
    java: Java


@contextmanager
def opened(wanted: Wanted) -> Iterator["Connection"]:
    """Open a registered connection to the first address that accepts one. Raises SnapshotFailed."""
    try:
        connection = _first(wanted)
        try:
            yield connection
        finally:
            connection.close()
    finally:
        jvm.detach_thread()


def _first(wanted: Wanted) -> "Connection":
    _require_java(wanted.java)
    try:
        jvm.start()
        classes = _Classes(wanted.java.classpath)
    except EspError as error:
        raise SnapshotFailed(str(error)) from error
    complaints = []
    for url in wanted.addresses:
        try:
            return _open(classes, wanted, url)
        except SnapshotFailed as error:
            complaints.append(str(error))
    raise SnapshotFailed(" ".join(complaints))


def _require_java(java: Java) -> None:
    """Allow Java. If it can't work, raise SnapshotFailed with all that is missing."""
    if not jvm.is_started():
        classes, wanted_for = sdk_classes.CLASSES, sdk_classes.WANTED_FOR
        problems = jvm.problems(java.settings(), classes=classes, wanted_for=wanted_for)
        if problems:
            raise SnapshotFailed(" ".join(problems))
    java.allow()


class _Classes:
    """The SDK's classes for Interaction Server. A missing one raises SnapshotFailed or EspError."""

    def __init__(self, classpath: Sequence[str]) -> None:
        entries = Jars(tuple(classpath)).entries
        self.sdk = sdk_classes.load()
        self.protocol = class_named(PROTOCOL, entries)
        self.register = class_named(REGISTER, entries)
        self.take = class_named(TAKE, entries)
        self.get = class_named(GET, entries)
        self.release = class_named(RELEASE, entries)
        self.reading = Reading(self.sdk)


def _open(classes: _Classes, wanted: Wanted, url: str) -> "Connection":
    try:
        address = parse_address(url)
        protocol = classes.protocol(
            endpoint_of(classes.sdk, address, client_name=wanted.client_name)
        )
        connection = Connection(classes, wanted, address, protocol)
    except EspError as error:
        raise SnapshotFailed(str(error)) from error
    except Exception as error:
        raise SnapshotFailed(f"{url} can't be opened: {_said(error)}.") from error
    try:
        connection.open()
    except SnapshotFailed:
        connection.close()
        raise
    return connection


class Connection:
    """A connection to an Interaction Server, as a `Source`."""

    def __init__(self, classes: _Classes, wanted: Wanted, address: Address, protocol: Any) -> None:
        self._classes = classes
        self._wanted = wanted
        self._address = address
        self._protocol = protocol

    @property
    def address(self) -> str:
        return str(self._address)

    def open(self) -> None:
        """Connect and register. A channel with a property for the client type registers itself."""
        registers_itself = can_set(self._protocol, "clientType")
        if registers_itself:
            self._present(self._protocol)
        try:
            self._protocol.open(self._milliseconds())
        except Exception as error:
            raise SnapshotFailed(f"No connection to {self._address}: {_said(error)}.") from error
        if not registers_itself:
            request = self._classes.register.create()
            self._present(request)
            self.ask(request, REGISTER)

    def _present(self, to: Any) -> None:
        set_property(to, "clientType", self._wanted.client_type)
        if can_set(to, "clientName"):
            set_property(to, "clientName", self._wanted.client_name)

    def take(self) -> "TakenSnapshot":
        request = self._classes.take.create()
        set_property(request, "condition", self._wanted.condition)
        set_property(request, "checkInteractionsState", ALL_STATES)
        if can_set(request, "lock"):
            # Agents would not get locked chats.
            set_property(request, "lock", False)
        answer = self.ask(request, TAKE)
        announced = "numberOfInteractions"
        total = get_property(answer, announced) if has_property(answer, announced) else None
        return TakenSnapshot(
            self, int(get_property(answer, "snapshotId")), None if total is None else int(total)
        )

    def page(self, snapshot_id: int, start: int, number: int) -> list[Properties]:
        request = self._classes.get.create()
        set_property(request, "snapshotId", snapshot_id)
        set_property(request, "startFrom", start)
        set_property(request, "numberOfInteractions", number)
        return self._classes.reading.interactions(self.ask(request, GET))

    def release(self, snapshot_id: int) -> None:
        request = self._classes.release.create()
        set_property(request, "snapshotId", snapshot_id)
        self.ask(request, RELEASE)

    def ask(self, request: Any, name: str) -> Any:
        """Return the answer to a request. Raises SnapshotFailed for none, or for a refusal."""
        try:
            answer = self._protocol.request(request, self._milliseconds())
        except Exception as error:
            raise SnapshotFailed(f"{self._address} failed at {name}: {_said(error)}.") from error
        if answer is None:
            raise SnapshotFailed(
                f"{self._address} did not answer {name} within {self._wanted.timeout_seconds:g} "
                "seconds. Allow it more by CONSOLE_POLL_TIMEOUT_SECONDS, or narrow the condition."
            )
        if "Error" in str(answer.getClass().getSimpleName()):
            raise SnapshotFailed(f"{self._address} refused {name}: {str(answer)[:SAID_MOST]}")
        return answer

    def close(self) -> None:
        sdk_classes.close_quietly(self._protocol)

    def _milliseconds(self) -> int:
        return int(self._wanted.timeout_seconds * 1000)


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """A `Snapshot` that Interaction Server knows by its number."""

    _connection: Connection
    _snapshot_id: int
    total: int | None

    def page(self, start: int, number: int) -> list[Properties]:
        return self._connection.page(self._snapshot_id, start, number)

    def release(self) -> None:
        self._connection.release(self._snapshot_id)


def _said(error: BaseException) -> str:
    """Return Java's message for an error, with its causes."""
    said: list[str] = []
    cause: Any = error
    while cause is not None and len(said) < 3:
        message = cause.getMessage() if hasattr(cause, "getMessage") else cause
        said.append(f"{type(cause).__name__.rpartition('.')[2]} ({message})")
        cause = cause.getCause() if hasattr(cause, "getCause") else None
    return ", because of ".join(said)
