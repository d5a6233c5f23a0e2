"""Starting Java: once, where a process may, with signals and the end of the process left alone."""

import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from console.esp import jvm
from console.esp.jars import find_jvm
from console.esp.psdk.sdk import CLASSES, WANTED_FOR
from tests.esp.support import SimulatorProcess
from tests.support.java_stand_ins import OPTIONS, ROOT, JavaProcess, needs_java

JAVA_21, JAVA_8 = 21 + 44, 8 + 44


def problems(*classpath: str | Path, java_home: str = "") -> list[str]:
    settings = jvm.JvmSettings(tuple(map(str, classpath)), java_home)
    return jvm.problems(settings, classes=CLASSES, wanted_for=WANTED_FOR)


def jar_of(path: Path, *classes: str, version: int = JAVA_8) -> Path:
    """A jar with class files that have nothing but a head."""
    with zipfile.ZipFile(path, "w") as jar:
        for name in classes:
            head = b"\xca\xfe\xba\xbe\0\0" + version.to_bytes(2, "big")
            jar.writestr(name.replace(".", "/") + ".class", head)
    return path


def java_home_of(folder: Path, version: str) -> str:
    (folder / "lib/server").mkdir(parents=True)
    (folder / "lib/server/libjvm.so").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return str(folder)


# --- What is missing, found without starting anything --------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> str:
    return java_home_of(tmp_path / "java-17", "17.0.15")


def test_nothing_is_wrong(tmp_path: Path, home: str) -> None:
    half = len(CLASSES) // 2
    jar_of(tmp_path / "a.jar", *CLASSES[:half])
    jar_of(tmp_path / "b.jar", *CLASSES[half:])
    assert problems(tmp_path, java_home=home) == []
    assert problems(tmp_path / "a.jar", tmp_path / "b.jar", java_home=home) == []
    assert not jvm.is_started()
    assert "jpype" not in sys.modules


def test_a_folder_of_classes_is_as_good(tmp_path: Path, home: str) -> None:
    with zipfile.ZipFile(jar_of(tmp_path / "all.zip", *CLASSES)) as jar:
        jar.extractall(tmp_path / "classes")
    assert problems(tmp_path / "classes", java_home=home) == []
    (said,) = problems(tmp_path / "classes" / "com", java_home=home)
    assert "has no class" in said


def test_no_jars_are_set(home: str) -> None:
    (said,) = problems(java_home=home)
    assert said.startswith("PSDK_CLASSPATH is not set. Set it to the jars of the Platform SDK")
    assert "your own licence" in said


def test_jars_that_are_not_there(tmp_path: Path, home: str) -> None:
    missing, absent = problems(tmp_path / "sdk", java_home=home)
    assert f"names {tmp_path / 'sdk'}, which is not there" in missing
    assert f"has no class {CLASSES[0]} and {len(CLASSES) - 1} more" in absent


def test_a_class_that_is_missing(tmp_path: Path, home: str) -> None:
    jar = jar_of(tmp_path / "a.jar", *CLASSES[1:])
    (said,) = problems(jar, java_home=home)
    assert f"has no class {CLASSES[0]}. Set it to all jars" in said


def test_what_is_no_jar(tmp_path: Path, home: str) -> None:
    (tmp_path / "broken.jar").write_bytes(b"PK and no more")
    jar = jar_of(tmp_path / "a.jar", *CLASSES)
    (said,) = problems(jar, tmp_path / "broken.jar", java_home=home)
    assert said.endswith("broken.jar in PSDK_CLASSPATH is no jar. Copy it anew from your SDK.")


def test_classes_for_a_newer_java(tmp_path: Path, home: str) -> None:
    jar = jar_of(tmp_path / "a.jar", *CLASSES, version=JAVA_21)
    (said,) = problems(jar, java_home=home)
    assert said.startswith("The classes in PSDK_CLASSPATH need Java 21, and this is Java 17.")


def test_a_java_that_is_too_old(tmp_path: Path) -> None:
    jar = jar_of(tmp_path / "a.jar", *CLASSES)
    (said,) = problems(jar, java_home=java_home_of(tmp_path / "java-8", "1.8.0_402"))
    assert "is of Java 8; 9 is the least" in said


def test_a_java_that_does_not_say_its_version(tmp_path: Path, home: str) -> None:
    (Path(home) / "release").unlink()
    jar = jar_of(tmp_path / "a.jar", *CLASSES, version=JAVA_21)
    assert problems(jar, java_home=home) == []
    (Path(home) / "release").write_text("nothing of use")
    assert find_jvm(home).version is None


