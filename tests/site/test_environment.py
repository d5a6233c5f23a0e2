"""Settings come from the environment alone; a wrong one says what to do."""

import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from console.audit.checkpoints import new_key
from console.site import environment as env
from tests.support import warm_start

ROOT = Path(__file__).resolve().parents[2]
OURS = ("CONSOLE_", "DATABASE_URL")


def asked_for(variables: dict[str, str]) -> dict[str, str]:
    """The embedded database, where no other one is named."""
    return {} if "DATABASE_URL" in variables else {"CONSOLE_EMBEDDED": "1"}


def load(monkeypatch: pytest.MonkeyPatch, folder: Path, **variables: str) -> dict[str, Any]:
    """The settings as a process with these variables, and no others of ours, would have them."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    for name, value in {"CONSOLE_DATA": str(folder), **asked_for(variables), **variables}.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "console" / "settings.py"))


def check(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return warm_start.run(
        [str(ROOT / "manage.py"), "check", *arguments],
        env={**kept, "CONSOLE_DATA": str(folder), **asked_for(variables), **variables},
        timeout=60,
    )


# What a site has to say, and no more.
SITE = {
    "DATABASE_URL": "postgresql://ann:secret@db.example/console",
    "CONSOLE_SECRET_KEY": "Vq3x-long-and-random-Tz8m_kWJb2Pf7sYd1RuC5nHg9LeAo4Xi6",
    "CONSOLE_AUDIT_KEY": new_key(),
    "CONSOLE_ALLOWED_HOSTS": "console.example.org",
}

# --- Reading one variable ------------------------------------------------------------------------


def test_unset_empty_and_blank_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSOLE_TEST", raising=False)
    assert env.read("CONSOLE_TEST", env.text, "default") == "default"
    for empty in ("", "  "):
        monkeypatch.setenv("CONSOLE_TEST", empty)
        assert env.read("CONSOLE_TEST", env.text, "default") == "default"


@pytest.mark.parametrize(
    ("convert", "raw", "expected"),
    [
        (env.text, " a b ", "a b"),
        (env.boolean, "1", True),
        (env.boolean, "YES", True),
        (env.boolean, "on", True),
        (env.boolean, "0", False),
        (env.boolean, "False", False),
        (env.words, "a, b,,c ,", ["a", "b", "c"]),
        (env.number(least=1, most=10, unit="x"), "10", 10),
        (env.one_of("a", "b"), "b", "b"),
        (env.rate, "60/min", "60/min"),
        (env.pairs, "a=1, b=2", {"a": "1", "b": "2"}),
        (env.folder, "/tmp/../tmp/x", Path("/tmp/x")),
    ],
)
def test_what_is_set_is_converted(
    monkeypatch: pytest.MonkeyPatch, convert: Any, raw: str, expected: object
) -> None:
    monkeypatch.setenv("CONSOLE_TEST", raw)
    assert env.read("CONSOLE_TEST", convert, None) == expected


@pytest.mark.parametrize(
    ("convert", "raw", "sentence"),
    [
        (env.boolean, "maybe", "1 or 0"),
        (env.number(least=1, most=10, unit="apples"), "ten", "apples from 1 to 10"),
        (env.number(least=1, most=10, unit="apples"), "0", "apples from 1 to 10"),
        (env.number(least=1, most=10, unit="apples"), "11", "apples from 1 to 10"),
        (env.number(least=1, most=10, unit="apples"), "1.5", "whole number"),
        (env.one_of("a", "b"), "c", "a, b"),
        (env.rate, "0/min", "6000/min"),
        (env.rate, "60/fortnight", "6000/min"),
        (env.pairs, "a=1,b", "name=value"),
        (env.pairs, "=1", "name=value"),
        (env.certificates, "/nowhere/ca.pem", "certificates in PEM"),
        (env.certificates, __file__, "certificates in PEM"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, convert: Any, raw: str, sentence: str
) -> None:
    monkeypatch.setenv("CONSOLE_TEST", raw)
    assert env.read("CONSOLE_TEST", convert, "default") == "default"
    with pytest.raises(ImproperlyConfigured) as refused:
        env.stop_if_wrong()
    for part in ("CONSOLE_TEST", repr(raw), sentence, "docs/settings.md"):
        assert part in str(refused.value)


@pytest.mark.parametrize("name", ["CONSOLE_AUDIT_KEY", "SOME_PASSWORD", "CONSOLE_METRICS_TOKEN"])
def test_a_secret_that_is_wrong_is_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The error goes to the journal, at each start."""
    monkeypatch.setenv(name, f"'{new_key()}'")
    env.read(name, env.key, "")
    with pytest.raises(ImproperlyConfigured, match=f"{name}: set it to what") as refused:
        env.stop_if_wrong()
    assert os.environ[name].strip("'") not in str(refused.value)


# --- The settings as a whole ---------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://db/console", "postgresql://db:port/console", "console"])
def test_an_address_of_a_database_that_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL.*postgresql://user"):
        load(monkeypatch, tmp_path, **{**SITE, "DATABASE_URL": url})


@pytest.mark.processes
def test_a_wrong_address_of_a_database_keeps_its_password(tmp_path: Path) -> None:
    """A slash that is not encoded ends the host, and half of the password passes for its port."""
    url = "postgresql://ann:hush%20hush/more@db.example/console"
    done = check(tmp_path, **{**SITE, "DATABASE_URL": url})
    assert done.returncode != 0
    assert "percent-encoded" in done.stderr
    assert "hush" not in done.stderr


def test_the_embedded_database_needs_no_other_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load(monkeypatch, tmp_path)
    assert settings["DATABASES"]["default"]["ENGINE"] == "console.embedded"
    assert not settings["DEBUG"]
    assert not settings["HTTPS"]
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]


def test_the_secret_key_is_made_up_once_and_kept_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = load(monkeypatch, tmp_path)["SECRET_KEY"]
    assert len(first) >= 50
    assert load(monkeypatch, tmp_path)["SECRET_KEY"] == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_production_is_safe_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load(
        monkeypatch,
        tmp_path,
        **{
            **SITE,
            "DATABASE_URL": "postgresql://ann:p%40ss@db.example:5433/console",
            "CONSOLE_DATABASE_POOL_SIZE": "7",
        },
    )
    database = settings["DATABASES"]["default"]
    assert database["ENGINE"] == "console.database.backend"
    assert (database["USER"], database["PASSWORD"]) == ("ann", "p@ss")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "console")
    assert database["OPTIONS"]["pool"]["max_size"] == 7
    for name in ("HTTPS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"):
        assert settings[name] is True, name
    assert settings["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert settings["SECURE_HSTS_SECONDS"] >= 365 * 24 * 60 * 60
    assert settings["ALLOWED_HOSTS"] == ["console.example.org"]
    assert not settings.get("SECURE_PROXY_SSL_HEADER")


def test_a_proxy_is_believed_only_when_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load(monkeypatch, tmp_path, CONSOLE_HTTPS="1", CONSOLE_TRUST_PROXY="1")
    assert settings["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


# --- As commands see it --------------------------------------------------------------------------


@pytest.mark.processes
def test_the_command_says_the_sentence(tmp_path: Path) -> None:
    done = check(tmp_path, CONSOLE_TEXT_LIMIT="many")
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1, "a sentence, and no traceback"
    assert "CONSOLE_TEXT_LIMIT='many': set it to a whole number of characters" in done.stderr


@pytest.mark.processes
def test_production_settings_pass_djangos_own_review(tmp_path: Path) -> None:
    done = check(
        tmp_path,
        *("--deploy", "--fail-level", "WARNING"),
        **SITE,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
