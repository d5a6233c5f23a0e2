"""One Java virtual machine in the process, for classes that the operator supplies. No Django.

A process that may start one calls `allow` first. A web process never does, so nothing that it
imports can start one. JPype is imported no earlier than that.

This module takes care of these properties of JPype: a process has one JVM, once; a JVM takes over
SIGINT and SIGTERM unless told otherwise; a thread that has called Java stays attached until it is
detached; a JVM that ends with the process waits for threads of any library; and a thread that
returns from Java while Python ends aborts the process.
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

# The process handles signals itself: its worker finishes what is on the wire before it ends.
OWN_OPTIONS = ("-Xrs",)
GOODBYE_SECONDS = 2.0


class JavaUnavailable(EspError):
    """This process has no JVM, or a class is missing. The text says what to do."""


@dataclass(frozen=True, slots=True)
class JvmSettings:
    """The operator's settings. `classpath` has jars, folders of jars and folders of classes.
    Without `java_home` the `java` on PATH is used. `options` are the JVM's own, such as
    -Xmx256m."""

    classpath: tuple[str, ...] = ()
    java_home: str = ""
    options: tuple[str, ...] = ()


_lock = threading.Lock()
_allowed: JvmSettings | None = None
_jpype: Any = None  # set when the JVM has started
_threads: "WeakSet[threading.Thread]" = WeakSet()


def allow(settings: JvmSettings) -> None:
    """Allow this process to start a JVM with these settings. Starts nothing yet."""
    global _allowed
    _allowed = settings


def is_started() -> bool:
    """Return whether this process has a running JVM."""
    return _jpype is not None


def problems(settings: JvmSettings, *, classes: tuple[str, ...], wanted_for: str) -> list[str]:
    """Return what would keep Java classes from being used, each problem with its remedy.

    Starts nothing. `wanted_for` names where the classes come from, as in "the Platform SDK for
    Java".
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
    """Start the JVM if it is not running. Takes about a second. Raises JavaUnavailable."""
    global _jpype
    with _lock:
        if _jpype is None:
            _jpype = _started(_allowed)


def java_class(name: str) -> Any:
    """Return a class by its full name, after `start`. Raises JavaUnavailable."""
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
    """Return a null of this class, for calls in which a plain null is ambiguous."""
    return _jpype.JObject(None, java_class(name))


def implementing(interface: str) -> Callable[[type[T]], type[T]]:
    """Return a class decorator that makes a class implement this Java interface."""
    decorator: Callable[[type[T]], type[T]] = _jpype.JImplements(interface)
    return decorator


def overriding(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method as an implementation of the interface's."""
    decorated: Callable[..., Any] = _jpype.JOverride(method)
    return decorated


def detach_thread() -> None:
    """Detach the current thread, which calls Java no more. Otherwise it would stay attached."""
    if _jpype is not None and _jpype.java.lang.Thread.isAttached():
        _jpype.java.lang.Thread.detach()


async def in_thread(function: Callable[[], T], name: str) -> T:
    """Run a function that may block in Java on a thread of its own, so that the event loop goes on.

    If the caller stops waiting, the result is dropped, so the function must not leave anything
    behind.
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
    """Run a function that calls Java on a thread of its own, without waiting for it."""

    def run() -> None:
        try:
            function()
        finally:
            detach_thread()

    # A daemon: Java may never return, and the process must be able to end.
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    _threads.add(thread)


def post(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    """Schedule a callback on the loop, from any thread. A closed loop needs it no more."""
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
    # When the process ends, do not wait for threads that a library in the JVM has left.
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
    """Wait briefly for threads in Java before Python ends: a thread that returned from Java into an
    ending Python would abort the process."""
    deadline = time.monotonic() + GOODBYE_SECONDS
    for thread in list(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    if _jpype is not None:
        with suppress(Exception):  # JPype's own and undocumented, so it may be missing
            _jpype.JClass("org.jpype.ref.JPypeReferenceQueue").getInstance().stop()
