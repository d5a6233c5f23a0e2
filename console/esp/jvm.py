"""One Java virtual machine in the process, for classes that the operator supplies. No Django.

A process that may start one says so first by `allow`: a web process never does, so that nothing
which it imports can. JPype is imported no earlier than that.

What was learnt about JPype, and is taken care of here: a process has one JVM, once; a JVM takes
over SIGINT and SIGTERM unless told otherwise; a thread that has called Java stays known to it until
it is detached; a JVM that is asked to end with the process waits for threads of any library; and a
thread that comes back from Java while Python ends aborts the process.
"""

import asyncio
import atexit
import importlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar
from weakref import WeakSet

from console.esp.errors import EspError
from console.esp.jars import Jars, find_jvm
from console.text.sentences import term

T = TypeVar("T")

# Signals are the process's own: its worker finishes what is on the wire when it is asked to end.
OWN_OPTIONS = ("-Xrs",)
GOODBYE_SECONDS = 2.0


class JavaUnavailable(EspError):
    """There is no JVM in this process, or a class that is needed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class JvmSettings:
    """The operator's own: `classpath` has jars, folders of jars and folders of classes; without
    `java_home` the `java` on PATH is taken; `options` are the JVM's own, such as -Xmx256m."""

    classpath: tuple[str, ...] = ()
    java_home: str = ""
    options: tuple[str, ...] = ()


_lock = threading.Lock()
_allowed: JvmSettings | None = None
_jpype: Any = None  # once the JVM has started
_threads: "WeakSet[threading.Thread]" = WeakSet()


def allow(settings: JvmSettings) -> None:
    """This process may start a JVM, by these settings. Nothing is started yet."""
    global _allowed
    _allowed = settings


def is_started() -> bool:
    """Whether this process has its JVM."""
    return _jpype is not None


def problems(settings: JvmSettings, *, classes: tuple[str, ...], wanted_for: str) -> list[str]:
    """What would keep Java classes from being used, each with what to do. Starts nothing.

    `wanted_for` says of what the classes are, as in "the Platform SDK for Java".
    """
    found = []
    if find_spec("jpype") is None:
        found.append("JPype is not installed. Install it: pip install jpype1")
    jvm = find_jvm(settings.java_home)
    if jvm.complaint:
        found.append(jvm.complaint)
    if not settings.classpath:
        return [
            *found,
            term(
                "PSDK_CLASSPATH is not set. Set it to the jars of {wanted_for}, or to their "
                "folder: they come with your own licence, and are not part of this console.",
                wanted_for=wanted_for,
            ),
        ]
    jars = Jars(settings.classpath)
    return [*found, *jars.complaints(classes, java=jvm.version, wanted_for=wanted_for)]


def start() -> None:
    """Start the JVM, if there is none yet. Takes a second or so. Raises JavaUnavailable."""
    global _jpype
    with _lock:
        if _jpype is None:
            _jpype = _started(_allowed)


def java_class(name: str) -> Any:
    """A class by its whole name. Raises JavaUnavailable; only after `start`."""
    try:
        return _jpype.JClass(name)
    except Exception as error:
        raise JavaUnavailable(
            term(
                "Java has no usable class {name} ({error}). Check PSDK_CLASSPATH with manage.py "
                "check.",
                name=name,
                error=error,
            )
        ) from error


def null_of(name: str) -> Any:
    """A null of this class, where null alone leaves open which method is meant."""
    return _jpype.JObject(None, java_class(name))


def implementing(interface: str) -> Callable[[type[T]], type[T]]:
    """A class decorator: its objects can be handed to Java as this interface."""
    decorator: Callable[[type[T]], type[T]] = _jpype.JImplements(interface)
    return decorator


def overriding(method: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator for the methods that `implementing` asks for."""
    decorated: Callable[..., Any] = _jpype.JOverride(method)
    return decorated


def detach_thread() -> None:
    """The current thread calls Java no more. Without this Java would know it for ever."""
    if _jpype is not None and _jpype.java.lang.Thread.isAttached():
        _jpype.java.lang.Thread.detach()


async def in_thread(function: Callable[[], T], name: str) -> T:
    """Run what may block in Java on a thread of its own, so that the event loop goes on.

    Where nobody waits any more its result is dropped: it must not leave anything behind then.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:
            post(loop, _fail, done, error)
        else:
            post(loop, _succeed, done, result)

    aside(run, name)
    return await done


def aside(function: Callable[[], object], name: str) -> None:
    """Run what calls Java on a thread of its own, for which nobody waits."""

    def run() -> None:
        try:
            function()
        finally:
            detach_thread()

    # A daemon: Java may well not return, and the process must be able to end.
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    _threads.add(thread)


def post(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    """Have the loop call it, from any thread; a loop that is over needs nothing any more."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        return


def _fail(done: "asyncio.Future[Any]", error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


def _succeed(done: "asyncio.Future[Any]", result: Any) -> None:
    if not done.done():
        done.set_result(result)


def _started(settings: JvmSettings | None) -> Any:
    if settings is None:
        raise JavaUnavailable(term("This process may not start Java. Only workers and checks do."))
    jvm = find_jvm(settings.java_home)
    if jvm.complaint:
        raise JavaUnavailable(jvm.complaint)
    try:
        jpype = importlib.import_module("jpype")
    except ImportError as error:
        raise JavaUnavailable(
            term("JPype is not installed. Install it: pip install jpype1")
        ) from error
    config: Any = importlib.import_module("jpype.config")
    # At the end of the process nobody waits for threads that a library in the JVM has left.
    config.destroy_jvm = False
    atexit.register(_part_with_java)
    try:
        jpype.startJVM(
            *OWN_OPTIONS,
            *settings.options,
            jvmpath=jvm.library,
            classpath=Jars(settings.classpath).entries,
            convertStrings=False,
            interrupt=True,
        )
    except Exception as error:
        raise JavaUnavailable(
            term(
                "Java from {library} did not start: {error} Check PSDK_CLASSPATH, JAVA_HOME and "
                "PSDK_JVM_OPTIONS with manage.py check.",
                library=jvm.library,
                error=error,
            )
        ) from error
    return jpype


def _part_with_java() -> None:
    """Before Python ends: a thread that came back from Java into what is left of it would abort the
    process. Those that do not come back in time are not waited for."""
    deadline = time.monotonic() + GOODBYE_SECONDS
    for thread in list(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    if _jpype is not None:
        with suppress(Exception):  # JPype's own, and not documented: where it is not, so be it
            _jpype.JClass("org.jpype.ref.JPypeReferenceQueue").getInstance().stop()
