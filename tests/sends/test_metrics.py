"""Metrics: what they say, that counters only grow, and who may read them."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.interactions.models import ChatServer, InteractionPoll
from console.sends.control.pausing import send_cancel
from console.sends.engine.record import deliveries_expire
from console.sends.models import Outbox, OutcomeMark, OutcomeTotal, SendingStop, Worker
from console.sends.observe import outcome_counts, scraping, worker_metrics
from console.sends.observe.outcome_counts import outcomes_count
from console.sends.observe.worker_metrics import DrainRecord
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.tasks import sweep_now
from tests.support.scraping import samples, scrape

# --- What they say -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_empty_site_has_metrics(client: Client) -> None:
    found = scrape(client)
    assert found["console_sending_stopped",] == 0
    assert found["console_workers", "alive"] == 0


@pytest.fixture
def sender(supervisor: Any) -> Any:
    return supervisor.to_actor()


@pytest.fixture
def three_waiting(sender: Any, chat_server: Any, make_interaction: Any, make_notice: Any) -> Any:
    """A send to three chats of chat-east, and a fourth that names a server nobody registered."""
    ids = [make_interaction(f"c{number}").pk for number in range(3)]
    ids.append(make_interaction("lost", user_data={"ChatServerAppName": "nobody"}).pk)
    return send_create(sender, SendOrder(notice_key=make_notice("Hi").notice.key, interactions=ids))


@pytest.mark.django_db
def test_the_queue_by_chat_server(client: Client, three_waiting: Any) -> None:
    first = scrape(client)
    assert first["console_queue_deliveries", "chat-east", "due"] == 3
    assert first["console_queue_deliveries", "chat-east", "later"] == 0
    assert first["console_queue_deliveries", "chat-east", "on_the_wire"] == 0
    assert first["console_queue_oldest_due_seconds", "chat-east"] > 0
    three_waiting.status = "paused"
    three_waiting.save()
    paused = scrape(client)
    assert paused["console_queue_deliveries", "chat-east", "due"] == 0
    assert paused["console_queue_deliveries", "chat-east", "later"] == 3
    assert paused["console_queue_oldest_due_seconds", "chat-east"] == 0


@pytest.mark.django_db
def test_health_pace_and_switch(client: Client, chat_server: ChatServer) -> None:
    ChatServer.objects.update(health="unhealthy", failures_in_a_row=3, pace_per_second=20)
    SendingStop.objects.create(
        reason="drill", actor_ref="user:1", actor_name="Ada", stopped_at="2026-01-01T00:00Z"
    )
    found = scrape(client)
    assert found["console_chat_server_health", "chat-east", "unhealthy"] == 1
    assert found["console_chat_server_health", "chat-east", "healthy"] == 0
    assert found["console_chat_server_failures_in_a_row", "chat-east"] == 3
    assert found["console_chat_server_pace_per_second", "chat-east"] == 20
    assert found["console_chat_server_window", "chat-east"] == chat_server.window
    assert 0 < found["console_chat_server_bucket_tokens", "chat-east"] <= chat_server.burst
    assert found["console_sending_stopped",] == 1


@pytest.mark.django_db
def test_outcomes_are_counted_from_the_ledger_and_only_grow(
    client: Client, sender: Any, three_waiting: Any
) -> None:
    before = scrape(client)
    for outcome in ("delivered", "failed", "unknown", "skipped", "cancelled"):
        assert before["console_deliveries_total", "chat-east", outcome] == 0
        assert before["console_deliveries_total", "(none)", outcome] == 0
    Outbox.objects.filter(delivery__interaction_id="c0").update(expires_at="2026-01-01T00:00Z")
    assert deliveries_expire() == 1
    sweep_now()
    first = scrape(client)
    assert first["console_deliveries_total", "chat-east", "failed"] == 1
    # Names that only the feed knows make no label of their own.
    assert first["console_deliveries_total", "(none)", "skipped"] == 1
    send_cancel(sender, three_waiting)
    sweep_now()
    second = scrape(client)
    assert second["console_deliveries_total", "chat-east", "cancelled"] == 2
    assert all(second[key] >= value for key, value in first.items() if "total" in key[0])
    sweep_now()
    third = scrape(client)
    assert {k: v for k, v in third.items() if k[0].endswith("_total")} == {
        k: v for k, v in second.items() if k[0].endswith("_total")
    }


@pytest.mark.django_db
def test_a_long_history_is_counted_piece_by_piece(
    sender: Any, three_waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_cancel(sender, three_waiting)
    with monkeypatch.context() as patch:
        patch.setattr(outcome_counts, "ENTRIES_A_PIECE", 1)
        outcomes_count()
        part = OutcomeMark.objects.get().counted_to
        assert 0 < part < 100
        for _call in range(20):
            outcomes_count()
    outcomes_count()
    totals = dict(OutcomeTotal.objects.values_list("outcome", "total"))
    assert totals == {"cancelled": 3, "skipped": 1}


@pytest.mark.django_db
def test_a_scrape_does_not_count_the_history(client: Client, three_waiting: Any) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        scrape(client)
    asked = [query["sql"] for query in queries.captured_queries]
    assert len(asked) <= 30
    assert not [sql for sql in asked if "audit_auditentry" in sql and "LIMIT 1" not in sql]
    # Deliveries are looked up by the ids of what is on the wire, never counted.
    assert [sql for sql in asked if "sends_delivery" in sql and "sends_claim" not in sql] == []


@pytest.mark.django_db
def test_workers_by_state(client: Client) -> None:
    now = timezone.now()
    for silent, stopping in ((0, False), (0, True), (600, False)):
        Worker.objects.create(
            pk=uuid4(),
            host="h",
            pid=1,
            started_at=now,
            seen_at=now - timedelta(seconds=silent),
            is_stopping=stopping,
        )
    found = scrape(client)
    states = ("alive", "stopping", "lost")
    assert [found["console_workers", state] for state in states] == [1, 1, 1]


def test_a_database_that_is_away_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("refused by 10.0.0.7")

    monkeypatch.setattr("console.sends.observe.operations.queues", away)
    answer = client.get("/metrics")
    assert answer.status_code == 503
    assert "10.0.0.7" not in answer.content.decode()


# --- Who may read them ---------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
        {"HTTP_AUTHORIZATION": "Bearer ", "REMOTE_ADDR": "192.0.2.7"},
    ],
)
def test_without_a_token_they_are_for_this_machine(environ: dict[str, Any]) -> None:
    answer = Client().get("/metrics", **environ)
    assert answer.status_code == 403
    assert "console_" not in answer.content.decode()
    assert "CONSOLE_METRICS_TOKEN" in answer.content.decode()


@pytest.mark.django_db
def test_behind_a_proxy_everybody_seems_to_be_this_machine(client: Client, settings: Any) -> None:
    settings.TRUST_PROXY = True
    assert client.get("/metrics").status_code == 403


@pytest.mark.django_db
def test_a_token_opens_them_from_anywhere_and_nothing_else_does(settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret-and-long"
    far: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "198.51.100.1"}
    right: dict[str, Any] = {"HTTP_AUTHORIZATION": "Bearer s3cret-and-long"}
    assert Client().get("/metrics", **far, **right).status_code == 200
    refusals: list[dict[str, Any]] = [
        {},
        {"HTTP_AUTHORIZATION": "Bearer é"},
        {"HTTP_AUTHORIZATION": "Basic s3cret"},
    ]
    for wrong in refusals:
        refused = Client().get("/metrics", **wrong)
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"')
        assert "console_" not in refused.content.decode()


@pytest.mark.django_db
def test_nothing_but_reading(client: Client) -> None:
    assert client.post("/metrics").status_code == 405


# --- A worker's own ------------------------------------------------------------------------------


@pytest.fixture
def _no_tallies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_metrics, "drain_counts", {})
    monkeypatch.setattr("console.sends.observe.metrics.drain_counts", worker_metrics.drain_counts)


@contextmanager
def asked(port: int, path: str = "/metrics", **headers: str) -> Iterator[Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            yield answer
    except HTTPError as error:
        with error:
            yield error


@pytest.mark.usefixtures("_no_tallies")
def test_a_worker_shows_its_round_trips_and_drains() -> None:
    record = DrainRecord("chat-east")
    record.start()
    worker_metrics.drain_failed("chat-east")
    record.round_trips += [0.0004, 0.02, None, 60.0]
    record.step([], [], [])
    with scraping.metrics_port("127.0.0.1", 0) as port, asked(port) as answer:
        found = samples(answer.read().decode())
    assert found["console_round_trip_seconds_bucket", "chat-east", "0.001"] == 1
    assert found["console_round_trip_seconds_bucket", "chat-east", "0.025"] == 2
    assert found["console_round_trip_seconds_bucket", "chat-east", "30.0"] == 2
    assert found["console_round_trip_seconds_bucket", "chat-east", "+Inf"] == 3
    assert found["console_round_trip_seconds_count", "chat-east"] == 3
    assert found["console_round_trip_seconds_sum", "chat-east"] == pytest.approx(60.0204)
    assert found["console_drains_total", "chat-east"] == 1
    assert found["console_drains_running", "chat-east"] == 1
    assert found["console_drain_failures_total", "chat-east"] == 1
    record.stop()
    assert worker_metrics.drain_counts["chat-east"].running == 0


def test_a_workers_port_has_the_same_door(settings: Any) -> None:
    with scraping.metrics_port("127.0.0.1", 0) as port:
        with asked(port, "/") as answer:
            assert answer.status == 404
        with asked(port, **{"X-Forwarded-For": "192.0.2.7"}) as answer:
            assert answer.status == 403
        settings.METRICS_TOKEN = "s3cret-and-long"
        with asked(port) as answer:
            assert answer.status == 401
        with asked(port, Authorization="Bearer s3cret-and-long") as answer:
            assert answer.status == 200


def test_a_port_that_can_not_be_opened_says_what_to_do() -> None:
    with (
        scraping.metrics_port("127.0.0.1", 0) as port,
        pytest.raises(scraping.CannotShowMetrics, match="Choose another --metrics-port"),
    ):
        scraping.metrics_port("127.0.0.1", port).__enter__()
    with pytest.raises(scraping.CannotShowMetrics, match="CONSOLE_METRICS_TOKEN"):
        scraping.metrics_port("0.0.0.0", 0).__enter__()


@pytest.mark.django_db
def test_the_poller_has_metrics_once_it_ran(client: Client) -> None:
    assert not any(name.startswith("console_poll") for name, *_labels in scrape(client))
    ended_at = timezone.now()
    InteractionPoll.objects.create(
        ended_at=ended_at, seen=7, withheld=2, polls_total=9, failures_total=1, new_total=30
    )
    found = scrape(client)
    assert found["console_poll_ended_timestamp_seconds",] == pytest.approx(ended_at.timestamp())
    assert found["console_poll_seen",] == 7
    assert found["console_poll_withheld",] == 2
    assert found["console_polls_total",] == 9
    assert found["console_poll_failures_total",] == 1
    assert found["console_poll_chats_total", "new"] == 30