def test_no_java_at_the_place_that_is_set(tmp_path: Path) -> None:
    jar = jar_of(tmp_path / "a.jar", *CLASSES)
    (said,) = problems(jar, java_home=str(tmp_path))
    assert said.startswith(f"JAVA_HOME={tmp_path} is no Java that can be loaded")
    assert "apt-get install default-jre-headless" in said


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (said,) = problems(jar_of(tmp_path / "a.jar", *CLASSES))
    assert said.startswith("There is no Java here. Install one")


def test_the_java_on_path_is_taken(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(home) / "bin" / "java"
    program.parent.mkdir()
    program.touch()
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_jvm("").library == f"{home}/lib/server/libjvm.so"


def test_no_jpype(tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "find_spec", lambda name: None)
    (said,) = problems(jar_of(tmp_path / "a.jar", *CLASSES), java_home=home)
    assert said == "JPype is not installed. Install it: pip install jpype1"


# --- Starting it ---------------------------------------------------------------------------------


def test_a_process_that_was_not_allowed_starts_none() -> None:
    with pytest.raises(jvm.JavaUnavailable, match="This process may not start Java"):
        jvm.start()
    assert not jvm.is_started()
    jvm.detach_thread()  # of no effect without Java


@pytest.mark.parametrize(
    ("java_home", "without", "said"),
    [
        ("/nowhere", "", "JAVA_HOME=/nowhere is no Java"),
        ("", "jpype", "JPype is not installed"),
    ],
)
def test_why_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, java_home: str, without: str, said: str, home: str
) -> None:
    monkeypatch.setattr(jvm, "_allowed", jvm.JvmSettings(java_home=java_home or home))
    if without:
        monkeypatch.setitem(sys.modules, without, None)
    with pytest.raises(jvm.JavaUnavailable, match=said):
        jvm.start()


@needs_java
class TestWithJava:
    def test_a_class_that_is_not_there(self, java: JavaProcess) -> None:
        said = java.play("missing_class")
        assert "Java has no usable class com.genesyslab.platform.NotThere" in said

    def test_results_that_nobody_waits_for(self, java: JavaProcess) -> None:
        assert java.play("nobody_waits") == [True, True]

    def test_an_option_that_java_does_not_know(self, simulator: SimulatorProcess) -> None:
        process = JavaProcess("/nowhere", options=["-XX:+NoSuchOption"])
        url = simulator.url.replace("esp+json", "psdk")
        (outcome,) = process.play("ask", url=url, requests=[{"text": "Hello"}])
        assert outcome["kind"] == "not_sent"
        assert "did not start" in outcome["detail"]
        assert "PSDK_JVM_OPTIONS" in outcome["detail"]
        code, _complaints = process.end()
        assert code == 0

    def test_jars_without_the_sdk(self, simulator: SimulatorProcess, tmp_path: Path) -> None:
        process = JavaProcess(tmp_path)
        url = simulator.url.replace("esp+json", "psdk")
        (outcome,) = process.play("ask", url=url, requests=[{"text": "Hello"}])
        assert outcome["kind"] == "not_sent"
        assert "Java has no usable class com.genesyslab.platform" in outcome["detail"]
        assert process.end() == (0, "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signals_stay_the_processes_own(self, number: signal.Signals) -> None:
        """And with faulthandler before it Java's own use of SIGSEGV makes no noise."""
        program = (
            "import asyncio, os, signal\n"
            "from console.esp import jvm\n"
            f"jvm.allow(jvm.JvmSettings(options={OPTIONS!r}))\n"
            "async def main():\n"
            "    stop = asyncio.Event()\n"
            f"    asyncio.get_running_loop().add_signal_handler({int(number)}, stop.set)\n"
            "    await jvm.in_thread(jvm.start, 'java')\n"
            f"    os.kill(os.getpid(), {int(number)})\n"
            "    await asyncio.wait_for(stop.wait(), 20)\n"
            "    print('still here', jvm.is_started())\n"
            "asyncio.run(main())\n"
        )
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-W", "error", "-c", program],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "still here True\n", "")

    def test_jvm_killed(self, java_classes: Path, simulator: SimulatorProcess) -> None:
        """kill -9 while requests wait: the process is gone, and its outcomes with it."""
        simulator.set_faults(silent_every=1)
        process = JavaProcess(java_classes)
        url = simulator.url.replace("esp+json", "psdk")
        fields = {"text": "Hello", "user_data": [["InteractionId", "killed"]]}
        process.begin("ask", url=url, requests=[fields])
        deadline = time.monotonic() + 30
        while not any(line["interaction_id"] == "killed" for line in simulator.journalled()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.process.kill()
        code, _complaints = process.end()
        assert code == -signal.SIGKILL
