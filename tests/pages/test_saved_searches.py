"""Saved searches of the history, and its columns: each person's own."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, Unprocessable
from console.sends.asking import saved_searches
from console.sends.asking.columns import columns_set
from console.sends.asking.own import (
    AT_FIRST,
    COLUMNS,
    columns_of,
    saved_search_get,
)
from console.sends.asking.own import saved_searches as searches_of
from console.sends.asking.saved_searches import (
    saved_search_create,
    saved_search_delete,
    saved_search_rename,
)
from console.sends.models import SavedSearch, Send

pytestmark = pytest.mark.django_db
LAST_WEEK = {"status": "unknown", "period": "last_week"}


@pytest.fixture
def actor(auditor: User) -> Actor:
    return auditor.to_actor()


@pytest.fixture
def page(auditor: User, browse: Callable[..., Client]) -> Client:
    return browse(auditor)


def names(actor: Actor) -> list[str]:
    return [search.name for search in searches_of(actor)]


def test_it_is_the_persons_own(actor: Actor, supervisor: User, editor: User) -> None:
    search = saved_search_create(actor, name="Unknown", query=LAST_WEEK)
    saved_search_create(supervisor.to_actor(), name="Unknown", query={"q": "zoë"})
    assert names(actor) == ["Unknown"]
    for do in (
        lambda who: saved_search_get(who, search.pk),
        lambda who: saved_search_rename(who, search, name="X"),
        lambda who: saved_search_delete(who, search),
    ):
        with pytest.raises(NotFound):
            do(supervisor.to_actor())
        with pytest.raises(PermissionRefused):
            do(editor.to_actor())
    assert saved_search_get(actor, search.pk).query == LAST_WEEK


def test_names_are_told_apart(actor: Actor) -> None:
    search = saved_search_create(actor, name="Unknown", query=LAST_WEEK)
    other = saved_search_create(actor, name="Failed", query={"status": "failed"})
    with pytest.raises(Conflict, match="named UNKNOWN"):
        saved_search_create(actor, name="UNKNOWN", query=LAST_WEEK)
    with pytest.raises(Conflict):
        saved_search_rename(actor, other, name="unknown")
    with pytest.raises(Conflict):
        saved_search_rename(actor, other, name="Lost", expected="0" * 64)
    assert saved_search_rename(actor, search, name="unknown").name == "unknown"


@pytest.mark.parametrize(
    "query", [{}, {"period": "never"}, {"status": "gone"}, {"since": "x"}, {"page": "2"}]
)
def test_what_can_not_be_searched_is_not_saved(query: dict[str, str], actor: Actor) -> None:
    with pytest.raises(InvalidInput):
        saved_search_create(actor, name="X", query=query)


def test_there_is_a_limit(actor: Actor, monkeypatch: Any) -> None:
    monkeypatch.setattr(saved_searches, "SEARCHES_MOST", 2)
    for name in "ab":
        saved_search_create(actor, name=name, query=LAST_WEEK)
    with pytest.raises(Unprocessable, match="You have 2 saved searches"):
        saved_search_create(actor, name="c", query=LAST_WEEK)


def test_the_ledger_has_no_word_of_what_is_searched_for(actor: Actor) -> None:
    search = saved_search_create(actor, name="Hers", query={"q": "Zoë Martin"})
    saved_search_rename(actor, search, name="His")
    saved_search_delete(actor, search)
    entries = list(AuditEntry.objects.filter(target_kind="search").order_by("pk"))
    assert [each.action for each in entries] == ["search.saved", "search.renamed", "search.deleted"]
    assert "Zoë" not in str([each.data for each in entries])


# --- Pages ----------------------------------------------------------------------------------------


def test_saving_on_the_page_keeps_the_filters_and_shows_it_above(page: Client) -> None:
    shown = page.get(reverse("history"), LAST_WEEK)
    where = shown.context["save_url"]
    assert where == f"{reverse('saved-search-create')}?period=last_week&status=unknown"
    assert f'href="{where.replace("&", "&amp;")}"' in shown.content.decode()
    assert "Outcome: <bdi>Unknown</bdi>" in page.get(where).content.decode()

    refused = page.post(where, {"name": " "})
    assert refused.status_code == 422
    assert "Give the search a name." in refused.content.decode()
    saved = page.post(where, {"name": "Unknown last week"})

    assert saved.status_code == 302
    there = page.get(saved["Location"])
    html = there.content.decode()
    assert "<bdi>Unknown last week</bdi>" in html
    assert [each.link.is_chosen for each in there.context["saved"]] == [True]
    assert reverse("saved-search-edit", args=[SavedSearch.objects.get().pk]) in html
    elsewhere = page.get(reverse("history"))
    assert [each.link.is_chosen for each in elsewhere.context["saved"]] == [False]
    # The days are those of the week before now, whenever that is.
    assert "period=last_week" in unescape(elsewhere.context["saved"][0].link.url)


def test_a_taken_name_stays_as_typed(page: Client, actor: Actor) -> None:
    saved_search_create(actor, name="Unknown", query=LAST_WEEK)
    answer = page.post(f"{reverse('saved-search-create')}?q=zoë", {"name": "unknown"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="unknown"' in html
    assert "You have a search named unknown already" in html


def test_renaming_and_deleting_ask(page: Client, actor: Actor) -> None:
    search = saved_search_create(actor, name="Unknown", query=LAST_WEEK)
    edit = reverse("saved-search-edit", args=[search.pk])
    delete = reverse("saved-search-delete", args=[search.pk])
    form = page.get(edit).context["form"]
    renamed = page.post(edit, {"name": "Lost", "expected": form["expected"].value()})
    assert renamed.status_code == 302
    assert names(actor) == ["Lost"]
    stale = page.post(edit, {"name": "Gone", "expected": form["expected"].value()})
    assert stale.status_code == 422
    assert "Delete the search Lost?" in page.get(delete).content.decode()
    assert names(actor) == ["Lost"]
    assert page.post(delete).status_code == 302
    assert names(actor) == []


def test_a_filter_that_is_no_more_is_said(page: Client, actor: Actor) -> None:
    search = saved_search_create(actor, name="Old", query=LAST_WEEK)
    SavedSearch.objects.filter(pk=search.pk).update(query={"status": "gone"})
    assert page.get(reverse("history")).status_code == 200
    html = page.get(reverse("saved-search-edit", args=[search.pk])).content.decode()
    assert "it finds nothing: Outcome: there is no “gone”" in html


# --- Columns --------------------------------------------------------------------------------------

HEADS = {
    "when": "When, by whom",
    "chat": "Chat id",
    "send": "Send",
    "notice": "Notice and text",
    "version": "Version",
    "visibility": "Visibility",
    "language": "Language",
    "chat_server": "Chat Server",
    "ended": "Ended",
    "attempts": "Attempts",
}


def heads(html: str) -> list[str]:
    head = html.split("<thead>")[1].split("</thead>")[0]
    return [cell.split("</th>")[0] for cell in head.split('<th scope="col">')[1:]]


def test_columns_are_remembered_for_the_person_alone(
    page: Client,
    supervisor: User,
    make_send: Callable[..., Send],
    browse: Callable[..., Client],
) -> None:
    make_send()
    assert heads(page.get(reverse("history")).content.decode()) == [
        *("When, by whom", "Customer", "Notice and text", "Visibility", "Outcome")
    ]
    where = page.get(reverse("history"), {"q": "hello"}).context["columns_url"]
    assert where == f"{reverse('history-columns')}?q=hello"
    assert page.get(where).content.decode().count("checked") == len(AT_FIRST)
    for chosen in (["chat", "attempts"], list(COLUMNS), []):
        answer = page.post(where, dict.fromkeys(chosen, "on"))
        assert answer["Location"] == f"{reverse('history')}?q=hello"
        shown = heads(page.get(reverse("history")).content.decode())
        assert set(shown) == {HEADS[name] for name in chosen} | {"Customer", "Outcome"}
        assert shown[-1] == "Outcome"
    others = heads(browse(supervisor).get(reverse("history")).content.decode())
    assert "When, by whom" in others


def test_a_column_that_there_is_not(actor: Actor, editor: User) -> None:
    with pytest.raises(InvalidInput, match="There is no column 'zebra'"):
        columns_set(actor, ["when", "zebra"])
    with pytest.raises(PermissionRefused):
        columns_set(editor.to_actor(), ["when"])
    assert columns_of(actor) == list(AT_FIRST)
    assert not editor.to_actor().may(Permission.SEND)


# --- From a row to its chat -----------------------------------------------------------------------


def test_each_row_leads_to_what_was_sent_to_its_chat(
    page: Client, supervisor: User, make_send: Callable[..., Send], browse: Callable[..., Client]
) -> None:
    send = make_send()
    delivery = send.deliveries.get()
    chat = delivery.interaction_id
    its_page = f'href="{reverse("chat-detail", args=[chat])}"'
    its_history = f'href="{reverse("history")}?interaction={chat}"'
    ways = [reverse("history"), reverse("send-detail", args=[send.pk])]
    ways.append(reverse("delivery-detail", args=[delivery.pk]))
    sees, reads = browse(supervisor), page
    assert [its_page in sees.get(way).content.decode() for way in ways] == [True] * 3
    assert [its_history in reads.get(way).content.decode() for way in ways] == [True] * 3
    delivery.interaction.delete()  # as after its retention
    assert [its_history in sees.get(way).content.decode() for way in ways] == [True] * 3
    assert its_history not in reads.get(f"{reverse('history')}?interaction={chat}").content.decode()
