"""docs/postgresql.md on a new cluster: its two roles, what the application's may not, and a notice
that the console sends with it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from psycopg import errors

from console.database.budget import WORKER_CONNECTIONS
from console.embedded.server import PROGRAMS
from tests.deploy.journey import SCOPES, TEXT, Journey
from tests.deploy.pooler import pooler
from tests.support import warm_start
from tests.support.demos import MANAGE, ROOT, Program, data_folder, environment, until
from tests.support.serving import Server, site_settings
from tests.support.simulators import running_simulator
from tools.torture.cluster import Cluster

PSQL = PROGRAMS / "psql"
DOCUMENT = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
LEDGER = ("audit_auditentry", "audit_auditcheckpoint", "audit_auditseal")


class Site:
    """A cluster that was set up by the document."""

    def __init__(self, cluster: Cluster, data: Path) -> None:
        self.cluster = cluster
        self.data = data

    def url(self, role: str) -> str:
        return f"postgresql://{role}:secret-of-{role}@127.0.0.1:{self.cluster.port}/console"

    def settings(self, role: str) -> dict[str, str]:
        return site_settings(self.url(role))

    def manage(self, *words: str, role: str = "console") -> str:
        done = warm_start.run([MANAGE, *words], env=environment(self.data) | self.settings(role))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def psql(self, line: str) -> None:
        """A line of the document, by its role, on this cluster."""
        words = [ROOT / word if word.startswith("deploy/") else word for word in line.split()[1:]]
        role = "postgres" if "-U" not in words else words[words.index("-U") + 1]
        address = {"PGHOST": "127.0.0.1", "PGPORT": str(self.cluster.port), "PGUSER": str(role)}
        command = [str(PSQL), *map(str, words)]
        done = subprocess.run(
            command, env={**os.environ, **address}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with data_folder() as folder:
        folder.chmod(0o755)
        cluster = Cluster(folder)
        cluster.start()
        try:
            made = Site(cluster, folder / "data")
            roles, grants, pooled = re.findall(r"(?m)^ {4}(psql .*-f .*)$", DOCUMENT)
            made.psql(roles)
            with cluster.connect() as opened:  # as \password does, which asks a person
                for role in ("console_owner", "console"):
                    opened.execute(f"ALTER ROLE {role} PASSWORD 'secret-of-{role}'")
            made.manage("migrate", "-v0", role="console_owner")
            made.psql(grants)
            made.psql(pooled)
            yield made
        finally:
            cluster.stop_immediately()
            assert cluster.process is not None
            cluster.process.wait(30)


@pytest.fixture
def application(site: Site) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    with psycopg.connect(site.url("console"), autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "ALTER TABLE audit_auditentry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entry_kept ON audit_auditentry",
        "ALTER TABLE sends_delivery ADD COLUMN mine int",
        "DROP TABLE sends_delivery",
        "TRUNCATE sends_delivery",
        "DELETE FROM django_migrations",
        "SET session_replication_role = replica",
        *(f"DELETE FROM {table}" for table in LEDGER),
        *(f"TRUNCATE {table}" for table in LEDGER),
        "UPDATE audit_auditentry SET action = 'mine'",
        "UPDATE audit_auditcheckpoint SET hash = 'mine'",
        "UPDATE audit_auditseal SET hash = 'mine'",
    ],
)
def test_the_application_may_not(
    application: "psycopg.Connection[tuple[Any, ...]]", statement: str
) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(statement)


def test_nobody_else_comes_in(site: Site) -> None:
    with site.cluster.connect() as opened:
        opened.execute("DROP ROLE IF EXISTS stranger")
        opened.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(site.url("stranger"))


@pytest.fixture(scope="module")
def tokens(site: Site) -> dict[str, str]:
    return {
        who: site.manage(
            "create_api_client", who, *(f"--scope={it}" for it in scopes.split())
        ).split()[-1]
        for who, scopes in SCOPES.items()
    }


@pytest.fixture(params=["directly", "through a pooler"])
def way(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of web server and worker, by how they reach the cluster."""
    if request.param == "directly":
        yield site.settings("console")
        return
    with pooler(site.cluster.port) as port:
        url = site.url("console").replace(f":{site.cluster.port}/", f":{port}/")
        yield site.settings("console") | {"DATABASE_URL": url}


def test_a_notice_is_sent_by_the_applications_role(
    site: Site, tokens: dict[str, str], way: dict[str, Any], tmp_path: Path
) -> None:
    """From its first line of set-up on: people's rules, ledger, queue, worker."""
    name = "hold" if way == site.settings("console") else "pooled"
    server = Server(site.data, **way)
    worker = Program("worker", data=site.data, **way)
    programs = Journey(server.address, tokens)

    def nobody_approves_their_own(version: str) -> None:
        with pytest.raises(HTTPError) as refused:
            programs.call("author", "POST", f"{version}/approve/")
        with refused.value as answer:
            assert (answer.code, json.load(answer)["code"]) == (403, "own_work")

    with ExitStack() as stack:
        stack.callback(server.close)
        stack.callback(worker.close)
        worker.says("Worker ready")
        simulator = stack.enter_context(running_simulator(name, tmp_path / "journal.jsonl"))
        simulator.control("open_session", interaction_id=name, user_data={})
        programs.register(name, simulator.url)
        programs.publish(name, before_approval=nobody_approves_their_own)
        programs.feed(name, name)
        send = programs.send(name, name)
        until(lambda: programs.outcomes(send) == ["delivered"])
        assert simulator.transcript(name)[-1]["text"] == TEXT
        with psycopg.connect(site.url("console")) as opened:
            _within_the_budget(opened)
        site.manage("audit_verify")
    assert "permission denied" not in worker.output + server.output


def _within_the_budget(opened: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """What the document says for one web process, and a worker that sends to one Chat Server."""
    pool = int(re.findall(r"CONSOLE_DATABASE_POOL_SIZE` \((\d+)\), and one", DOCUMENT)[0])
    worker = int(re.findall(r"\| a worker \| (\d+):", DOCUMENT)[0])
    assert worker == WORKER_CONNECTIONS
    (sessions,) = opened.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'console'"
    ).fetchone() or (0,)
    assert sessions <= pool + 1 + worker + 1  # and this one
