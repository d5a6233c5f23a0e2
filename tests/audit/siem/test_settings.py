"""Where a stream leads and what leaves: nothing that is left empty means all."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from console.audit.siem.settings import Chosen, chosen_actions, destinations, header
from tests.site.test_environment import SITE, load
from tests.support.authority import Authority

TO = "syslog+tls://siem.example"
ALL = {"CONSOLE_SIEM_TO": TO, "CONSOLE_SIEM_ACTIONS": "*"}


def test_addresses() -> None:
    one, two, three = destinations(
        "syslog+tls://siem.example https://[2001:db8::7]:8088/services/collector?a=b https://x/"
    )
    assert (one.host, one.port, one.name) == (
        "siem.example",
        6514,
        "syslog+tls://siem.example:6514",
    )
    assert (two.host, two.port, two.name) == ("2001:db8::7", 8088, "https://[2001:db8::7]:8088")
    assert (three.name, three.address) == ("https://x:443", "https://x/")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("siem.example:6514", "set it to syslog+tls://host:6514 or https://"),
        ("syslog://siem.example", "set it to syslog+tls://host:6514"),
        ("http://siem.example/", "set it to syslog+tls://host:6514"),
        ("https://ann:secret@siem.example/", "without a user, a password"),
        ("https://siem.example/#top", "without a user, a password or a #"),
        ("https:///path", "set it to syslog+tls://host:6514"),
        ("https://siem.example:0/", "set it to syslog+tls://host:6514"),
        ("https://siem.example:port/", "set it to syslog+tls://host:6514"),
        ("syslog+tls://siem.example/path", "has no path"),
        (f"{TO} {TO}:6514", "names a receiver twice"),
        ("https://a/ https://b/ https://c/ https://d/", "at most 3"),
    ],
)
def test_wrong_addresses(wrong: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("+", r"\+")):
        destinations(wrong)


def test_actions() -> None:
    chosen = chosen_actions("user.*, sending.stopped")
    assert chosen == Chosen(("sending.stopped",), ("user.",))
    assert chosen.takes("user.created")
    assert chosen.takes("sending.stopped")
    assert not chosen.takes("sending.restarted")
    assert chosen_actions("*").takes("anything")
    assert not Chosen().takes("user.created")  # nothing is not all


@pytest.mark.parametrize(
    "wrong", ["user", "users.*", "sending.stop", "u*", "*.created", "user.*.x"]
)
def test_wrong_actions(wrong: str) -> None:
    with pytest.raises(ValueError, match="the ledger has no action"):
        chosen_actions(f"send.created,{wrong}")


def test_what_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    secret = tmp_path / "header"
    secret.write_text("X-Api-Key:  1234 abcd \n")
    found = load(
        monkeypatch,
        tmp_path,
        CONSOLE_SIEM_TO=f"{TO} https://siem.example/in",
        CONSOLE_SIEM_ACTIONS="user.*",
        CONSOLE_SIEM_FORMAT="cef",
        CONSOLE_SIEM_CA=str(authority.ca),
        CONSOLE_SIEM_CERTIFICATE=str(authority.client),
        CONSOLE_SIEM_HEADER=str(secret),
        CONSOLE_SIEM_RESEND="10",
    )
    assert [each.name for each in found["SIEM_TO"]] == [f"{TO}:6514", "https://siem.example:443"]
    assert found["SIEM_ACTIONS"].prefixes == ("user.",)
    assert (found["SIEM_FORMAT"], found["SIEM_RESEND"]) == ("cef", 10)
    assert header(found["SIEM_HEADER"]) == {"X-Api-Key": "1234 abcd"}


def test_a_password_in_an_address_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    to = "https://ann:secret@siem.example/"
    with pytest.raises(ImproperlyConfigured, match="CONSOLE_SIEM_TO: set it to") as caught:
        load(monkeypatch, tmp_path, CONSOLE_SIEM_TO=to, CONSOLE_SIEM_ACTIONS="*")
    assert "secret" not in str(caught.value)


def test_unset_is_no_stream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = load(monkeypatch, tmp_path)
    assert found["SIEM_TO"] == ()
    assert found["SIEM_ACTIONS"] is None
    assert header("") == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"CONSOLE_SIEM_TO": TO}, "needs CONSOLE_SIEM_ACTIONS, which says what leaves"),
        ({**ALL, "CONSOLE_SIEM_ACTIONS": ""}, r"set it to \* for all entries"),
        ({**ALL, "CONSOLE_SIEM_ACTIONS": ","}, "name at least one, or leave it unset"),
        ({"CONSOLE_SIEM_ACTIONS": "*"}, "CONSOLE_SIEM_ACTIONS needs CONSOLE_SIEM_TO"),
        ({**ALL, "CONSOLE_SIEM_FORMAT": "leef"}, "one of ocsf, cef"),
        ({**ALL, "CONSOLE_SIEM_RESEND": "-1"}, "set it to a whole number of messages"),
        ({**ALL, "CONSOLE_SIEM_CA": "/nowhere"}, "set it to a file of certificates in PEM"),
        ({**ALL, "CONSOLE_SIEM_CERTIFICATE": "{ca}"}, "and its key can't be used"),
        ({**ALL, "CONSOLE_SIEM_CERTIFICATE_KEY": "{key}"}, "needs CONSOLE_SIEM_CERTIFICATE"),
        ({**ALL, "CONSOLE_SIEM_HEADER": "{ca}"}, "with one line such as: Authorization"),
        ({**ALL, "CONSOLE_SIEM_HEADER": "{header}"}, "is for receivers at https://"),
        ({"CONSOLE_SIEM_TO": "siem.example"}, "set it to syslog"),
    ],
)
def test_what_does_not_fit_stops_the_start(
    given: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    authority: Authority,
) -> None:
    (tmp_path / "header").write_text("Authorization: Bearer 1234")
    files = {"ca": authority.ca, "key": authority.key, "header": tmp_path / "header"}
    variables = {name: value.format(**files) for name, value in given.items()}
    with pytest.raises(ImproperlyConfigured, match=says):
        load(monkeypatch, tmp_path, **SITE, **variables)
