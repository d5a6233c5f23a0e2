"""Settings with which the console does not start, each with the sentence that says so."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from console.audit.checkpoints import new_key, public_key
from console.site import environment as env
from console.site.unsafe_settings import ALSO_KNOWN
from tests.site.test_docs import documented
from tests.site.test_environment import SITE, check, load
from tests.support import warm_start
from tests.support.demos import MANAGE, ROOT

EXAMPLE = ROOT / "deploy" / "console.env.example"
NUMBER, HOSTS = "set it to a whole number of", "set it to names of hosts such as"
KEY, RATE, CHOICE = "set it to what manage.py audit_key", "set it to a number of calls", "1 or 0"
LONG, TOKEN = "set it to a random text of at least 50", "set it to a random text of at least 32"
EXAMPLES = "still has what an example has in its place: set it to your own"
ADDRESS, CERTIFICATES = "set it to psdk://host:port", "set it to a file of certificates in PEM"
CLEAR = "passwords and sessions would travel in the clear. Set CONSOLE_HTTPS=1, or CONSOLE_PLAIN"
MACHINE_ALONE = "with the embedded database on this machine alone"
UNKNOWN = "is no setting of the console"

# A variable, what is set to it beside what a site has to say, and the sentence that refuses it.
WRONG = [
    ("DATABASE_URL", "postgresql://console:CHANGE_ME@127.0.0.1/console", EXAMPLES),
    ("DATABASE_URL", "mysql://db/console", "starts with postgresql://"),
    ("DATABASE_URL", "postgresql://db:port/console", "it can't be read. Write it as"),
    ("CONSOLE_EMBEDDED", "1", "names another one: unset one of them"),
    ("CONSOLE_EMBEDDED", "please", CHOICE),
    ("CONSOLE_DATABASE_POOL_SIZE", "-1", f"{NUMBER} connections"),
    ("CONSOLE_PG_BIN", "/nowhere", "set it to a folder that is there"),
    ("CONSOLE_SECRET_KEY", "CHANGE_ME", EXAMPLES),
    ("CONSOLE_SECRET_KEY", "much-too-short", LONG),
    ("CONSOLE_SECRET_KEY", "k" * 60, LONG),
    ("CONSOLE_SECRET_KEY", "django-insecure-" + SITE["CONSOLE_SECRET_KEY"], LONG),
    ("CONSOLE_SECRET_KEY", "…", EXAMPLES),
    ("CONSOLE_OLD_SECRET_KEYS", "change-me", EXAMPLES),
    ("CONSOLE_OLD_SECRET_KEYS", ", ,", "name at least one, or leave it unset"),
    ("CONSOLE_AUDIT_KEY", "CHANGE_ME", EXAMPLES),
    ("CONSOLE_AUDIT_KEY", "c2hvcnQ=", KEY),
    ("CONSOLE_AUDIT_OLD_KEYS", "c2hvcnQ=", f"{KEY} --public printed"),
    ("CONSOLE_CHECKPOINTS_TO", "checkpoints", "set it to a folder with its whole path"),
    ("CONSOLE_CHECKPOINTS_TO", "http://elsewhere.example/", "an address with https://"),
    ("CONSOLE_CHECKPOINTS_CA", "/nowhere", CERTIFICATES),
    ("CONSOLE_METRICS_TOKEN", "CHANGE_ME", EXAMPLES),
    ("CONSOLE_METRICS_TOKEN", "1234", TOKEN),
    ("CONSOLE_METRICS_TOKEN", "with blanks " * 5, TOKEN),
    ("CONSOLE_WORKER_METRICS_PORT", "0", "set it to a port"),
    ("CONSOLE_DEBUG", "1", MACHINE_ALONE),
    ("CONSOLE_DEBUG", "perhaps", CHOICE),
    ("CONSOLE_SECOND_FACTOR", "nobody", MACHINE_ALONE),
    ("CONSOLE_SECOND_FACTOR", "some", "one of privileged, everyone, nobody"),
    *(
        ("CONSOLE_EMBED_ORIGINS", wrong, "set it to origins such as https://desk.example.org")
        for wrong in (
            "*",
            "https://*",
            "https://*.example.org",
            "http://desk.example.org",
            "https://desk.example.org/",
            "https://desk.example.org/chat",
            "https://ann@desk.example.org",
            "https://desk.example.org; script-src *",
            "desk.example.org",
            "data:",
            "'self'",
            "https://desk.example.org,http://localhost.example.org",
        )
    ),
    ("CONSOLE_TRANSCRIPT_LINES", "-1", f"{NUMBER} lines"),
    ("CONSOLE_TRANSCRIPT_LINES", "201", f"{NUMBER} lines"),
    ("CONSOLE_HTTPS", "0", CLEAR),
    ("CONSOLE_HTTPS", "tls", CHOICE),
    ("CONSOLE_PLAIN_HTTP", "1", "does without HTTPS, and CONSOLE_HTTPS asks for it"),
    ("CONSOLE_TRUST_PROXY", "nginx", CHOICE),
    ("CONSOLE_ALLOWED_HOSTS", "*", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", "console.example.org,*", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", ".", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", ".org", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", "*.example.org", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", "https://console.example.org", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", "console.example.org:443", HOSTS),
    ("CONSOLE_ALLOWED_HOSTS", '"console.example.org"', HOSTS),
    ("CONSOLE_TRUSTED_ORIGINS", "console.example.org", "set it to origins such as"),
    ("CONSOLE_TRUSTED_ORIGINS", "https://*", "set it to origins such as"),
    ("CONSOLE_PUSH_URL_HOSTS", "*", HOSTS),
    ("CONSOLE_OIDC_URL", "http://login.example.org", "starts with https://"),
    ("CONSOLE_OIDC_URL", "https://login.example.org", "needs CONSOLE_OIDC_CLIENT_ID"),
    ("CONSOLE_OIDC_ROLES", "king=cc-leads", "each name one of supervisor"),
    ("CONSOLE_OIDC_CLIENT_SECRET", "...", EXAMPLES),
    ("CONSOLE_LOCKOUT_FAILURES", "1000", f"{NUMBER} wrong passwords"),
    ("CONSOLE_ORS_USERNAME", "console", "needs CONSOLE_ORS_PASSWORD: set that, too"),
    ("CONSOLE_ORS_CERTIFICATE", __file__, "needs CONSOLE_ORS_HOSTS: set that, too"),
    ("CONSOLE_ORS_HOSTS", "ors.example.org:8010", HOSTS),
    ("CONSOLE_WITNESS_POLICY", "/nowhere", "set it to a policy file that can be read"),
    ("CONSOLE_WITNESS_POLICY", __file__, "line 1: "),
    ("CONSOLE_QUORUM_MINUTES", "30", "needs CONSOLE_WITNESS_POLICY: set that, too"),
    ("CONSOLE_QUORUM_MINUTES", "5", "set it to 0, or to a whole number of minutes from 10"),
    ("CONSOLE_TIMESTAMP_AUTHORITY", "http://stamps.example.org", "begins with https://"),
    (
        "CONSOLE_TIMESTAMP_AUTHORITY",
        "https://stamps.example.org/tsr",
        "needs CONSOLE_TIMESTAMP_CERTIFICATES: set that, too",
    ),
    ("CONSOLE_POLL_ADDRESSES", "ixn.example.org:4420", ADDRESS),
    ("CONSOLE_POLL_INTERVAL_SECONDS", "30", "CONSOLE_POLL_ADDRESSES and CONSOLE_POLL_CONDITION"),
    ("CONSOLE_POLL_ENDS", "all", "one of known, seen"),
    ("CONSOLE_WEBHOOK_PRIVATE_ADDRESSES", "10.0.0.1/8", "set it to ranges of addresses"),
    ("CONSOLE_API_RATE", "fast", RATE),
    ("CONSOLE_PAGE_RATE", "600", RATE),
    ("CONSOLE_STRANGER_RATE", "0/min", RATE),
    ("CONSOLE_STREAM_LIMIT", "0", f"{NUMBER} event streams"),
    ("CONSOLE_DEMO_SIMULATORS", "chat-east", "set it to name=value"),
    ("CONSOLE_TEXT_LIMIT", "0", f"{NUMBER} characters"),
    ("CONSOLE_TARGET_LIMIT", "many", f"{NUMBER} chats"),
    ("CONSOLE_UNDO_SECONDS", "61", f"{NUMBER} seconds"),
    ("CONSOLE_APPROVAL_ABOVE", "-1", f"{NUMBER} chats"),
    ("CONSOLE_TEXT_RETENTION_DAYS", "-1", f"{NUMBER} days"),
    ("CONSOLE_TIME_ZONE", "Mars/Olympus", "set it to one of"),
    ("CONSOLE_LOG_LEVEL", "LOUD", "one of DEBUG, INFO"),
    ("PSDK_TRUST_STORE", "/nowhere", "whole path of a file that this process can read"),
    # Misspelt, of another case, of another version, or of something else.
    ("CONSOLE_ALOWED_HOSTS", "console.example.org", f"{UNKNOWN}: did you mean CONSOLE_ALLOWED_H"),
    ("CONSOLE_TRUSTED_PROXY", "1", f"{UNKNOWN}: did you mean CONSOLE_TRUST_PROXY?"),
    ("CONSOLE_HTTP", "1", f"{UNKNOWN}: did you mean CONSOLE_HTTPS?"),
    ("CONSOLE_DATABASE_URL", "postgresql://db/console", f"{UNKNOWN}: did you mean DATABASE_URL?"),
    ("CONSLE_AUDIT_OLD_KEYS", "x", f"{UNKNOWN}: did you mean CONSOLE_AUDIT_OLD_KEYS?"),
    ("console_https", "1", f"{UNKNOWN}: did you mean CONSOLE_HTTPS?"),
    ("PSDK_CLASPATH", "/opt/sdk/*", f"{UNKNOWN}: did you mean PSDK_CLASSPATH?"),
    ("CONSOLE_ZZZ", "1", f"{UNKNOWN}: take it out, or correct its name"),
]
NEEDED = {
    "DATABASE_URL": "to try the console out on this machine set CONSOLE_EMBEDDED=1",
    "CONSOLE_SECRET_KEY": "Set it to a long random text",
    "CONSOLE_AUDIT_KEY": "Set it to what manage.py audit_key prints",
    "CONSOLE_ALLOWED_HOSTS": "Set it to the names under which the console is reached",
}


def refused(monkeypatch: pytest.MonkeyPatch, folder: Path, **variables: str) -> str:
    with pytest.raises(ImproperlyConfigured) as stopped:
        load(monkeypatch, folder, **variables)
    return str(stopped.value)


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_the_start_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    told = refused(monkeypatch, tmp_path, **{**SITE, name: value})
    lines = [line for line in told.splitlines() if sentence in line]
    assert lines, told
    assert name in lines[0]
    assert "see docs/settings.md" in told
    if env.SECRET.search(name):
        assert value not in told


@pytest.mark.parametrize("empty", ["unset", "", " "])
@pytest.mark.parametrize(("name", "sentence"), NEEDED.items())
def test_what_a_site_has_to_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, sentence: str, empty: str
) -> None:
    said = {**SITE, name: empty}
    if empty == "unset":
        del said[name]
    told = refused(monkeypatch, tmp_path, **{"CONSOLE_EMBEDDED": "", **said})
    assert len(told.splitlines()) == 1, told
    assert f"{name} is not set" in told
    assert sentence in told


@pytest.mark.processes
def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    done = check(tmp_path, CONSOLE_EMBEDDED="", CONSOLE_TEXT_LIMIT="many", CONSOLE_HTPS="1")
    assert done.returncode != 0
    first, *others = done.stderr.splitlines()
    assert first == "6 things in the settings stop the start (see docs/settings.md):"
    for name in (*NEEDED, "CONSOLE_TEXT_LIMIT", "CONSOLE_HTPS"):
        assert [line for line in others if line.startswith(f"- {name}")], name
    assert not list(tmp_path.iterdir()), "nothing was made up, and no database started"


@pytest.mark.parametrize(
    "more",
    [
        {"CONSOLE_HTTPS": "0", "CONSOLE_PLAIN_HTTP": "1"},
        {"CONSOLE_HTTPS": "0", "CONSOLE_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]"},
        {"CONSOLE_ALLOWED_HOSTS": ".example.org,10.1.2.3,[fd00::1]"},
        {"CONSOLE_TRUSTED_ORIGINS": "https://console.example.org:8443,https://*.example.org"},
        {"CONSOLE_PUSH_URL_HOSTS": "bücher.example,.example.org"},
        {"CONSOLE_POLL_ADDRESSES": "psdk://ixn1:4420, psdk+tls://[fd00::1]:4420"},
        {"CONSOLE_AUDIT_OLD_KEYS": public_key(new_key())},
        {"CONSOLE_METRICS_TOKEN": "t" * 32},
        {"CONSOLE_ADMIN_PASSWORD": "read by a command", "JAVA_HOME_21": "/opt/java"},
    ],
)
def test_what_is_right_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: dict[str, str]
) -> None:
    load(monkeypatch, tmp_path, **{**SITE, **more})


@pytest.mark.parametrize("name", ["CONSOLE_DEBUG", "CONSOLE_SECOND_FACTOR"])
def test_what_is_for_one_machine_ends_where_others_come_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    trying = {name: "nobody" if name == "CONSOLE_SECOND_FACTOR" else "1"}
    load(monkeypatch, tmp_path, **trying)
    beyond = {"CONSOLE_HTTPS": "1", "CONSOLE_ALLOWED_HOSTS": "localhost,console.example.org"}
    assert MACHINE_ALONE in refused(monkeypatch, tmp_path, **trying, **beyond)


def test_the_embedded_database_beyond_this_machine_has_https_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert CLEAR in refused(monkeypatch, tmp_path, CONSOLE_ALLOWED_HOSTS="console.example.org")


def test_each_documented_setting_is_known() -> None:
    ours = {name for name in documented() if name.startswith(("CONSOLE_", "PSDK_"))}
    assert len(ours) > 60
    assert ours - env.known - ALSO_KNOWN == set()


# --- The shipped example -------------------------------------------------------------------------


def example() -> dict[str, str]:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_is_refused_until_it_is_filled_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = example()
    to_fill = {name for name, value in given.items() if "CHANGE_ME" in value}
    told = refused(monkeypatch, tmp_path, **given)
    assert {line.split()[1] for line in told.splitlines()[1:]} == to_fill
    assert told.count(EXAMPLES) == len(to_fill) == 4
    filled = {
        "DATABASE_URL": given["DATABASE_URL"].replace("CHANGE_ME", "rather-good"),
        "CONSOLE_SECRET_KEY": SITE["CONSOLE_SECRET_KEY"],
        "CONSOLE_AUDIT_KEY": new_key(),
        "CONSOLE_METRICS_TOKEN": "x7" * 16,
    }
    assert filled.keys() == to_fill
    for name in to_fill:
        half = {**given, **filled, name: given[name]}
        told = refused(monkeypatch, tmp_path, **half)
        assert told.startswith(f"{name} {EXAMPLES}"), told
    load(monkeypatch, tmp_path, **{**given, **filled})


# --- Commands that need none ---------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit_key"], "="),
        (["help"], "audit_verify"),
        (["--help"], "audit_verify"),
        ([], "audit_verify"),
        (["help", "serve"], "Serve pages, API and event streams"),
        (["worker", "--help"], "--metrics-port"),
        (["version"], "."),
    ],
)
def test_what_needs_no_settings(tmp_path: Path, arguments: list[str], says: str) -> None:
    """Whatever is set wrongly, and without those that a site has to have."""
    done = manage(tmp_path, *arguments, CONSOLE_SECRET_KEY="CHANGE_ME", CONSOLE_HTPS="1")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert says in done.stdout


@pytest.mark.processes
@pytest.mark.parametrize("arguments", [["audit_key"], ["help", "serve"]])
def test_nothing_has_to_be_set_for_them(tmp_path: Path, arguments: list[str]) -> None:
    done = manage(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout


@pytest.mark.processes
@pytest.mark.parametrize(
    "arguments", [["audit_key", "--public"], ["check"], ["serve"], ["makemigrations", "--check"]]
)
def test_what_needs_them_all(tmp_path: Path, arguments: list[str]) -> None:
    done = manage(tmp_path, *arguments)
    assert done.returncode == 1
    assert "DATABASE_URL is not set" in done.stderr


@pytest.mark.processes
def test_serving_beyond_this_machine_without_https(tmp_path: Path) -> None:
    done = manage(tmp_path, "serve", "--host", "0.0.0.0", CONSOLE_EMBEDDED="1")
    assert done.returncode == 1
    assert "could read passwords and sessions" in done.stderr
    assert "CONSOLE_PLAIN_HTTP=1 where that is meant" in done.stderr
    assert not (tmp_path / "postgres").exists(), "refused before anything starts"


def manage(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """In a shell with these settings and no others, in a copy that holds no data."""
    kept = {name: it for name, it in os.environ.items() if not name.startswith("CONSOLE_")}
    kept.pop("DATABASE_URL", None)
    return warm_start.run(
        [MANAGE, *arguments], env={**kept, "CONSOLE_DATA": str(folder), **settings}, timeout=60
    )


@pytest.mark.processes
def test_make_demo_asks_for_the_embedded_database() -> None:
    """And takes nothing else from the shell: a production site's settings would stop it."""
    make = shutil.which("make")
    assert make
    shell = {**os.environ, "CONSOLE_HTPS": "1", "DATABASE_URL": "postgresql://db/console"}
    done = subprocess.run(
        [make, "--no-print-directory", "--assume-old=install", "demo", "PORT=70000"],
        cwd=ROOT,
        env=shell,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "70000 is no port" in done.stderr, done.stderr
