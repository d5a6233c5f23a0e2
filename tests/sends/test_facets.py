"""How what fits a filter is spread over outcomes, notices, senders and Chat Servers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.sends.history import facets
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, Send
from console.sends.selectors import deliveries_visible, history_facets
from tests.pages.conftest import end
from tests.sends.test_history_search import make_history
from tools.scale.words import RARE

pytestmark = pytest.mark.django_db
GIVEN: list[dict[str, str]] = [
    {"notice": "years-20"},
    {"q": RARE},
    {"status": "unknown", "chat_server": "east"},
    {"actor": "client:7", "status": "failed"},
    {"interaction": "none"},
]
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("who", ["auditor", "supervisor"])
def test_numbers_are_exact_up_to_the_bound_and_the_least_beyond(
    who: str, request: pytest.FixtureRequest, make_send: Callable[..., Send], monkeypatch: Any
) -> None:
    actor = request.getfixturevalue(who).to_actor()
    make_send(2)
    make_history(actor)
    for most in (30, 5000):
        monkeypatch.setattr(facets, "COUNTED_MOST", most)
        for given in [{}, *GIVEN]:
            asked = DeliveryFilter.from_mapping(given)
            fitting = deliveries_visible(actor).filter(asked.to_condition())
            rows = list(fitting.prefetch_related("send__version__notice"))
            found = history_facets(actor, asked)
            assert found.is_all == (len(rows) <= most), given
            assert found.counted == min(len(rows), most), given
            statuses = Counter(row.status for row in rows[:most])
            assert {each.value: each.number for each in found.values["status"]} == statuses
            notices = Counter(row.send.version.notice.key for row in rows[:most])
            listed = {each.value: each.number for each in found.values["notice"]}
            assert listed.items() <= notices.items()
            assert len(listed) + found.left_out["notice"] == len(notices)
            people = Counter(row.send.actor_ref for row in rows[:most])
            assert sorted(each.number for each in found.values["actor"]) == sorted(
                sorted(people.values())[-facets.VALUES_MOST :]
            )


def test_a_long_history_is_not_read(
    auditor: User, make_send: Callable[..., Send], monkeypatch: Any
) -> None:
    """No more rows of deliveries are read than are counted."""
    make_send(1)
    make_history(auditor.to_actor())
    monkeypatch.setattr(facets, "COUNTED_MOST", 20)
    with CaptureQueriesContext(connection) as made:
        history_facets(auditor.to_actor(), DeliveryFilter())
    assert len(made) <= 4
    assert any("LIMIT 21" in query["sql"] for query in made)
    assert Delivery.objects.count() > 2000


def test_the_page_has_them_beside_the_list_and_without_a_script(
    auditor: User, browse: Callable[..., Client], make_send: Callable[..., Send], monkeypatch: Any
) -> None:
    send = make_send(3)
    end(send, "failed", reason="refused")
    client = browse(auditor)
    key = send.version.notice.key
    where = f"{reverse('history-counts')}?notice={key}"
    html = client.get(reverse("history"), {"notice": key}).content.decode()
    assert f'hx-get="{where}"' in html
    assert f'href="{where}"' in html

    part = client.get(where, headers=HTMX).content.decode()
    assert "<html" not in part
    assert "3 deliveries fit. The numbers are exact." in part
    assert f'href="/history/?notice={key}&amp;status=failed"' in part
    # What is chosen leads away from it.
    assert 'href="/history/"' in part
    assert "<html" in client.get(where).content.decode()

    monkeypatch.setattr(facets, "COUNTED_MOST", 2)
    part = client.get(where, headers=HTMX).content.decode()
    assert "More than 2 fit." in part
    assert "2+" in part
    assert "nothing to count" in client.get(f"{where}&q=nowhere", headers=HTMX).content.decode()
    refused = client.get(f"{where}&status=gone", headers=HTMX)
    assert "there is no “gone”" in refused.content.decode()


def test_a_search_that_takes_too_long_is_said_in_their_place(
    auditor: User, browse: Callable[..., Client], make_send: Callable[..., Send], settings: Any
) -> None:
    make_send()
    settings.SEARCH_SECONDS = 0
    part = browse(auditor).get(reverse("history-counts"), headers=HTMX)
    assert part.status_code == 200
    assert "so it was ended. Narrow it" in part.content.decode()
