"""Inspects Java and class files without starting anything (the standard library alone).

So a page, a check at the start or a build can say what is missing where no JVM may run.
"""

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LEAST_JAVA = 9  # the version that JPype's own classes are compiled for
_LIBRARIES = (
    "lib/server/libjvm.so",
    "lib/server/libjvm.dylib",
    "bin/server/jvm.dll",
    "jre/lib/amd64/server/libjvm.so",
    "jre/bin/server/jvm.dll",
)
_GET_JAVA = (
    "Install one (on Debian: apt-get install default-jre-headless), or set JAVA_HOME to its folder."
)


@dataclass(frozen=True, slots=True)
class Jvm:
    """The library to load, and the version of Java (None if unknown)."""

    library: str = ""
    version: int | None = None
    complaint: str = ""


def find_jvm(java_home: str) -> Jvm:
    """Find the JVM in `java_home`, or by the `java` on PATH."""
    if java_home:
        home, where = Path(java_home), f"JAVA_HOME={java_home}"
    else:
        program = shutil.which("java")
        if program is None:
            return Jvm(complaint=f"There is no Java here. {_GET_JAVA}")
        home, where = Path(program).resolve().parents[1], program
    for library in _LIBRARIES:
        if (home / library).is_file():
            return _judged(str(home / library), _version(home))
    return Jvm(complaint=f"{where} is no Java that can be loaded (no libjvm in it). {_GET_JAVA}")


def _judged(library: str, version: int | None) -> Jvm:
    if version is not None and version < LEAST_JAVA:
        complaint = f"{library} is of Java {version}; {LEAST_JAVA} is the least. {_GET_JAVA}"
        return Jvm(library, version, complaint)
    return Jvm(library, version)


def _version(home: Path) -> int | None:
    try:
        release = (home / "release").read_text("utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(found[1]) if found else None


class Jars:
    """A class path. A folder stands for its jars and for the classes below it."""

    def __init__(self, classpath: tuple[str, ...]) -> None:
        self._named = [Path(entry) for entry in classpath]
        self.entries = [str(path) for path in self._expanded()]

    def complaints(
        self, classes: tuple[str, ...], *, java: int | None, wanted_for: str
    ) -> list[str]:
        """Return what keeps these classes from being used, each problem with its remedy."""
        found = [
            f"PSDK_CLASSPATH names {path}, which is not there or can't be read. Correct it."
            for path in self._named
            if not os.access(path, os.R_OK)
        ]
        broken = [path for path in self.entries if _is_broken(path)]
        found += [
            f"{path} in PSDK_CLASSPATH is no jar. Copy it anew from your SDK." for path in broken
        ]
        made_for = {name: self._made_for(name) for name in classes}
        missing = [name for name, version in made_for.items() if version is None]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            found.append(
                f"PSDK_CLASSPATH has no class {missing[0]}{more}. "
                f"Set it to all jars of {wanted_for}, of one version, from your own licence."
            )
        newest = max((version for version in made_for.values() if version), default=0)
        if java is not None and newest > java:
            found.append(
                f"The classes in PSDK_CLASSPATH need Java {newest}, and this is Java {java}. "
                "Set JAVA_HOME to a newer one."
            )
        return found

    def _expanded(self) -> Iterator[Path]:
        for path in self._named:
            yield path
            if path.is_dir():
                yield from sorted(path.glob("*.jar"))

    def _made_for(self, name: str) -> int | None:
        """Return the version of Java that a class needs; None if there is no such class."""
        inside = name.replace(".", "/") + ".class"
        for entry, names in self._contents.items():
            head = _in_folder(entry, inside) if names is None else _in_jar(entry, names, inside)
            if head is not None:
                # Bytes 6 and 7 are the version of the class file; 45 is that of Java 1.
                return int.from_bytes(head[6:8], "big") - 44
        return None

    @cached_property
    def _contents(self) -> dict[str, frozenset[str] | None]:
        """The names in each jar; None for a folder."""
        return {
            entry: None if Path(entry).is_dir() else _names_in(Path(entry))
            for entry in self.entries
        }


def _names_in(jar: Path) -> frozenset[str]:
    try:
        with zipfile.ZipFile(jar) as opened:
            return frozenset(opened.namelist())
    except (OSError, zipfile.BadZipFile):
        return frozenset()


def _in_folder(entry: str, inside: str) -> bytes | None:
    try:
        with (Path(entry) / inside).open("rb") as file:
            return file.read(8)
    except OSError:
        return None


def _in_jar(entry: str, names: frozenset[str], inside: str) -> bytes | None:
    if inside not in names:
        return None
    with zipfile.ZipFile(entry) as jar, jar.open(inside) as file:
        return file.read(8)


def _is_broken(entry: str) -> bool:
    path = Path(entry)
    return path.is_file() and os.access(path, os.R_OK) and not zipfile.is_zipfile(path)
