"""The first installation by docs/deploy.md and the upgrade by docs/upgrade.md, line by line, in
such folders: from the release before to this one."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from console.embedded.server import PROGRAMS
from console.site.version import console_version
from tests.deploy.journey import SCOPES, TEXT, Journey
from tests.deploy.machine import Machine, lines_of
from tests.support.demos import ROOT, data_folder, until
from tests.support.serving import database_url
from tests.support.simulators import running_simulator

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "0.1.9"
NAME = f"console_upgraded_{os.getpid()}"  # tests run side by side
# The proof of a send, made as an auditor by the release that runs this.
PROVE = """
from console.actors import Actor, Permission
from console.sends.models import Send
from console.sends.services import {0}
auditor = Actor("user:0", "Ann", frozenset(Permission), sees_all_teams=True)
with open("{2}", "w+b") as file:
    {0}(auditor, Send.objects.get(pk={1}), file)
"""
# Several commands in one process, which takes as long to start as each of them.
MAKE_TOKENS = """
from django.core.management import call_command
for words in {0}:
    call_command("create_api_client", *words)
"""
PUBLIC_KEY = """
from django.core.management import call_command
call_command("audit_key", "--public")
"""
VERIFY = """
from django.core.management import call_command
call_command("audit_verify")
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    with data_folder() as folder:
        made = Machine(folder)
        try:
            yield made
        finally:
            made.switch_off()


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty database, with an & in it."""
    address = database_url()
    name = urlsplit(address).path
    with psycopg.connect(address.replace(name, "/postgres", 1), autocommit=True) as opened:
        opened.execute(f"DROP DATABASE IF EXISTS {NAME}")
        opened.execute(f"CREATE DATABASE {NAME}")
        yield address.replace(name, f"/{NAME}", 1) + "&application_name=notice-console"
        opened.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def newest_migration() -> tuple[str, str]:
    """One that nothing depends on: what the release before did not have."""
    graph = MigrationLoader(connection).graph
    return next(
        (app, name)
        for app, name in sorted(graph.leaf_nodes())
        if app in ("sends", "catalogue", "webhooks") and not graph.node_map[app, name].children
    )


def fill_in(file: Path, address: str) -> None:
    """What a site writes into the example."""
    values = {
        "DATABASE_URL": address,
        "CONSOLE_SECRET_KEY": "long and random " * 5,
        "CONSOLE_ALLOWED_HOSTS": "console.example.org,127.0.0.1",
        "CONSOLE_AUDIT_KEY": base64.b64encode(b"test" * 8).decode(),
        "CONSOLE_CHECKPOINTS_TO": str(file.parent / "checkpoints"),
        "CONSOLE_METRICS_TOKEN": "0123456789abcdef" * 2,
        "CONSOLE_PG_BIN": str(PROGRAMS),
    }
    lines = file.read_text("utf-8").splitlines()
    kept = [line for line in lines if line.partition("=")[0] not in values]
    file.write_text("\n".join([*kept, *(f"{name}={it}" for name, it in values.items())]) + "\n")


def ready(machine: Machine) -> dict[str, Any]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"http://127.0.0.1:{machine.port}/readyz", timeout=30
    ) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def test_an_upgrade_by_the_letter(machine: Machine, database: str) -> None:
    app, name = newest_migration()
    machine.release(BEFORE, without=(f"console/{app}/migrations/{name}.py",))
    first, install, commands = lines_of("deploy.md", "First time")
    machine.carry_out(first)
    machine.carry_out(install.replace(console_version(), BEFORE))
    fill_in(machine.root / "etc/notice-console/console.env", database)
    asks_for_a_password = next(line for line in commands.splitlines() if "create_admin" in line)
    machine.carry_out(commands.replace(asks_for_a_password, ""))
    (units,) = lines_of("deploy.md", "With systemd")
    machine.carry_out(units)
    assert ready(machine)["version"] == BEFORE
    before = set(machine.running())

    machine.release(console_version())
    for block in (*lines_of("upgrade.md", "Before"), *lines_of("upgrade.md", "The change")):
        said = machine.carry_out(block)
        if "--plan" in block:
            assert f"{app}.{name}" in said

    assert not before & set(machine.running())
    assert len(list(machine.running())) == 4
    assert (ready(machine)["status"], ready(machine)["version"]) == ("ready", console_version())
    until(lambda: ready(machine)["queue"]["workers"] == 2)
    assert f"Notice Console {console_version()}\n" == machine.carry_out("notice-console --version")
    assert len(list((machine.root / "var/backups/notice-console").iterdir())) == 1
    machine.carry_out("notice-console audit_verify")


def test_from_the_first_release(machine: Machine, database: str, tmp_path: Path) -> None:
    """What was sent stays proven, and what waited is sent once. Programs keep their tokens."""
    tokens = _first_release_runs(machine, database)
    assert "version" not in ready(machine)
    programs = Journey(f"http://127.0.0.1:{machine.port}", tokens)
    with running_simulator("chat-east", tmp_path / "journal.jsonl") as chat_server:
        for chat in ("before", "across", "after"):
            chat_server.control("open_session", interaction_id=chat, user_data={})
        programs.register("chat-east", chat_server.url)
        programs.publish("hold")
        programs.feed("chat-east", "before", "across", "after")
        before = programs.send("hold", "before")
        until(lambda: programs.outcomes(before) == ["delivered"])
        old_proof = tmp_path / "of-0.1.0.zip"
        prove = PROVE.format("send_prove", before, old_proof)
        key = machine.manage_first("shell", "-c", prove + PUBLIC_KEY).split()[-1]
        programs.call("setup", "PUT", "sending-stop/", {"reason": "Upgrade"})
        across = programs.send("hold", "across")

        _upgrade_from_the_first(machine)

        programs.call("setup", "DELETE", "sending-stop/")
        until(lambda: programs.outcomes(across) == ["delivered"])
        after = programs.send("hold", "after")
        until(lambda: programs.outcomes(after) == ["delivered"])
        assert programs.outcomes(before) == ["delivered"]
        for chat in ("before", "across", "after"):
            said = [one["text"] for one in chat_server.transcript(chat) if one.get("text") == TEXT]
            assert said == [TEXT]
    new_proof = tmp_path / "of-now.zip"
    prove = PROVE.replace("console.sends.services", "console.sends.proof.issue")
    prove = prove.format("send_prove", before, new_proof)
    machine.carry_out(f"notice-console shell -v0 -c '{prove}{VERIFY}'")
    for proof in (old_proof, new_proof):
        verify = [sys.executable, str(ROOT / "console/audit/verify.py"), str(proof), "--key", key]
        done = subprocess.run(verify, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((machine.root / "var/backups/notice-console").iterdir())) == 1


def _first_release_runs(machine: Machine, database: str) -> dict[str, str]:
    """Install 0.1.0 as its own documents say, behind a link, and start it; the tokens of its
    programs."""
    release = machine.first_release()
    (release / ".venv").symlink_to(sys.prefix)
    release.rename(machine.root / "opt/notice-console-0.1.0")
    release.symlink_to(machine.root / "opt/notice-console-0.1.0")
    (units,) = lines_of("deploy.md", "With systemd", docs=release / "docs")
    install, daemon_reload, enable = units.partition("systemctl daemon-reload\n")
    machine.carry_out(f"cd /opt/notice-console\n{install}{daemon_reload}")
    fill_in(machine.root / "etc/notice-console/console.env", database)
    machine.manage_first("migrate", "-v0")
    words = [
        [who, *(f"--scope={it}" for it in scopes.split() if it != "approve")]
        for who, scopes in SCOPES.items()
    ]
    said = machine.manage_first("shell", "-c", MAKE_TOKENS.format(words))
    tokens = dict(zip(SCOPES, re.findall(r"\bncon_\S+", said), strict=True))
    machine.carry_out(enable)
    return tokens


def _upgrade_from_the_first(machine: Machine) -> None:
    make_folder, change = lines_of("upgrade.md", "From 0.1.0")
    machine.carry_out(make_folder)
    machine.release(console_version())
    for block in lines_of("upgrade.md", "Before"):
        machine.carry_out(block)
    stop_workers = next(b for b in lines_of("upgrade.md", "The change") if "worker@*" in b)
    machine.carry_out(stop_workers)
    machine.carry_out(change)
    assert (ready(machine)["status"], ready(machine)["version"]) == ("ready", console_version())
    assert len(list(machine.running())) == 4


def test_a_folder_in_place_of_the_link_is_refused(machine: Machine) -> None:
    """`ln -sfn` put the link into it, and nothing had changed."""
    (machine.root / "opt/notice-console/current").mkdir(parents=True)
    change = next(b for b in lines_of("upgrade.md", "The change") if "ln -sfnT" in b)
    with pytest.raises(AssertionError, match="cannot overwrite directory"):
        machine.carry_out(change)
    assert os.listdir(machine.root / "opt/notice-console/current") == []
