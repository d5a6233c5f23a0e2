"""What tests of the poller share: one poll after the other against a stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from console.actors import system_actor
from console.interactions.models import Interaction
from console.interactions.poller.poll import poll_interactions
from console.interactions.poller.writing import PollResult
from console.interactions.services import feed_apply
from tests.support.ixn_server import IxnServer, properties

POLLER = system_actor("poller")
FEED = system_actor("tests")


def server_of(*names: str, **options: Any) -> IxnServer:
    return IxnServer({name: properties(name) for name in names}, **options)


def polled(server: Any, **options: Any) -> PollResult:
    return poll_interactions(POLLER, server.opened, **options)


def live() -> set[str]:
    return set(Interaction.objects.filter(ended_at=None).values_list("pk", flat=True))


def feed(*events: dict[str, Any]) -> None:
    assert feed_apply(FEED, events).rejected == []


def stop(name: str) -> dict[str, Any]:
    return {
        "type": "stopped",
        "occurred_at": timezone.now().isoformat(),
        "interaction": {"id": name},
    }


def counted(result: PollResult) -> tuple[int, int, int]:
    return result.counts.new, result.counts.changed, result.ended


@contextmanager
def another_session() -> Iterator[psycopg.Cursor[Any]]:
    wanted = connection.get_connection_params()
    given = {
        name: wanted[name]
        for name in ("dbname", "user", "password", "host", "port")
        if name in wanted
    }
    with psycopg.connect(**given, autocommit=True) as other, other.cursor() as cursor:
        yield cursor


def taking(snapshot: Any) -> Any:
    """A source whose one snapshot is this."""

    class Source(IxnServer):
        def take(self) -> Any:
            return snapshot

    return Source().opened
