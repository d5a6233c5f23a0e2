"""Directories: the project's own stand-in and oidc-provider, each behind a proxy that can lie."""

from collections.abc import Iterator
from typing import Any

import pytest

from console.accounts.signing_in.directory_settings import DirectorySettings
from tests.accounts.visiting import Visitor
from tests.oidc.provider import running_provider
from tests.support.directory_server import CLIENT_ID, CLIENT_SECRET, running_directory
from tests.support.lying_proxy import LyingProxy, running_proxy

ANN = {
    "sub": "4711",
    "preferred_username": "ann",
    "given_name": "Ann",
    "family_name": "Lee",
    "groups": ["cc-supervisors", "everybody"],
}


@pytest.fixture(scope="session")
def stand_in() -> Iterator[LyingProxy]:
    with running_proxy() as proxy, running_directory(proxy.address) as behind:
        proxy.behind = behind
        yield proxy


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[LyingProxy]:
    with running_proxy() as proxy, running_provider(proxy.address) as behind:
        proxy.behind = behind
        yield proxy


@pytest.fixture(params=["stand_in", "oidc_provider"])
def directory(request: pytest.FixtureRequest, settings: Any) -> LyingProxy:
    """Where Ann comes next, a supervisor by her groups."""
    proxy: LyingProxy = request.getfixturevalue(request.param)
    proxy.forget()
    proxy.claims = dict(ANN)
    settings.DIRECTORY = DirectorySettings(
        url=proxy.address,
        name="Example Ltd",
        client_id=CLIENT_ID,
        secret=CLIENT_SECRET,
        roles={"cc-supervisors": ("supervisor",), "cc-leads": ("approver",)},
    )
    return proxy


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.close()
