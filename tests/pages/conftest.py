"""A browser's view of the console: signed-in clients and the HTML that they get."""

from collections.abc import Callable

import pytest
from django.test import Client

from console.accounts.models import User


@pytest.fixture
def browse(db: None) -> Callable[[User | None], Client]:
    """A client signed in as somebody, or as nobody."""

    def sign_in(user: User | None = None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return sign_in
