"""Finding notices, their tree, their versions side by side, their time, and editors who meet."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import Team, User
from console.catalogue.content.favourites import favourite_set
from console.catalogue.content.notices import notice_create, notice_retire, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.catalogue.models import CannedNotice, Category, NoticeVersion
from console.sends.models import Send
from tests.pages.conftest import end
from tests.pages.test_catalogue import version
from tests.support.factories import REVIEWER, ROOT


@pytest.fixture
def writer(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


@pytest.fixture
def reviewer(approver: User, browse: Callable[..., Client]) -> Client:
    return browse(approver)


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(client: Client, **query: Any) -> list[str]:
    answer = client.get(reverse("notice-list"), query)
    return [notice.key for notice in answer.context["page"].object_list]


# --- Finding -------------------------------------------------------------------------------------


def test_how_a_notice_is_found(writer: Client, make_notice: Callable[..., Any]) -> None:
    late = notice_create(ROOT, key="late", kind="message", title="Late")
    version_create(ROOT, late, VersionContent(default_locale="en", bodies={"en": "Verspätet"}))
    make_notice(key="other")
    notice_update(ROOT, CannedNotice.objects.get(key="other"), shortcut="other")
    address = reverse("notice-settings", args=["late"])
    posted = {
        "title": "Late parcels",
        "category": "Delivery / Late",
        "tags": "Winter, snow",
        "shortcut": "/Late",
    }
    taken = writer.post(address, {**posted, "shortcut": "other"})
    assert taken.status_code == 422
    assert "Another notice has the shortcut other" in taken.context["form"].errors["shortcut"][0]
    assert "Winter, snow" in taken.content.decode()
    assert writer.post(address, posted)["Location"] == reverse("notice-detail", args=["late"])
    assert "Delivery / Late" in page(writer, "notice-detail", "late")
    assert 'value="winter, snow"' in page(writer, "notice-settings", "late")
    for query in ({"category": "Delivery"}, {"tag": "winter"}, {"q": "verspatet snow"}):
        assert listed(writer, **query) == ["late"]
    html = page(writer, "notice-list", tag="winter")
    assert "Without the tag winter" in html
    assert "/late" in html


def test_the_star_works_with_and_without_scripts(
    supervisor: User, browse: Callable[..., Client], make_notice: Callable[..., Any]
) -> None:
    make_notice(key="late")
    make_notice(key="other")
    client = browse(supervisor)
    address = reverse("notice-favourite", args=["late"])
    assert client.post(address, {"wanted": "1", "back": "list"})["Location"] == reverse(
        "notice-list"
    )
    assert listed(client, show="favourites") == ["late"]
    assert 'aria-pressed="true"' in page(client, "notice-detail", "late")
    answer = client.post(address, {"wanted": "0"}, headers={"HX-Request": "true"})
    assert 'aria-pressed="false"' in answer.content.decode()
    assert listed(client, show="favourites") == []
    assert "The star beside a notice" in page(client, "notice-list", show="favourites")


def test_the_list_by_use(
    make_send: Callable[..., Send], auditor: User, supervisor: User, browse: Callable[..., Client]
) -> None:
    send = make_send(2)
    end(send, "delivered")
    key = send.version.notice.key
    client = browse(auditor)
    answer = client.get(reverse("notice-list"), {"show": "most_used", "days": "90"})
    assert [notice.key for notice in answer.context["page"].object_list] == [key]
    use = answer.context["uses"][send.version.notice_id]
    assert (use.sends, use.delivered) == (1, 1)
    assert listed(client, show="never_used") == []
    assert listed(browse(supervisor), show="recent") == [key]
    assert listed(client, show="recent") == []
    detail = page(client, "notice-detail", key)
    assert "1 send, 1 delivered" in detail
    history = f"{reverse('history')}?notice={key}&amp;version=1"
    assert history in detail
    for number, count in ((1, 2), (2, 0)):
        found = client.get(reverse("history"), {"notice": key, "version": str(number)})
        assert len(found.context["page"].rows) == count


@pytest.mark.parametrize("show", ["", "favourites", "most_used", "never_used", "ending", "recent"])
def test_no_list_takes_more_queries_for_more_notices(
    show: str,
    supervisor: User,
    browse: Callable[..., Client],
    make_notice: Callable[..., NoticeVersion],
) -> None:
    client = browse(supervisor)
    soon = timezone.now() + timedelta(days=1)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("notice-list"), {"show": show, "q": "hello"})
        return len(captured)

    def one_more() -> None:
        made = make_notice("hello", valid_until=soon)
        favourite_set(supervisor.to_actor(), made.notice, wanted=True)
        notice_update(ROOT, made.notice, category=f"A / {made.notice.key}", tags=["x"])

    one_more()
    few = queries()
    for _ in range(5):
        one_more()
    assert queries() == few


# --- The tree ------------------------------------------------------------------------------------


def test_the_tree_is_kept_by_editors(writer: Client, reviewer: Client) -> None:
    assert "No categories yet" in page(reviewer, "category-list")
    writer.post(reverse("category-create"), {"name": "Delivery"})
    top = Category.objects.get()
    assert f'value="{top.pk}" selected' in page(writer, "category-create", **{"in": top.pk})
    writer.post(reverse("category-create"), {"name": "Late", "parent": top.pk})
    late = Category.objects.get(name="Late")
    address = reverse("category-edit", args=[top.pk])
    cycle = writer.post(address, {"name": "Delivery", "parent": late.pk})
    assert cycle.status_code == 422
    assert "which is in it" in cycle.context["form"].errors["parent"][0]
    writer.post(address, {"name": "Parcels"})
    html = page(reviewer, "category-list")
    assert "Parcels / Late" in html
    assert reverse("category-edit", args=[top.pk]) not in html
    removal = reverse("category-delete", args=[top.pk])
    assert "Only an empty category" in writer.get(removal).content.decode()
    refused = writer.post(removal)
    assert refused.status_code == 422
    assert "has 1 category in it" in refused.content.decode()
    writer.post(reverse("category-delete", args=[late.pk]))
    assert writer.post(removal)["Location"] == reverse("category-list")
    assert not Category.objects.exists()


# --- Versions ------------------------------------------------------------------------------------


def test_versions_stand_side_by_side(writer: Client, make_notice: Callable[..., Any]) -> None:
    first = make_notice(
        key="late", bodies={"en": "Delayed by the storm.", "fr": "Retard"}, visibility="INT"
    )
    version_create(
        ROOT,
        first.notice,
        VersionContent(
            default_locale="en",
            bodies={"en": "Delayed by the snow.", "de": "Verspätet"},
            change_note="Winter",
        ),
    )
    html = page(writer, "notice-compare", "late", **{"from": 1, "to": 2})
    assert "<del>storm</del>" in html
    assert "<ins>snow</ins>" in html
    assert "<del>storm</del><ins>" not in html
    for words in ("new language", "language left out", "Winter", "<del>Staff only</del>"):
        assert words in html
    assert page(writer, "notice-compare", "late").count("<ins>snow</ins>") == 1
    back = page(writer, "notice-compare", "late", **{"from": 2, "to": 1})
    assert "<del>snow</del>" in back
    missing = writer.get(reverse("notice-compare", args=["late"]), {"from": 1, "to": 9})
    assert missing.status_code == 404
    odd = writer.get(reverse("notice-compare", args=["late"]), {"from": "x", "to": "²"})
    assert odd.status_code == 200


def test_a_version_for_later_says_so(
    writer: Client, reviewer: Client, make_notice: Callable[..., Any]
) -> None:
    make_notice("Old", key="hours", valid_until=timezone.now() + timedelta(days=3))
    start = timezone.localtime() + timedelta(days=2)
    posted = version(("en", "New"), valid_from=f"{start:%Y-%m-%dT%H:%M}", submit="1")
    writer.post(reverse("notice-edit", args=["hours"]), posted)
    answer = reviewer.post(reverse("version-approve", args=["hours", 2]), follow=True)
    html = answer.content.decode()
    assert "takes its place by itself when its time comes" in html
    assert "Version 2 waits for its time" in html
    assert "Until then version 1 holds." in html
    assert "What is published now ends" in html
    assert listed(writer, show="ending") == ["hours"]
    assert "ends" in page(writer, "notice-list")


def test_a_retired_notice_is_restored(reviewer: Client, make_notice: Callable[..., Any]) -> None:
    notice_retire(ROOT, make_notice(key="hello").notice)
    assert "it has the words that it had" in page(reviewer, "notice-detail", "hello")
    answer = reviewer.post(reverse("notice-restore", args=["hello"]), follow=True)
    assert "Restored" in answer.content.decode()
    assert CannedNotice.objects.get().retired_at is None
    assert reviewer.post(reverse("notice-restore", args=["hello"])).status_code == 409


# --- Editors who meet ----------------------------------------------------------------------------


def mark(client: Client, key: str) -> str:
    mark: str = client.get(reverse("notice-edit", args=[key])).context["expected"]
    return mark


def test_two_windows_of_one_draft(writer: Client, make_notice: Callable[..., Any]) -> None:
    make_notice("First", key="hello")
    address = reverse("notice-edit", args=["hello"])
    seen = mark(writer, "hello")
    assert writer.post(address, version(("en", "Saved words"), expected=seen)).status_code == 302
    met = writer.post(address, version(("en", "Typed words"), ("de", "Neu"), expected=seen))
    assert met.status_code == 422
    html = met.content.decode()
    assert "<del>Saved</del>" in html
    assert "<ins>Typed</ins>" in html
    assert "Typed words</textarea>" in html
    assert NoticeVersion.objects.get(number=2).bodies == {"en": "Saved words"}
    again = version(("en", "Typed words"), expected=met.context["expected"])
    assert writer.post(address, again).status_code == 302
    assert NoticeVersion.objects.get(number=2).bodies == {"en": "Typed words"}


def test_two_people_in_one_notice(writer: Client, make_notice: Callable[..., Any]) -> None:
    notice = make_notice("First", key="hello").notice
    seen = mark(writer, "hello")
    version_create(REVIEWER, notice, VersionContent(default_locale="en", bodies={"en": "Theirs"}))
    met = writer.post(
        reverse("notice-edit", args=["hello"]), version(("en", "Typed"), expected=seen)
    )
    assert met.status_code == 422
    html = met.content.decode()
    assert "Version 2 by Reviewer, and what you typed" in html
    assert "keep a copy, and ask them" in html
    assert "Typed</textarea>" in html
    assert NoticeVersion.objects.get(number=2).bodies == {"en": "Theirs"}


def test_another_title_of_a_published_notice_is_not_lost(
    writer: Client, make_notice: Callable[..., Any]
) -> None:
    """Of a page that was open when it was published, too."""
    notice = make_notice(key="hello").notice
    address = reverse("notice-settings", args=["hello"])
    assert "readonly" in str(writer.get(address).context["form"]["title"])
    met = writer.post(address, {"title": "Mine", "tags": "snow"})
    assert met.status_code == 422
    assert "somebody else approves another one" in met.context["form"].errors["title"][0]
    assert 'value="Mine"' in met.content.decode()
    assert writer.post(address, {"title": notice.title, "tags": "snow"}).status_code == 302

    edit = reverse("notice-edit", args=["hello"])
    form = writer.get(edit).context["form"]
    assert form["new_title"].value() == notice.title
    typed = {
        **{name: form[name].value() or "" for name in ("default_locale", "preset", "kept")},
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-locale": "en",
        "form-0-body": "Hello",
        "new_title": "Mine",
        "submit": "1",
    }
    assert writer.post(edit, typed).status_code == 302
    compared = page(writer, "notice-compare", "hello")
    # What the notice is called comes before its texts.
    assert 0 < compared.index("New title") < compared.index('aria-label="Texts"')
    assert f"<td><del>{notice.title}</del></td><td><ins>Mine</ins></td>" in compared


def test_two_who_say_how_a_notice_is_found(writer: Client) -> None:
    notice = notice_create(ROOT, key="hello", kind="message", title="Hello")
    address = reverse("notice-settings", args=["hello"])
    seen = writer.get(address).context["form"]["expected"].value()
    notice_update(ROOT, notice, tags=["winter"], title="Theirs")
    posted = {"title": "Mine", "tags": "snow", "shortcut": "hi", "expected": seen}

    met = writer.post(address, posted)

    assert met.status_code == 422
    errors = met.context["form"].errors
    assert "somebody else has changed this notice" in errors["__all__"][0]
    assert (errors["title"], errors["tags"]) == (["Kept now: Theirs"], ["Kept now: winter"])
    assert errors["shortcut"] == ["Kept now: nothing"]
    assert {"team", "category"}.isdisjoint(errors)
    assert 'value="snow"' in met.content.decode()
    assert CannedNotice.objects.get().tags == ["winter"]
    again = {**posted, "expected": met.context["form"]["expected"].value()}
    assert writer.post(address, again).status_code == 302
    assert (CannedNotice.objects.get().title, CannedNotice.objects.get().tags) == ("Mine", ["snow"])


def test_the_team_that_somebody_else_gave_is_shown(
    browse: Callable[..., Client], make_user: Callable[..., User], team: Team
) -> None:
    notice = notice_create(ROOT, key="hello", kind="message", title="Hello")
    member = browse(make_user("edna", "editor", teams=[team]))
    address = reverse("notice-settings", args=["hello"])
    seen = member.get(address).context["form"]["expected"].value()
    notice_update(ROOT, notice, team=team)

    met = member.post(address, {"title": "Hello", "tags": "snow", "expected": seen})

    assert met.context["form"].errors["team"] == ["Kept now: Sales"]
    assert CannedNotice.objects.get().team == team


# --- The board -----------------------------------------------------------------------------------


def test_favourites_come_first_on_the_board_and_then_what_was_sent(
    make_send: Callable[..., Send],
    supervisor: User,
    browse: Callable[..., Client],
    make_notice: Callable[..., Any],
) -> None:
    make_notice(key="a")
    starred = make_notice(key="z")
    recent = make_send().version
    favourite_set(supervisor.to_actor(), starred.notice, wanted=True)
    answer = browse(supervisor).get(reverse("board"))
    keys = [each.notice.key for each in answer.context["versions"]]
    assert keys == ["z", recent.notice.key, "a"]


def test_of_many_notices_the_board_finds_by_what_is_typed(
    monkeypatch: pytest.MonkeyPatch,
    supervisor: User,
    browse: Callable[..., Client],
    make_notice: Callable[..., Any],
) -> None:
    monkeypatch.setattr("console.web.board.views.NOTICES_SHOWN", 2)
    for key in "abcd":
        made = make_notice(f"Words of {key * 3}", key=key)
    notice_update(ROOT, made.notice, shortcut="dd")
    client = browse(supervisor)

    def found(**query: str) -> list[str]:
        answer = client.get(reverse("board-notices"), query)
        assert answer.status_code == 200
        return sorted(each.notice.key for each in answer.context["versions"])

    board = client.get(reverse("board"))
    assert "There are more" in board.content.decode()
    assert reverse("board-notices") in board.content.decode()
    assert found(notices="ccc") == ["c"]
    assert found(notices="/d") == ["d"]
    assert found(notices="ccc", notice="a") == ["a", "c"]
    assert found(notices="zebra") == []
