"""Java classes of the project's own under public names of the vendor's SDK, and a process that uses
them: no test has a JVM in its own process.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "java"
JAVAC = shutil.which("javac")
NO_JDK = "There is no Java compiler (javac) here: install a JDK, such as default-jdk-headless."
DEADLINE_SECONDS = 60.0
# Small and quick to start; a site's JVM has its own.
OPTIONS = ("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_QUICK = ("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-proc:none", "-nowarn")

# Files of such tests are named in tests.support.spreading, so that one process compiles them all.
needs_java = pytest.mark.skipif(JAVAC is None, reason=NO_JDK)


def compiled(folder: Path) -> Path:
    """The stand-ins' classes below this folder."""
    assert JAVAC is not None, NO_JDK
    sources = sorted(str(path) for path in SOURCES.rglob("*.java"))
    command = [JAVAC, *_QUICK, "--release", "11", "-d", str(folder), *sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS * 2)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if JAVAC is None:
        pytest.skip(NO_JDK)
    return compiled(tmp_path_factory.mktemp("java-classes"))


class JavaProcess:
    """Plays scenes of tests/esp/psdk/scenes.py in a process of its own, which has the JVM."""

    def __init__(self, classes: str | Path, **settings: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.esp.psdk.scenes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ,
        )
        self._say({"classpath": [str(classes)], "options": list(OPTIONS), **settings})

    def play(self, scene: str, **arguments: Any) -> Any:
        """The result of a scene; what it raises fails the test."""
        self.begin(scene, **arguments)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=DEADLINE_SECONDS)
        answer = json.loads(line)
        assert "failed" not in answer, answer["failed"]
        return answer["result"]

    def begin(self, scene: str, **arguments: Any) -> None:
        """Play a scene without waiting for its end."""
        self._say({"scene": scene, "arguments": arguments})

    def end(self) -> tuple[int, str]:
        """Its status, and what it complained about."""
        _out, complaints = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, complaints

    def _say(self, words: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()


@pytest.fixture(scope="session")
def java(java_classes: Path) -> Iterator[JavaProcess]:
    """One process for many scenes; it must end by itself, and without a complaint."""
    process = JavaProcess(java_classes)
    yield process
    assert process.end() == (0, "")
