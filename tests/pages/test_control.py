"""Holding up sends: stop, pause, resume, and the switch for all of them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.database import notifications
from console.sends.control.stop_switch import sending_restart, sending_stop
from console.sends.models import Send, SendingStop, SendStatus

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def office(administrator: User, browse: Callable[..., Client]) -> Client:
    return browse(administrator)


def html_of(client: Client, name: str, *arguments: object) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


def status_of(send: Send) -> str:
    send.refresh_from_db()
    return send.status


# --- One send -------------------------------------------------------------------------------------


def test_stopping_asks_first_on_a_page_or_in_a_dialog(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send()
    address = reverse("send-cancel", args=[send.pk])

    assert f'href="{address}"' in html_of(page, "send-detail", send.pk)
    whole = page.get(address).content.decode()
    fragment = page.get(address, headers=HTMX).content.decode()

    assert status_of(send) == SendStatus.RUNNING
    for html in (whole, fragment):
        assert "Stop this send?" in html
    assert "<!DOCTYPE html>" in whole
    assert "<!DOCTYPE html>" not in fragment
    # Behind the dialog stays the page, on which the answer is put.
    assert f'hx-target="#send-{send.pk}-progress"' in fragment
    assert "hx-target=" not in whole.split('id="main"')[1].split("</main>")[0]


def test_a_stopped_send_says_by_whom(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send()

    answer = page.post(reverse("send-cancel", args=[send.pk]))

    assert answer["Location"] == reverse("send-detail", args=[send.pk])
    assert "Cancelled by <bdi>Sue</bdi>" in html_of(page, "send-detail", send.pk)


def test_pausing_and_resuming(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send()
    assert "Resume" not in html_of(page, "send-progress", send.pk)

    paused = page.post(reverse("send-pause", args=[send.pk]), headers=HTMX).content.decode()
    assert status_of(send) == SendStatus.PAUSED
    assert "Paused by <bdi>Sue</bdi>" in paused
    assert "Nothing more leaves until it is resumed." in paused
    assert reverse("send-pause", args=[send.pk]) not in paused

    resumed = page.post(reverse("send-resume", args=[send.pk]), headers=HTMX).content.decode()
    assert status_of(send) == SendStatus.RUNNING
    assert "Paused by" not in resumed


def test_without_scripts_pausing_leads_back_to_the_send(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send()
    own_page = reverse("send-detail", args=[send.pk])

    assert page.post(reverse("send-pause", args=[send.pk]))["Location"] == own_page
    refused = page.post(reverse("send-pause", args=[send.pk]))

    assert refused.status_code == 409
    assert "only one that is sending can be paused" in refused.content.decode()


def test_an_administrator_stops_a_send_without_reading_its_texts(
    office: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(why="Case 4711")

    html = html_of(office, "send-detail", send.pk)
    assert "Hello Zoë." not in html
    assert "Case 4711" not in html
    assert "for Sue and for those who read the history" in html
    assert reverse("send-pause", args=[send.pk]) in html
    office.post(reverse("send-cancel", args=[send.pk]))

    assert status_of(send) == SendStatus.CANCELLED
    assert "Cancelled by <bdi>Adam</bdi>" in html_of(office, "send-detail", send.pk)


def test_an_auditor_looks_and_has_no_button(
    auditor: User, make_send: Callable[..., Send], browse: Callable[..., Client]
) -> None:
    send = make_send()

    html = html_of(browse(auditor), "send-detail", send.pk)

    assert "Hello Zoë." in html
    for name in ("send-pause", "send-cancel"):
        assert reverse(name, args=[send.pk]) not in html


# --- All sends ------------------------------------------------------------------------------------


def test_stopping_everything_takes_a_reason_and_shows_on_every_page(
    office: Client, page: Client
) -> None:
    address = reverse("sending-stop")
    assert "Stop all sending?" in html_of(office, "sending-stop")

    without = office.post(address, {"reason": " "})
    assert without.status_code == 422
    assert "Say why" in without.content.decode()
    assert not SendingStop.objects.exists()
    assert "Sending is stopped" not in html_of(page, "board")

    assert office.post(address, {"reason": "wrong text out"})["Location"] == reverse(
        "sending-switch"
    )

    for name in ("board", "help", "send-list", "sending-band"):
        html = html_of(page, name)
        assert "Sending is stopped for everybody." in html, name
        assert "<bdi>Adam</bdi>, <time" in html, name
        assert "“<bdi>wrong text out</bdi>”" in html, name
        assert "Start it again" not in html, name
    assert "Start it again" in html_of(office, "help")
    again = office.post(address, {"reason": "wrong text out"})
    assert again.status_code == 409
    assert "stopped already" in again.content.decode()
    assert "wrong text out</textarea>" in again.content.decode()


def test_starting_again(
    administrator: User, office: Client, make_send: Callable[..., Send]
) -> None:
    make_send(2)
    sending_stop(administrator.to_actor(), reason="storm")
    for headers in ({}, HTMX):  # it refreshes itself
        html = office.get(reverse("sending-switch"), headers=headers).content.decode()
        switch = html.split('id="switch"')[1]
        assert "Sending is stopped" in switch
        assert "storm" in switch

    assert "2 deliveries are open." in html_of(office, "sending-restart")
    office.post(reverse("sending-restart"))

    assert not SendingStop.objects.exists()
    assert "Sending is on" in html_of(office, "sending-switch")
    assert "Sending is stopped" not in html_of(office, "sending-band")


def test_while_sending_is_stopped_a_send_waits_and_says_so(
    administrator: User, page: Client, make_send: Callable[..., Send]
) -> None:
    running, holding = make_send(), make_send(undo_seconds=60)
    sending_stop(administrator.to_actor(), reason="storm")

    for send in (running, holding):
        html = html_of(page, "send-progress", send.pk)
        assert "<span>Waits: sending is stopped</span>" in html
        assert "It waits until sending starts again." in html
        assert "status--running" not in html
        assert "About to send" not in html
    assert reverse("send-cancel", args=[holding.pk]) in html
    listed = html_of(page, "send-list").split('id="sends"')[1]
    assert listed.count("<span>Waits: sending is stopped</span>") == 2

    sending_restart(administrator.to_actor())
    assert "Waits:" not in html_of(page, "send-progress", running.pk)


def test_the_send_bar_says_that_a_send_would_wait(
    administrator: User,
    page: Client,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    make_notice(key="hello")
    chosen = {"interaction": make_interaction().pk, "notice": "hello", "idempotency_key": "k1"}

    def bar() -> str:
        html = page.post(reverse("board-preview"), chosen, headers=HTMX).content.decode()
        return html.split('id="send-bar"')[1]

    assert "You can undo" in bar()
    sending_stop(administrator.to_actor(), reason="storm")
    assert "It waits until sending starts again." in bar()
    assert "You can undo" not in bar()


def test_open_pages_are_told(page: Client) -> None:
    band = html_of(page, "help").split('id="sending-band"')[1].split(">")[0]

    assert f'data-live-topic="{notifications.SENDING}"' in band
    assert f'hx-get="{reverse("sending-band")}"' in band


def test_the_band_costs_a_page_one_query_and_a_fragment_none(page: Client) -> None:
    def asked(**options: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            page.get(reverse("board-rows"), **options)
        return sum("sends_sendingstop" in query["sql"] for query in captured)

    with CaptureQueriesContext(connection) as captured:
        page.get(reverse("help"))
    assert sum("sends_sendingstop" in query["sql"] for query in captured) == 1
    assert asked(headers=HTMX) == 0
