"""Nobody guesses passwords at leisure, and nobody learns from the throttle which names exist."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.signing_in.login_throttle import ADDRESS_LIMIT, NAME_LIMIT, WINDOW_SECONDS
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(name: str, password: str = "wrong", **extra: Any) -> Any:
    fields = {"login": name, "password": password}
    response: Any = Client().post(reverse("account_login"), fields, **extra)
    return response


def statuses(times: int, name: str, **extra: Any) -> set[int]:
    return {sign_in(name, **extra).status_code for _ in range(times)}


@pytest.fixture(autouse=True)
def _no_lockout(settings: Any) -> None:
    """Which comes before this throttle where attempts come one after another."""
    settings.AXES_ENABLED = False


@pytest.fixture
def _sue(make_user: Callable[..., User]) -> None:
    make_user("sue", "supervisor")


@pytest.mark.usefixtures("_sue")
@pytest.mark.parametrize("name", ["sue", "nobody"])
def test_a_name_gets_so_many_attempts_whether_it_exists_or_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(NAME_LIMIT, name) == {200}

    def hashed(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("a refused attempt was hashed")

    monkeypatch.setattr(hashers, "check_password", hashed)
    monkeypatch.setattr(User, "set_password", hashed)
    monkeypatch.setattr(User, "check_password", hashed)
    refused = sign_in(name, PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_SECONDS
    assert "Too many requests" in refused.content.decode()
    assert sign_in(f" {name.upper()} ", PASSWORD).status_code == 429


@pytest.mark.usefixtures("_sue")
def test_others_sign_in_all_the_while() -> None:
    assert statuses(NAME_LIMIT + 1, "nobody") == {200, 429}
    assert sign_in("sue", PASSWORD).status_code == 302


@pytest.mark.usefixtures("_sue")
def test_success_forgets_the_names_failures() -> None:
    for _ in range(2):
        assert statuses(NAME_LIMIT - 1, "sue") == {200}
        assert sign_in("sue", PASSWORD).status_code == 302


@pytest.mark.usefixtures("_sue")
def test_successes_do_not_use_up_an_address() -> None:
    assert {sign_in("sue", PASSWORD).status_code for _ in range(ADDRESS_LIMIT + 5)} == {302}


def guess_many_names(**extra: Any) -> list[int]:
    return [sign_in(f"name{n}", **extra).status_code for n in range(ADDRESS_LIMIT + 1)]


def test_an_address_gets_so_many_attempts_whatever_the_names() -> None:
    got = guess_many_names()
    assert got == [200] * ADDRESS_LIMIT + [429]
    assert sign_in("another", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_a_header_changes_nobodys_address() -> None:
    guess_many_names()
    assert sign_in("another", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 429


def test_behind_a_proxy_its_own_entry_counts(settings: Any) -> None:
    settings.TRUST_PROXY = True
    guess_many_names(headers={"X-Forwarded-For": "192.0.2.7"})
    made_up = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    assert sign_in("another", headers=made_up).status_code == 429
    assert sign_in("another", headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 200


def test_an_ipv6_network_is_one_address() -> None:
    guess_many_names(REMOTE_ADDR="2001:db8::1")
    assert sign_in("another", REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert sign_in("another", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200
