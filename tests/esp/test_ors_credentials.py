"""Where the credentials of Orchestration go, and where they never do."""

from pathlib import Path
from typing import Any

import pytest

from console.esp import NotConnected, OutcomeKind
from console.esp.transports import open_channel
from tests.esp.support import SOON, run
from tests.esp.test_ors import a_request, ask
from tests.support.network import free_port
from tests.support.orchestration import running_orchestration

Options = dict[str, dict[str, Any]]


def with_password(*hosts: str, password: str = "s3cret") -> Options:
    return {"ors": {"username": "console", "password": password, "hosts": hosts}}


def with_certificate(*hosts: str) -> Options:
    return {"ors": {"certificate": Path("console.pem"), "hosts": hosts}}


async def opening(url: str, options: Options) -> None:
    channel = await open_channel(url, connect_timeout=SOON, request_timeout=SOON, options=options)
    await channel.close()


def test_basic_authentication() -> None:
    with running_orchestration(credentials="console:päss") as ors:
        with pytest.raises(NotConnected, match="credentials"):
            ask(ors, options=with_password("127.0.0.1", password="wrong"))
        options = with_password("127.0.0.1", password="päss")
        (outcome,) = ask(ors, a_request(ors.start({})), options=options)
    assert outcome.kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("made", [with_password, with_certificate])
@pytest.mark.parametrize("hosts", [(), ("ors.example.com", "27.0.0.1", ".0.0.1")])
def test_no_host_gets_them_that_the_site_has_not_named(made: Any, hosts: tuple[str, ...]) -> None:
    with running_orchestration() as ors:
        with pytest.raises(NotConnected, match=r"not shown to 127\.0\.0\.1.*CONSOLE_ORS_HOSTS"):
            run(opening(ors.url, made(*hosts)))
        assert ors.lines == []


@pytest.mark.parametrize("host", ["ors.example.com", "192.0.2.1", "127.example.com"])
def test_no_password_goes_to_another_machine_in_the_clear(host: str) -> None:
    with pytest.raises(NotConnected, match=r"in the clear.*ors\+https"):
        run(opening(f"ors+http://{host}:80", with_password(host)))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_password_may_go_in_the_clear_to_a_proxy_on_the_same_machine(host: str) -> None:
    options = with_password("LOCALHOST", "127.0.0.1", "::1")
    with pytest.raises(NotConnected, match="No connection"):
        run(opening(f"ors+http://{host}:{free_port()}", options))
