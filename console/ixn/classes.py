"""Finds the SDK's classes by their names, and reads and writes properties of its objects.

The project's domain page names requests and properties, but not their packages or methods. So a
class is looked up in the operator's jars, and a property is read and written by the convention of
Java beans: `snapshotId` by getSnapshotId and setSnapshotId (docs/poller.md).
"""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from console.esp import jvm
from console.ixn.errors import SnapshotFailed

ROOT = "com.genesyslab.platform.openmedia.protocol"


def class_named(simple_name: str, classpath: Sequence[str]) -> Any:
    """Return the one class with this name below the package of the SDK's open-media protocols."""
    inside = f"{ROOT.replace('.', '/')}/"
    found = sorted(
        {
            name.removesuffix(".class").replace("/", ".")
            for name in _names(classpath)
            if name.startswith(inside) and name.rpartition("/")[2] == f"{simple_name}.class"
        }
    )
    if len(found) != 1:
        has = f"has {len(found)} classes" if found else "has no class"
        raise SnapshotFailed(
            f"PSDK_CLASSPATH {has} {simple_name} below {ROOT}. Set it to all jars of the Platform "
            "SDK for Java, of one version, from your own licence."
        )
    return jvm.java_class(found[0])


def _names(classpath: Sequence[str]) -> Iterator[str]:
    """Yield all files in jars and folders of the class path, named as in a jar."""
    for entry in map(Path, classpath):
        if entry.is_dir():
            yield from (path.relative_to(entry).as_posix() for path in entry.rglob("*.class"))
        elif zipfile.is_zipfile(entry):
            with zipfile.ZipFile(entry) as jar:
                yield from jar.namelist()


def has_property(message: Any, name: str) -> bool:
    return hasattr(message, _getter(name))


def get_property(message: Any, name: str) -> Any:
    """Read a property. Raises SnapshotFailed if there is none, naming those that exist."""
    if not has_property(message, name):
        raise SnapshotFailed(
            f"The SDK's {_simple_name(message)} has no {_getter(name)}; it has "
            f"{', '.join(getters(message)) or 'nothing to read'}. This SDK is of another kind than "
            "docs/poller.md knows."
        )
    return getattr(message, _getter(name))()


def set_property(message: Any, name: str, value: int | str | bool) -> None:
    """Write a property, converted to its type. Raises SnapshotFailed if that is not possible."""
    setter = getattr(message, _setter(name), None)
    for candidate in _as_java(message, name, value):
        try:
            if setter is not None:
                setter(candidate)
                return
        except TypeError:
            continue
    raise SnapshotFailed(
        f"The SDK's {_simple_name(message)} takes no {name} of {value!r} by {_setter(name)}. This "
        "SDK is of another kind than docs/poller.md knows."
    )


def can_set(message: Any, name: str) -> bool:
    return hasattr(message, _setter(name))


def getters(message: Any) -> list[str]:
    """Return the names of an object's getters."""
    return sorted(
        {
            str(method.getName())
            for method in message.getClass().getMethods()
            if str(method.getName()).startswith("get")
            and len(method.getParameterTypes()) == 0
            and str(method.getName()) != "getClass"
        }
    )


def number_of(constant: Any) -> int | None:
    """Return the number of an enumeration's constant: from its own method, or else its position."""
    says = [
        str(method.getName())
        for method in constant.getClass().getMethods()
        if len(method.getParameterTypes()) == 0
        and str(method.getReturnType().getName()) in ("int", "java.lang.Integer")
        and str(method.getName()) not in ("hashCode", "ordinal")
    ]
    for name in [*says, "ordinal"]:
        if hasattr(constant, name):
            return int(getattr(constant, name)())
    return None


def _as_java(message: Any, name: str, value: int | str | bool) -> Iterator[Any]:
    yield value
    if isinstance(value, str):
        return
    boxed = "java.lang.Boolean" if isinstance(value, bool) else "java.lang.Integer"
    yield jvm.java_class(boxed).valueOf(value)
    if value in (0, 1):
        yield bool(value)
        yield jvm.java_class("java.lang.Boolean").valueOf(bool(value))
    yield from _constants(message, name, int(value))


def _constants(message: Any, name: str, number: int) -> Iterator[Any]:
    """Yield constants with this number, if the property is of an enumeration."""
    for method in message.getClass().getMethods():
        if str(method.getName()) == _setter(name) and len(method.getParameterTypes()) == 1:
            kind = method.getParameterTypes()[0]
            for field in kind.getFields():
                if field.getType().equals(kind):
                    constant = field.get(None)
                    if number_of(constant) == number:
                        yield constant


def _getter(name: str) -> str:
    return f"get{name[0].upper()}{name[1:]}"


def _setter(name: str) -> str:
    return f"set{name[0].upper()}{name[1:]}"


def _simple_name(message: Any) -> str:
    return str(message.getClass().getSimpleName())
