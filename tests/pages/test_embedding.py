"""The page of a chat in frames of other sites: which headers and cookies it has, and which not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from tests.site.test_environment import SITE, load
from tests.site.test_headers import check_headers

pytestmark = pytest.mark.django_db
Browse = Callable[..., Client]
DESK = "https://desk.example.org"
FRAME = {"Sec-Fetch-Dest": "iframe"}


@pytest.fixture
def embedding(settings: Any) -> None:
    settings.EMBED_ORIGINS = [DESK]


def ancestors(response: Any) -> str:
    policy = response.headers["Content-Security-Policy"]
    (found,) = (part.strip() for part in policy.split(";") if "frame-ancestors" in part)
    return str(found)


@pytest.fixture
def chat(make_interaction: Any) -> str:
    make_interaction("c1")
    return reverse("chat-detail", args=["c1"])


def test_by_default_no_page_is_framed(chat: str, supervisor: User, browse: Browse) -> None:
    client = browse(supervisor)
    for headers in ({}, FRAME):
        check_headers(client.get(chat, headers=headers))
    check_headers(Client().get(chat, headers=FRAME))


def test_the_listed_origins_frame_the_page_of_a_chat(
    embedding: None, chat: str, supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    for address, status in ((chat, 200), (reverse("chat-detail", args=["c9"]), 404)):
        answer = client.get(address, headers=FRAME)
        assert answer.status_code == status
        assert ancestors(answer) == f"frame-ancestors 'self' {DESK}"
        assert "X-Frame-Options" not in answer.headers
        # All else of the policy stays.
        policy = answer.headers["Content-Security-Policy"].split(";")
        assert "script-src 'self'" in map(str.strip, policy)
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "name", ["board", "home", "history", "help", "account", "chat-now", "chat-signed-in"]
)
def test_no_other_page_is_framed(
    name: str, embedding: None, chat: str, supervisor: User, browse: Browse
) -> None:
    arguments = ["c1"] if name == "chat-now" else []
    check_headers(browse(supervisor).get(reverse(name, args=arguments), headers=FRAME))


@pytest.mark.parametrize("path", ["/chats/", "/chats/c1", "/chats/c1/now/x/", "/accounts/login/"])
def test_no_other_address_is_framed(path: str, embedding: None, chat: str) -> None:
    check_headers(Client().get(path, headers=FRAME))


def test_in_a_frame_it_has_no_navigation_and_its_links_open_windows(
    embedding: None, chat: str, supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    framed = client.get(chat, headers=FRAME).content.decode()
    assert '<base target="_blank">' in framed
    assert 'id="nav"' not in framed
    assert reverse("account_logout") not in framed
    alone = client.get(chat).content.decode()
    assert '<base target="_blank">' not in alone
    assert 'id="nav"' in alone


def test_without_a_session_a_frame_leads_out_of_itself(embedding: None, chat: str) -> None:
    answer = Client().get(chat, headers=FRAME)
    assert answer.status_code == 200
    assert ancestors(answer) == f"frame-ancestors 'self' {DESK}"
    html = answer.content.decode()
    assert 'href="/accounts/login/?next=%2Fembedded%2Fsigned-in%2F"' in html
    assert 'target="_blank"' in html
    assert "Zoë" not in html
    # Out of a frame it is the usual way.
    assert Client().get(chat).status_code == 302


def test_a_first_password_is_chosen_out_of_the_frame(
    embedding: None, chat: str, supervisor: User, browse: Browse
) -> None:
    supervisor.must_change_password = True
    supervisor.save()
    answer = browse(supervisor).get(chat, headers=FRAME)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert reverse("account_change_password") in html
    assert "Zoë" not in html


def test_a_form_of_another_site_is_refused_as_ever(
    embedding: None, chat: str, supervisor: User
) -> None:
    """The cookies travel to frames now; the token does not come from there."""
    from tests.support.signing_in import sign_in

    client = Client(enforce_csrf_checks=True)
    sign_in(client, supervisor)
    form = {"notice": "hello", "interactions": "c1", "idempotency_key": "k"}
    for headers in ({}, {"Origin": DESK}):
        assert client.post(reverse("send-create"), form, headers=headers).status_code == 403


# --- Settings ------------------------------------------------------------------------------------

LISTED = f"{DESK},https://other.example.org:8443,http://localhost:8080,http://127.0.0.1:9"


def test_the_cookies_change_only_with_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without = load(monkeypatch, tmp_path, **SITE)
    assert (without["SESSION_COOKIE_SAMESITE"], without["CSRF_COOKIE_SAMESITE"]) == ("Lax", "Lax")
    assert without["EMBED_ORIGINS"] == []
    with_it = load(monkeypatch, tmp_path, **SITE, CONSOLE_EMBED_ORIGINS=LISTED)
    assert with_it["EMBED_ORIGINS"] == LISTED.split(",")
    for cookie in ("SESSION", "CSRF"):
        assert with_it[f"{cookie}_COOKIE_SAMESITE"] == "None"
        assert with_it[f"{cookie}_COOKIE_SECURE"] is True
        assert with_it[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert with_it[f"{cookie}_COOKIE_NAME"].startswith("__Host-")


def test_on_this_machine_alone_it_does_without_https(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = load(monkeypatch, tmp_path, CONSOLE_EMBED_ORIGINS="http://localhost:8080")
    assert found["SESSION_COOKIE_SECURE"] is True


def test_over_a_network_it_needs_https(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = {"CONSOLE_HTTPS": "0", "CONSOLE_PLAIN_HTTP": "1", "CONSOLE_EMBED_ORIGINS": DESK}
    with pytest.raises(ImproperlyConfigured, match="CONSOLE_EMBED_ORIGINS needs CONSOLE_HTTPS"):
        load(monkeypatch, tmp_path, **SITE, **plain)
