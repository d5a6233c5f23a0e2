"""`manage.py poll_interactions` in a process of its own, with a JVM: over TCP, by stand-ins of the
SDK's classes (tests/ixn/java), against an Interaction Server of ours.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from console.interactions.models import Interaction, InteractionPoll
from console.security.generated_secrets import made_up_key
from tests.support import warm_start
from tests.support.demos import MANAGE
from tests.support.ixn_server import IxnServer, properties
from tests.support.ixn_tcp_server import TcpIxnServer, serving

ROOT = Path(__file__).resolve().parents[2]
JAVA = ROOT / "tests" / "ixn"
JAVAC = shutil.which("javac")
NO_JDK = "There is no Java compiler (javac) here: install a JDK, such as default-jdk-headless."
DEADLINE_SECONDS = 100
RECEIVED_AT = 1_790_000_000
DATA = {
    "ChatServerAppName": "chat-east",
    "FirstName": "Зоя 🐈",
    "LastName": "",
    "Order": {"Number": 12},
}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("java"),
    pytest.mark.skipif(JAVAC is None, reason=NO_JDK),
]


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-ins, compiled."""
    folder = tmp_path_factory.mktemp("ixn-classes")
    _compile(folder, JAVA / "java", ROOT / "tests" / "java")
    return folder


@pytest.fixture(scope="module")
def registering(classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel of another kind, to be put before them."""
    folder = tmp_path_factory.mktemp("ixn-registering")
    _compile(folder, JAVA / "java_registering", classpath=classes)
    return folder


def _compile(into: Path, *sources: Path, classpath: Path | None = None) -> None:
    assert JAVAC is not None
    files = sorted(str(file) for folder in sources for file in folder.rglob("*.java"))
    quick = ["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-proc:none", "-nowarn"]
    known = ["-cp", str(classpath)] if classpath else []
    command = [JAVAC, *quick, *known, "--release", "11", "-d", str(into), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def server() -> Iterator[TcpIxnServer]:
    chats = {
        name: properties(name, ReceivedAt=RECEIVED_AT, UserData={"InteractionId": name, **DATA})
        for name in (f"c{number}" for number in range(7))
    }
    with serving(TcpIxnServer(IxnServer(chats))) as started:
        yield started


@pytest.fixture
def poll(classes: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command against these ports."""
    settings = connection.settings_dict
    url = f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"

    def run(*ports: int, **other: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if "CONSOLE_" not in name}
        own = {
            "DATABASE_URL": url,
            "CONSOLE_DATA": str(tmp_path),
            "CONSOLE_SECRET_KEY": "of no use here" * 4,
            "CONSOLE_AUDIT_KEY": made_up_key(),
            "CONSOLE_ALLOWED_HOSTS": "console.example",
            "CONSOLE_POLL_ADDRESSES": ",".join(f"psdk://127.0.0.1:{port}" for port in ports),
            "CONSOLE_POLL_CONDITION": """kind = 'chat' AND "open" = 1""",
            "CONSOLE_POLL_PAGE_SIZE": "3",
            "CONSOLE_POLL_CLOCK_MARGIN_SECONDS": "0",
            "PSDK_CLASSPATH": str(classes),
            "PSDK_JVM_OPTIONS": "-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        }
        return warm_start.run(
            [MANAGE, "poll_interactions"],
            env={**kept, **own, **other},
            timeout=DEADLINE_SECONDS,
        )

    return run


def test_a_poll_over_the_sdk(poll: Any, server: TcpIxnServer) -> None:
    # The first address is of one that is not there.
    done = poll(1, server.port)
    assert (done.returncode, done.stdout) == (
        0,
        f"127.0.0.1:{server.port}: 7 chats in the snapshot. New 7, changed 0, ended 0.\n",
    ), done.stderr
    register, take, first, *pages, release = server.asked
    assert register == {
        "name": "RequestRegisterClient",
        "clientType": "8",
        "clientName": "notice-console",
    }
    assert take == {
        "name": "RequestTakeSnapshot",
        "condition": """kind = 'chat' AND "open" = 1""",
        "checkInteractionsState": "false",
        "lock": "false",
    }
    assert first == {
        "name": "RequestGetSnapshotInteractions",
        "snapshotId": "7",
        "startFrom": "0",
        "numberOfInteractions": "3",
    }
    assert [page["startFrom"] for page in pages] == ["3", "6"]
    assert release == {"name": "RequestReleaseSnapshot", "snapshotId": "7"}
    # A page of objects, and one of KV lists by their ids.
    for name in ("c0", "c3"):
        chat = Interaction.objects.get(pk=name)
        assert (chat.media_type, chat.tenant_id, chat.state) == ("chat", 101, "handling")
        assert (chat.queue, chat.agent, chat.chat_server_name) == ("billing", "ann", "chat-east")
        assert chat.customer_name == "Зоя 🐈"
        assert chat.user_data == {"InteractionId": name, **DATA}
    assert int(Interaction.objects.get(pk="c0").received_at.timestamp()) == RECEIVED_AT


def test_what_is_refused_over_a_channel_that_registers_itself(
    poll: Any, server: TcpIxnServer, classes: Path, registering: Path
) -> None:
    server.refusals["RequestTakeSnapshot"] = "Unknown column 'kind'"
    done = poll(server.port, PSDK_CLASSPATH=f"{registering}:{classes}")
    assert done.returncode == 1
    assert "refused RequestTakeSnapshot: Unknown column 'kind'" in done.stderr
    assert server.asked[0] == {"name": "Registration", "clientType": "EspClient"}
    assert server.names[1:] == ["RequestTakeSnapshot"]
    assert InteractionPoll.objects.get().failures_in_a_row == 1
