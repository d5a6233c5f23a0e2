"""Limits and used codes hold for all web processes at once: here are two, behind one address."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from itertools import cycle
from threading import Barrier
from urllib.parse import urlencode

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from console.accounts.models import User
from console.accounts.signing_in.login_throttle import ADDRESS_LIMIT
from tests.support import one_time_codes
from tests.support.factories import PASSWORD
from tests.support.serving import Answer, Server, serving
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "JBSWY3DPEHPK3PXP"
LOGIN, CODE = "/accounts/login/", "/accounts/second-factor/"
RATES = {
    "CONSOLE_PAGE_RATE": "4/day",
    "CONSOLE_API_RATE": "4/day",
    "CONSOLE_STRANGER_RATE": "4/day",
}


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[list[Server]]:
    """Both are ready."""
    rates = getattr(request, "param", {})
    with serving(**rates) as one, serving(**rates) as other:
        yield [server for server in (one, other) if server.address]


class Browser:
    """Cookies and forms; each request to the server that it is told."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def get(self, server: Server, path: str) -> Answer:
        return self._kept(server.ask(path, Cookie=self._cookie()))

    def post(self, server: Server, path: str, **fields: str) -> Answer:
        form = urlencode({**fields, "csrfmiddlewaretoken": self.cookies.get("csrftoken", "")})
        headers = {"Cookie": self._cookie(), "Content_Type": "application/x-www-form-urlencoded"}
        return self._kept(server.ask(path, "POST", form.encode(), **headers))

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _kept(self, answer: Answer) -> Answer:
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer


@pytest.fixture
def sue(make_user: Callable[..., User]) -> User:
    """With an authenticator app."""
    user = make_user("sue", "supervisor")
    TOTP.activate(user, SECRET)
    return user


def given_password(server: Server, name: str, password: str = PASSWORD) -> tuple[Browser, Answer]:
    browser = Browser()
    browser.get(server, LOGIN)
    return browser, browser.post(server, LOGIN, login=name, password=password)


@pytest.mark.usefixtures("sue")
def test_a_one_time_code_is_taken_once(servers: list[Server]) -> None:
    """By whichever process, however close together they get it."""
    halfway = [given_password(server, "sue")[0] for server in servers]
    code = one_time_codes.code(SECRET)
    ready = Barrier(2)

    def give(browser: Browser, server: Server) -> str:
        ready.wait()
        answer = browser.post(server, CODE, code=code)
        assert answer.status in (200, 302), (answer, dict(answer.headers))
        return answer.headers.get("Location", "refused")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(give, halfway, servers))
    assert sorted(answers) == ["/", "refused"]
    # Nor later, by the one that refused it and the one that took it.
    for server in servers:
        late, _answer = given_password(server, "sue")
        assert late.post(server, CODE, code=code).status == 200


@pytest.mark.usefixtures("sue")
def test_wrong_codes_are_counted_together(servers: list[Server]) -> None:
    halfway = [given_password(server, "sue")[0] for server in servers]
    for browser, server in [*zip(halfway, servers, strict=True)] * 3:
        refused = browser.post(server, CODE, code="000000")
    assert b"Too many attempts in a short time" in refused.body
    right = one_time_codes.code(SECRET)
    assert halfway[0].post(servers[0], CODE, code=right).status == 200


def test_passwords_are_tried_so_often_wherever(servers: list[Server]) -> None:
    turns = cycle(servers)
    tried = [given_password(next(turns), f"n{n}", "wrong")[1].status for n in range(ADDRESS_LIMIT)]
    assert tried == [200] * ADDRESS_LIMIT
    refused = [given_password(server, "another", "wrong")[1].status for server in servers]
    assert refused == [429, 429]


@pytest.mark.parametrize("servers", [RATES], indirect=True)
def test_rates_are_counted_together(
    servers: list[Server],
    client: Client,
    make_user: Callable[..., User],
    make_client: Callable[..., tuple[object, str]],
) -> None:
    sign_in(client, make_user("sue", "supervisor"))
    person = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    _program, token = make_client("read")
    for path, caller, allowed in [
        ("/help/", person, 200),
        (LOGIN, {}, 200),
        ("/api/v1/notices/", {"Authorization": f"Bearer {token}"}, 200),
        ("/api/v1/notices/", {"Authorization": "Bearer ncon_guessed"}, 401),
    ]:
        turns = cycle(servers)
        answers = [next(turns).ask(path, **caller) for _ in range(6)]
        assert [answer.status for answer in answers] == [allowed] * 4 + [429] * 2, path
        assert int(answers[-1].headers["Retry-After"]) > 60
    # Whoever has a right token is held up by nobody else's wrong ones.
    _other, another = make_client("read")
    assert servers[0].ask("/api/v1/notices/", Authorization=f"Bearer {another}").status == 200
    # Nor is no token at all a way around it.
    assert servers[1].ask("/api/v1/notices/").status == 429
