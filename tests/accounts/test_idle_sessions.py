"""A session ends when nobody uses it: what an open page does by itself is no use."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.accounts.signing_in.session_store import SIGNED_IN_AT
from tests.support.serving import serving
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

LEFT = timedelta(minutes=20)


def unused(left: timedelta = LEFT) -> None:
    """Nobody has used it for a while."""
    Session.objects.update(expire_date=timezone.now() + left)
    caches["process"].clear()


def ends_at() -> datetime:
    return Session.objects.get().expire_date


def test_an_hour_is_the_default(supervisor: User, client: Client) -> None:
    before = timezone.now()
    sign_in(client, supervisor)
    hour = timedelta(hours=1)
    assert before + hour <= ends_at() <= timezone.now() + hour
    assert client.session.get_expiry_age() == 12 * 60 * 60, "what the cookie is given"


def test_what_a_person_does_puts_it_off(supervisor: User, client: Client) -> None:
    sign_in(client, supervisor)
    unused()
    before = ends_at()
    assert client.get("/help/").status_code == 200
    assert ends_at() > before + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/help/", {"Console-Refresh": "1"}),
        ("/board/rows/", {"Console-Refresh": "1", "HX-Request": "true"}),
        ("/here/", {}),
        ("/clock/", {}),
    ],
)
def test_what_a_page_does_by_itself_does_not(
    supervisor: User, client: Client, path: str, headers: dict[str, str]
) -> None:
    sign_in(client, supervisor)
    unused()
    before = ends_at()
    assert client.get(path, headers=headers).status_code == 200
    assert ends_at() == before


def test_its_data_are_left_alone(supervisor: User, client: Client) -> None:
    """Another request may be changing them at the same time."""
    sign_in(client, supervisor)
    unused()
    before = Session.objects.get().session_data
    client.get("/help/")
    assert Session.objects.get().session_data == before


def test_once_a_minute_is_enough(supervisor: User, client: Client) -> None:
    sign_in(client, supervisor)
    unused()
    client.get("/help/")
    before = ends_at()
    client.get("/help/")
    assert ends_at() == before


def test_nobody_goes_on_for_longer_than_twelve_hours(supervisor: User, client: Client) -> None:
    sign_in(client, supervisor)
    session = client.session
    session[SIGNED_IN_AT] = (timezone.now() - timedelta(hours=11, minutes=50)).timestamp()
    session.save()
    unused(timedelta(minutes=1))
    client.get("/help/")
    assert ends_at() <= timezone.now() + timedelta(minutes=10)


@pytest.mark.django_db(transaction=True)
def test_an_idle_session_has_ended_for_every_process(
    client: Client, make_user: Callable[..., User]
) -> None:
    sign_in(client, make_user("sue", "supervisor"))
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    idle: dict[str, Any] = {"CONSOLE_SESSION_IDLE_MINUTES": "5"}
    with serving(**idle) as one, serving(**idle) as other:
        unused(timedelta(minutes=2))
        assert one.ask("/help/", Cookie=cookie).status == 200
        assert timedelta(minutes=4) < ends_at() - timezone.now() <= timedelta(minutes=5)
        unused(timedelta())
        for server in (one, other):
            assert server.ask("/help/", Cookie=cookie).status == 302
            assert server.ask("/events/?topic=board", Cookie=cookie).status == 302
            assert server.ask("/api/v1/notices/", Cookie=cookie).status == 401


def test_an_open_page_does_not_sign_out_who_signs_in_elsewhere(db: None) -> None:
    """It asks with a session that has ended just now. What a person asks takes the cookie away."""
    client = Client()
    for path, headers, goes in (
        ("/here/", {}, False),
        ("/clock/", {}, False),
        ("/board/rows/", {"Console-Refresh": "1"}, False),
        ("/board/", {}, True),
    ):
        client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
        answer = client.get(path, headers=headers)
        assert (settings.SESSION_COOKIE_NAME in answer.cookies) == goes, path


def test_an_open_page_does_not_replace_the_token_of_a_sign_in_elsewhere(
    db: None, supervisor: User
) -> None:
    """The sign-in form of another tab is checked by the cookie that came with it."""
    client = Client(enforce_csrf_checks=True)
    sign_in_page = client.get("/accounts/login/")
    assert settings.CSRF_COOKIE_NAME in sign_in_page.cookies
    for given in ({}, {settings.CSRF_COOKIE_NAME: "a" * 32}):
        for headers in ({"HX-Request": "true"}, {"X-CSRFToken": "b" * 32}):
            stranger = Client(enforce_csrf_checks=True)
            stranger.cookies.load(given)
            refused = stranger.post("/notices/any/preview/", headers=headers)
            assert refused.status_code == 403
            assert settings.CSRF_COOKIE_NAME not in refused.cookies

    sign_in(client, supervisor)
    assert settings.CSRF_COOKIE_NAME not in client.get("/here/").cookies
    del client.cookies[settings.CSRF_COOKIE_NAME]
    assert settings.CSRF_COOKIE_NAME in client.get("/here/").cookies, "its forms need one"
