"""schemathesis against the running console: every call of the OpenAPI document, with all checks.

`make fuzz` runs it longer, with a seed of its own each time. The seed is printed with a failure:
FUZZ_SEED=n for one again, 0 for any.
"""

import base64
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.roles import Role
from console.api.openapi.document import api_document
from console.audit.checkpoints import own_public_key
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.services import webhook_test
from tests.support.demos import environment
from tests.support.factories import ROOT, make_public_webhook
from tests.support.serving import Server, serving
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

TREE = Path(__file__).resolve().parents[2]
FOLDER = TREE / "tools" / "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
# Of so many calls, drawn by the seed, every limit of every field is tried; 0: of all.
THOROUGH = int(os.environ.get("FUZZ_THOROUGH", "4"))
SEED = int(os.environ.get("FUZZ_SEED", "1")) or random.SystemRandom().randrange(1, 2**32)
SECONDS = 280 if THOROUGH else 7200
# The limits of all fields of these make more calls than that, since an audience may stand in an
# audience. They are tried when all are.
TOO_MANY = (
    "audiences_create",
    "audiences_update",
    "playbooks_create",
    "playbooks_update",
)


@pytest.fixture
def server() -> Iterator[Server]:
    key = base64.b64encode(b"fuzz" * 8).decode()
    often = "9999999/min"
    with serving(
        CONSOLE_AUDIT_KEY=key,
        CONSOLE_AUDIT_OLD_KEYS=own_public_key(),  # of what the test itself has written
        CONSOLE_API_RATE=often,
        CONSOLE_STRANGER_RATE=often,
    ) as running:
        yield running


@pytest.fixture
def world(
    team: Team,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    """One of each thing that there is, by names and numbers that a fuzzer comes upon."""
    make_notice("Hello {{ data.FirstName }}.", key="0")
    chat = make_interaction("0")
    make_interaction("1", queue="sales")
    send_create(ROOT, SendOrder(notice_key="0", interactions=[chat.pk]))
    webhook_test(ROOT, make_public_webhook())


def _config(server: Server) -> Path:
    """schemathesis.toml, and which calls are not to be tried as thoroughly as the rest."""
    text = (FOLDER / "schemathesis.toml").read_text("utf-8")
    if THOROUGH:
        names = sorted(
            operation["operationId"]
            for methods in api_document()["paths"].values()
            for operation in methods.values()
        )
        random.Random(SEED).shuffle(names)
        assert set(TOO_MANY) <= set(names)
        tried = [name for name in names if name not in TOO_MANY][:THOROUGH]
        listed = ", ".join(f'"{name}"' for name in names if name not in tried)
        text += f"\n[[operations]]\ninclude-operation-id = [{listed}]\n"
        text += "phases.coverage.enabled = false\n"
    path = server.data / "schemathesis.toml"
    path.write_text(text, "utf-8")
    return path


def schemathesis(
    server: Server, headers: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(_config(server)), "run"),
        f"{server.address}/api/v1/schema/",
        *(part for header in headers.items() for part in ("--header", ": ".join(header))),
        *("--seed", str(SEED), "--max-examples", str(EXAMPLES)),
        *arguments,
    ]
    return subprocess.run(
        command,
        cwd=server.data,  # where it leaves what it remembers
        env=environment(server.data) | {"PYTHONPATH": str(TREE), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def check(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\nFUZZ_SEED={SEED}"


@pytest.mark.timeout(SECONDS)
def test_the_api_is_as_its_document_says(
    world: None, server: Server, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    """As a program that may do all that programs may."""
    check(schemathesis(server, {"Authorization": f"Bearer {make_client(*Scope.values)[1]}"}))


@pytest.mark.timeout(SECONDS)
def test_what_people_alone_may_do_is_too(
    world: None, server: Server, client: Client, make_user: Callable[..., User]
) -> None:
    """As a person's page calls it: by the session, with its CSRF token."""
    sign_in(client, make_user("mia", *Role.values))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    token = "a" * 32
    headers = {
        "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}",
        "X-CSRFToken": token,
    }
    paths = "/(audit|sends/{send_id}/(approve|reject))/"
    # It adds a token that is none to a session that is good, and takes the answer for a hole.
    others = ("--exclude-checks", "ignored_auth")
    check(schemathesis(server, headers, "--include-path-regex", paths, *others))
