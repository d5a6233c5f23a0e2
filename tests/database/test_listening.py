"""The connection that listens: it has the whole address, and finds out that it is lost."""

import asyncio
from typing import Any

import pytest
from django.db import connections

from console.database import notifications
from console.database.notifications import LISTENING, LOST, listen
from console.database.settings import database_settings
from tests.support.black_hole import way_to_postgresql

pytestmark = pytest.mark.django_db(transaction=True)

GIVEN = {
    "sslcert": "/etc/console/client.pem",
    "sslkey": "/etc/console/client.key",
    "sslmode": "verify-full",
    "sslrootcert": "/etc/console/ca.pem",
    "target_session_attrs": "read-write",
    "options": "-c search_path=public",
    "application_name": "console-web",
    "channel_binding": "require",
    "krbsrvname": "pg",
    "gssencmode": "disable",
    "keepalives_idle": "7",
}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the connections that are opened from now on go to an address."""

    def use(url: str, pool_size: int = 0) -> None:
        wrapper = connections["default"]
        known = database_settings(url, embedded=False, pool_size=pool_size)
        monkeypatch.setattr(wrapper, "settings_dict", {**wrapper.settings_dict, **known})
        from console.database.backend.base import DatabaseWrapper

        monkeypatch.setattr(
            wrapper, "get_connection_params", DatabaseWrapper.get_connection_params.__get__(wrapper)
        )

    return use


@pytest.mark.parametrize("pool_size", [0, 20])
def test_nothing_of_the_address_is_dropped(at: Any, pool_size: int) -> None:
    query = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in GIVEN.items())
    at(f"postgresql://ann:p%40ss@db.example:5433/console?{query}", pool_size)
    params = notifications._connection_params()
    assert {name: str(params[name]) for name in GIVEN} == GIVEN
    assert (params["user"], params["password"]) == ("ann", "p@ss")
    assert (params["host"], str(params["port"])) == ("db.example", "5433")
    assert not {"pool", "cursor_factory", "context"} & set(params)


def test_who_listens_finds_out_that_the_host_has_vanished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "ASK_SECONDS", 0.2)

    async def run(way: Any) -> list[str | None]:
        heard: list[str | None] = []
        async with asyncio.timeout(60):
            async for topic in listen("of_this_test"):
                heard.append(topic)
                if heard == [LISTENING]:
                    way.fall_silent()
                if len(heard) == 3:
                    return heard
        return heard

    with way_to_postgresql() as way:
        known = connections["default"].settings_dict
        address = {"host": "127.0.0.1", "port": way.port}
        address |= {"dbname": known["NAME"], "user": known["USER"]}
        monkeypatch.setattr(notifications, "_connection_params", lambda: address)
        assert asyncio.run(run(way)) == [LISTENING, LOST, LISTENING]
