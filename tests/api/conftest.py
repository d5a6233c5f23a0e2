"""Callers of the API: programs with their tokens, people with their sessions."""

from collections.abc import Callable

import pytest
from django.test import Client

from console.accounts.models import ApiClient, Scope, User
from tests.support.calling import Caller, by_token
from tests.support.signing_in import sign_in


@pytest.fixture
def anybody() -> Caller:
    return Caller(Client(enforce_csrf_checks=True), {})


@pytest.fixture
def program(make_client: Callable[..., tuple[ApiClient, str]]) -> Callable[..., Caller]:
    """A program with some scopes."""

    def make(*scopes: str, name: str = "") -> Caller:
        return by_token(make_client(*scopes, name=name)[1])

    return make


@pytest.fixture
def person() -> Callable[[User], Caller]:
    """A signed-in person, whose page sends the CSRF token along."""

    def make(user: User) -> Caller:
        client = Client(enforce_csrf_checks=True)
        sign_in(client, user)
        token = "a" * 32
        client.cookies["csrftoken"] = token
        return Caller(client, {"X-CSRFToken": token})

    return make


@pytest.fixture
def almighty(program: Callable[..., Caller]) -> Caller:
    """A program with every scope there is."""
    return program(*Scope.values, name="Almighty")
