"""The page of the history: its box, chips, other readings and periods."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.sends.engine.record import deliveries_expire
from console.sends.history.filling import history_fill
from console.sends.models import Send
from tests.pages.conftest import end
from tests.support.calling import by_token

pytestmark = pytest.mark.django_db
CHIP = re.compile(r'<a\s+class="chip chip--set"\s+href="([^"]*)"\s+aria-label="Without ([^"]*)"')
OFFER = re.compile(r'<a class="chip" href="([^"]*)"><bdi>“')


@pytest.fixture
def page(auditor: User, browse: Callable[..., Client]) -> Client:
    return browse(auditor)


def asked(client: Client, box: str, **beside: str) -> tuple[str, str]:
    """Where typing this leads to, and what stands there."""
    answer = client.get(reverse("history"), {"box": box, **beside})
    assert answer.status_code == 302
    found = client.get(answer["Location"])
    assert found.status_code == 200
    return answer["Location"], found.content.decode()


def chips_of(html: str) -> dict[str, str]:
    return {unescape(words): unescape(url) for url, words in CHIP.findall(html)}


def test_words_become_filters_that_can_be_taken_away(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(2)
    end(send, "unknown", reason="no_answer")
    failed = make_send(1)
    end(failed, "failed", reason="refused")

    where, html = asked(page, "unknown today Zoë", notice=send.version.notice.key)

    assert parse_qs(urlsplit(where).query) == {
        "status": ["unknown"],
        "period": ["today"],
        "q": ["Zoë"],
        "notice": [send.version.notice.key],
    }
    chips = chips_of(html)
    assert sorted(each.split(":")[0] for each in chips) == [
        "Days",
        "Notice (key)",
        "Outcome",
        "Text",
    ]
    assert "Outcome: Unknown" in chips
    without = page.get(chips["Outcome: Unknown"])
    assert "status" not in chips["Outcome: Unknown"]
    assert len(without.context["page"].rows) == 2
    assert len(page.get(where).context["page"].rows) == 1


def test_the_text_is_what_is_left_and_the_box_shows_it(
    page: Client, make_send: Callable[..., Send]
) -> None:
    make_send()
    where, html = asked(page, '"failed"', q="before")
    assert parse_qs(urlsplit(where).query) == {"q": ["failed"]}
    assert 'value="&quot;failed&quot;"' in html
    _where, html = asked(page, "zebra")
    assert 'value="zebra"' in html
    assert asked(page, "")[0] == reverse("history")


def test_the_other_reading_is_a_link(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send()
    _where, html = asked(page, str(send.pk))
    urls = [unescape(url) for url in OFFER.findall(html)]
    assert f"{reverse('history')}?send={send.pk}" in urls
    assert f"“{send.pk}” as Send: {send.pk}" in html
    rows = page.get(f"{reverse('history')}?send={send.pk}").context["page"].rows
    assert [row.send_id for row in rows] == [send.pk]


def test_a_period_takes_the_place_of_times(page: Client, make_send: Callable[..., Send]) -> None:
    make_send()
    answer = page.get(reverse("history"), {"since": "2020-01-01T00:00", "status": "pending"})
    links = {link.words: link.url for link in answer.context["presets"]}
    assert list(links) == [
        *("Today", "Yesterday", "Last 7 days", "Last week", "Last month", "This year")
    ]
    assert links["Today"] == f"{reverse('history')}?status=pending&period=today"
    today = page.get(links["Today"])
    assert len(today.context["page"].rows) == 1
    assert 'aria-current="true"' in today.content.decode()
    assert len(page.get(links["Yesterday"]).context["page"].rows) == 0
    # Chosen once more, it is taken away.
    again = {link.words: link.url for link in today.context["presets"]}
    assert again["Today"] == f"{reverse('history')}?status=pending"


def test_an_export_has_the_days_that_the_page_shows(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send()
    html = page.get(reverse("history"), {"period": "today"}).content.decode()
    assert '<input type="hidden" name="period" value="today">' in html
    for period, number in (("today", 1), ("yesterday", 0)):
        answer = page.post(reverse("history-export"), {"period": period, "format": "csv"})
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert text.count(send.version.notice.key) == number


@pytest.mark.parametrize("query", [f"box={'a' * 300}", "box=a%01b", "box=x&period=never"])
def test_what_was_typed_stays_when_it_can_not_be_read(page: Client, query: str) -> None:
    answer = page.get(f"{reverse('history')}?{query}")
    assert answer.status_code == 422
    typed = parse_qs(query)["box"][0]
    assert f'value="{typed}"' in answer.content.decode()


def test_a_send_and_a_delivery_are_filters_of_the_api_too(
    make_client: Callable[..., Any], make_send: Callable[..., Send]
) -> None:
    send, _other = make_send(3), make_send(2)
    client = by_token(make_client("read")[1])
    found = client.get(f"deliveries/?send={send.pk}")
    assert {row["send"] for row in found["results"]} == {send.pk}
    assert len(found["results"]) == 3
    pk = found["results"][1]["id"]
    assert [row["id"] for row in client.get(f"deliveries/?delivery={pk}")["results"]] == [pk]
    assert client.raw("GET", "deliveries/?send=x").status_code == 400


def test_a_persons_name_is_shown_for_the_reference(
    page: Client, supervisor: User, make_send: Callable[..., Send]
) -> None:
    make_send()
    deliveries_expire(timezone.now() + timedelta(hours=1))
    history_fill()
    where, html = asked(page, supervisor.username)
    assert parse_qs(urlsplit(where).query) == {"actor": [supervisor.ref]}
    assert f"Sent by: {supervisor}" in chips_of(html)
