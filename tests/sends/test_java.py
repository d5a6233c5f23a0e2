"""Java is for workers and checks: what is said where it is missing, and no page starts it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import checks

from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create
from console.security.generated_secrets import made_up_key
from console.site import environment as env
from tests.support.factories import ROOT as BY
from tests.support.java_stand_ins import ROOT, java_classes, needs_java

__all__ = ["java_classes"]

JAVA_IN_PAGES = """
import sys, django
django.setup()
from django.core import checks
from django.test import Client
import console.asgi
from console.interactions.services import check_address
check_address("psdk+tls://chat1.example.com:4801?addp-timeout=10")
assert Client().get("/healthz").status_code == 200
checks.run_checks()
import asyncio
from console.esp.transports import open_channel
from console.esp import NotConnected
try:
    asyncio.run(open_channel("psdk://127.0.0.1:1", connect_timeout=5, request_timeout=5))
except NotConnected as error:
    print(error)
from pathlib import Path
print("jpype" in sys.modules, "libjvm" in Path("/proc/self/maps").read_text())
"""


def found(problems: list[checks.CheckMessage], prefix: str = "sends.") -> list[tuple[str, str]]:
    return [(str(p.id), p.msg) for p in problems if str(p.id).startswith(prefix)]


def test_without_a_class_path_nothing_is_asked_for(settings: Any) -> None:
    settings.PSDK_CLASSPATH = ()
    assert found(checks.run_checks()) == []


def test_a_class_path_that_is_of_no_use_stops_the_start(settings: Any, tmp_path: Path) -> None:
    settings.PSDK_CLASSPATH = (str(tmp_path),)
    settings.JAVA_HOME = str(tmp_path)
    (no_java, no_class) = found(checks.run_checks())
    assert no_java[0] == no_class[0] == "sends.E001"
    assert no_java[1].startswith(f"JAVA_HOME={tmp_path} is no Java")
    assert no_class[1].startswith("PSDK_CLASSPATH has no class com.genesyslab.platform.openmedia")


@needs_java
def test_a_class_path_that_is_good(settings: Any, java_classes: Path) -> None:
    settings.PSDK_CLASSPATH = (str(java_classes),)
    assert found(checks.run_checks()) == []


@pytest.mark.django_db
def test_a_chat_server_that_needs_java(settings: Any) -> None:
    settings.PSDK_CLASSPATH = ()
    with_databases: dict[str, Any] = {"tags": [checks.Tags.database], "databases": ["default"]}
    chat_server_create(BY, name="chat-east", url="esp+json://chat1.example.com:4801")
    assert found(checks.run_checks(**with_databases)) == []
    chat_server_create(BY, name="chat-west", url="PSDK+TLS://chat2.example.com:4801")
    assert found(checks.run_checks(tags=[checks.Tags.database])) == []
    problems = found(checks.run_checks(**with_databases))
    assert {code for code, _text in problems} == {"sends.W001"}
    assert problems[-1][1].startswith(
        "Chat Servers with psdk:// addresses (chat-west) can't be reached: PSDK_CLASSPATH is not"
    )
    ChatServer.objects.filter(name="chat-west").update(enabled=False)
    assert found(checks.run_checks(**with_databases)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the process by /proc")
def test_a_web_process_never_starts_java(tmp_path: Path) -> None:
    """Not by its pages, not by a check, not by an address, and not when code asks for a channel."""
    kept = {name: it for name, it in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", JAVA_IN_PAGES],
        cwd=ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "CONSOLE_DATA": str(tmp_path),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "CONSOLE_EMBEDDED": "",
            "CONSOLE_SECRET_KEY": "of no use here" * 4,
            "CONSOLE_AUDIT_KEY": made_up_key(),
            "CONSOLE_ALLOWED_HOSTS": "testserver",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "This process may not start Java. Only workers and checks do.",
        "False False",
    ]


@pytest.mark.parametrize(
    ("convert", "raw", "expected"),
    [
        (env.paths, "/a.jar:/b c", ("/a.jar", "/b c")),
        (env.paths, " : ", ()),
        (env.options, '-Xmx256m "-Dx=a b"', ("-Xmx256m", "-Dx=a b")),
        (env.file, __file__, __file__),
    ],
)
def test_settings(convert: Callable[[str], Any], raw: str, expected: Any) -> None:
    assert convert(raw) == expected


@pytest.mark.parametrize(
    ("convert", "raw", "said"),
    [
        (env.paths, "jars", "set it to whole paths with ':' between them"),
        (env.options, "Xmx1g", "set it to options that begin with a dash"),
        (env.options, '-D"', "No closing quotation"),
        (env.file, "/no/such/file", "set it to the whole path of a file"),
        (env.file, "/", "set it to the whole path of a file"),
    ],
)
def test_settings_that_are_wrong(convert: Callable[[str], Any], raw: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        convert(raw)
