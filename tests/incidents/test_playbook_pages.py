"""The pages of playbooks: written by rows with and without scripts, reviewed side by side."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import Team, User
from console.catalogue.content.notices import notice_retire
from console.catalogue.models import CannedNotice, NoticeVersion
from console.incidents.models import Playbook, PlaybookVersion
from console.interactions.models import ChatServer, Interaction
from tests.support.factories import REVIEWER, make_playbook

pytestmark = pytest.mark.django_db

KNOWN = {"name": "Known", "notice": "known", "is_standing": True, "update_minutes": 15}
SOLVED = {"name": "Solved", "notice": "solved", "reach": "got_earlier"}
FORM = {
    "title": "Payments down",
    "key": "payments",
    "audience": "queue:sales",
    "stages": "2",
    "stage-1-name": "Known",
    "stage-1-notice": "known",
    "stage-1-reach": "matching",
    "stage-1-minutes": "15",
    "stage-1-standing": "1",
    "stage-2-name": "Solved",
    "stage-2-notice": "solved",
    "stage-2-reach": "got_earlier",
    "change_note": "First.",
}


@pytest.fixture
def texts(make_notice: Callable[..., NoticeVersion]) -> None:
    make_notice("We know that payments fail.", key="known")
    make_notice("Payments work again.", key="solved")


def html_of(response: Any) -> str:
    return str(response.content.decode())


def without(*names: str, **changed: str) -> dict[str, str]:
    return {name: value for name, value in {**FORM, **changed}.items() if name not in names}


# --- Writing -------------------------------------------------------------------------------------


def test_an_empty_list_says_what_it_is_for(
    editor: User, supervisor: User, browse: Callable[..., Client]
) -> None:
    page = html_of(browse(editor).get("/playbooks/"))
    assert "There is no playbook yet" in page
    assert "/playbooks/new/" in page
    assert "/playbooks/new/" not in html_of(browse(supervisor).get("/playbooks/"))


def test_a_playbook_is_written_submitted_and_published(
    texts: None,
    editor: User,
    approver: User,
    supervisor: User,
    browse: Callable[..., Client],
) -> None:
    mine = browse(editor)
    assert mine.post("/playbooks/new/", FORM)["Location"] == "/playbooks/payments/"
    version = PlaybookVersion.objects.get()
    assert version.audience == {"queue": "sales"}
    assert [stage["update_minutes"] for stage in version.stages] == [15, None]
    assert [stage["is_standing"] for stage in version.stages] == [True, False]
    mine.post("/playbooks/payments/versions/1/submit/")
    page = html_of(mine.get("/playbooks/payments/"))
    assert "This is your own version" in page
    theirs = browse(approver)
    page = html_of(theirs.get("/playbooks/payments/"))
    assert "We know that payments fail." in page
    # The number beside Playbooks in the navigation.
    assert page.split('href="/playbooks/"')[1].split("</a>")[0].count("nav__count") == 1
    assert "One approval covers all of them" in page
    assert "No emergency path" in page
    theirs.post("/playbooks/payments/versions/1/approve/")
    version.refresh_from_db()
    assert version.status == "published"
    assert "/playbooks/payments/start/" in html_of(browse(supervisor).get("/playbooks/payments/"))


def test_rows_are_added_moved_and_taken_out_without_scripts(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    mine = browse(editor)
    page = html_of(mine.post("/playbooks/new/", {**FORM, "rows": "add"}))
    assert 'name="stages" value="3"' in page
    assert "field__error" not in page
    assert 'value="Payments down"' in page
    page = html_of(mine.post("/playbooks/new/", {**FORM, "rows": "up-2"}))
    assert page.index('value="Solved"') < page.index('value="Known"')
    page = html_of(mine.post("/playbooks/new/", {**FORM, "rows": "down-1"}))
    assert page.index('value="Solved"') < page.index('value="Known"')
    page = html_of(mine.post("/playbooks/new/", {**FORM, "rows": "remove-1"}))
    assert 'value="Known"' not in page
    assert 'name="stages" value="1"' in page
    for odd in ("up-1", "down-2", "remove-9", "remove-x", "other"):
        assert 'name="stages" value="2"' in html_of(
            mine.post("/playbooks/new/", {**FORM, "rows": odd})
        )
    assert not Playbook.objects.exists()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (without(audience=""), "Say which live chats are affected."),
        (without(audience="queue:"), "queue"),
        (without(audience="team:nowhere"), "team"),
        (without(stages="0"), "at least one stage"),
        (without(**{"stage-1-minutes": "soon"}), "write minutes and chats as whole numbers"),
        (without(**{"stage-1-minutes": "0"}), "the next update is due after"),
        (without(**{"stage-1-canary-minutes": "5"}), "say to how many chats it goes first"),
        (without(**{"stage-1-canary-size": "few"}), "write minutes and chats as whole numbers"),
        (without(**{"stage-1-notice": "nothing"}), "There is no notice with the key nothing"),
        (without(**{"stage-1-reach": "got_earlier"}), "The first stage reaches all who match"),
        (without(**{"stage-2-name": "Known"}), "a name of its own"),
        (without(key="new"), "A key has small letters"),
        (without(key="Payments"), "A key has small letters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    form: dict[str, str],
    said: str,
    texts: None,
    editor: User,
    browse: Callable[..., Client],
) -> None:
    response = browse(editor).post("/playbooks/new/", form)
    page = html_of(response)
    assert response.status_code == 422
    assert said in page
    assert 'value="Payments down"' in page
    assert ">First.</textarea>" in page.replace("\n", "")
    assert not Playbook.objects.exists()


def test_first_to_no_chat_is_not_to_all_at_once(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    answer = browse(editor).post("/playbooks/new/", {**FORM, "stage-1-canary-size": "0"})
    assert answer.status_code == 422
    assert "1 or more" in html_of(answer)
    assert not Playbook.objects.exists()


def test_two_who_edit_at_once_see_both(
    texts: None, editor: User, make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    mine = browse(editor)
    mine.post("/playbooks/new/", FORM)
    page = html_of(mine.get("/playbooks/payments/edit/"))
    expected = page.split('name="expected" value="')[1].split('"')[0]
    mine.post("/playbooks/payments/edit/", without("title", "key", audience="queue:billing"))
    typed = without("title", "key", audience="queue:desk", expected=expected)
    response = mine.post("/playbooks/payments/edit/", typed)
    page = html_of(response)
    assert response.status_code == 422
    assert "somebody else has changed this playbook" in page
    assert "queue:billing" in page
    assert 'value="queue:desk"' in page
    other = browse(make_user("edna", "editor"))
    response = other.post("/playbooks/payments/edit/", without("title", "key"))
    assert response.status_code == 422
    assert "is not decided yet" in html_of(response)
    assert PlaybookVersion.objects.get().audience == {"queue": "billing"}


def test_the_next_version_is_reviewed_beside_the_published_one(
    texts: None, editor: User, approver: User, browse: Callable[..., Client]
) -> None:
    make_playbook("payments", {"queue": "sales"}, KNOWN, SOLVED)
    mine = browse(editor)
    mine.post("/playbooks/payments/edit/", without("title", "key", audience="queue:billing"))
    mine.post("/playbooks/payments/versions/2/submit/")
    theirs = browse(approver)
    page = html_of(theirs.get("/playbooks/payments/"))
    assert page.index("Now: version 1") < page.index("Then: version 2")
    assert "queue:sales" in page
    assert "queue:billing" in page
    response = theirs.post("/playbooks/payments/versions/2/reject/", {"reason": " "})
    assert response.status_code == 400
    theirs.post("/playbooks/payments/versions/2/reject/", {"reason": "Too wide"})
    assert "Too wide" in html_of(mine.get("/playbooks/payments/"))


def test_retiring_asks_first(
    texts: None, approver: User, supervisor: User, browse: Callable[..., Client]
) -> None:
    make_playbook("payments", {"queue": "sales"}, KNOWN)
    theirs = browse(approver)
    assert "Retire Playbook payments?" in html_of(theirs.get("/playbooks/payments/retire/"))
    assert Playbook.objects.get().retired_at is None
    theirs.post("/playbooks/payments/retire/")
    assert Playbook.objects.get().retired_at is not None
    assert "payments/start/" not in html_of(browse(supervisor).get("/incidents/new/"))


# --- Warnings ------------------------------------------------------------------------------------


def test_a_pinned_version_that_is_not_the_newest_is_said(
    texts: None, supervisor: User, browse: Callable[..., Client]
) -> None:
    from console.catalogue.content import versions
    from console.catalogue.content.version_content import VersionContent
    from tests.support.factories import AUTHOR

    make_playbook("payments", {"queue": "sales"}, KNOWN)
    notice = CannedNotice.objects.get(key="known")
    draft = versions.version_create(
        AUTHOR, notice, VersionContent(default_locale="en", bodies={"en": "Newer."})
    )
    versions.version_submit(AUTHOR, draft)
    versions.version_approve(REVIEWER, draft)
    client = browse(supervisor)
    for address in ("/playbooks/", "/playbooks/payments/", "/playbooks/payments/start/"):
        assert "Version 2 is published by now" in html_of(client.get(address)), address


def test_a_notice_that_is_retired_or_ends_is_said(
    texts: None, make_notice: Callable[..., Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    soon = timezone.now() + timezone.timedelta(hours=2)  # type: ignore[attr-defined]
    make_notice("Ends soon.", key="short", valid_until=soon)
    make_playbook("payments", {"queue": "sales"}, KNOWN, {"name": "Short", "notice": "short"})
    notice_retire(REVIEWER, CannedNotice.objects.get(key="known"))
    page = html_of(browse(supervisor).get("/playbooks/payments/"))
    assert "is retired, so this stage can" in page
    assert "ends within a day" in page


# --- Teams, and the count ------------------------------------------------------------------------


def test_another_teams_playbook_is_not_there(
    texts: None, team: Team, supervisor: User, outsider: User, browse: Callable[..., Client]
) -> None:
    playbook = make_playbook("payments", {"queue": "sales"}, KNOWN)
    Playbook.objects.filter(pk=playbook.pk).update(team=team)
    assert "payments" in html_of(browse(supervisor).get("/playbooks/"))
    client = browse(outsider)
    assert "payments" not in html_of(client.get("/playbooks/"))
    for address in ("/playbooks/payments/", "/playbooks/payments/start/"):
        assert client.get(address).status_code == 404


def test_who_sees_chats_is_told_how_many_match(
    texts: None,
    make_user: Callable[..., User],
    editor: User,
    team: Team,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    browse: Callable[..., Client],
) -> None:
    make_interaction("s1", queue="sales")
    both = browse(make_user("both", "editor", "supervisor", teams=[team]))
    ask = "/playbooks/matching/?audience=queue:sales"
    assert "1 live chat that you see matches now" in html_of(both.get(ask))
    page = html_of(browse(editor).get(ask))
    assert "queue:sales" in page
    assert "live chat" not in page
    wrong = html_of(both.get("/playbooks/matching/?audience=nothing:x"))
    assert "field__error" in wrong


# --- The audience, typed and clicked together ----------------------------------------------------

ROWS = {
    "id:r": "a1",
    "any:r": "all",
    "id:r.0": "b2",
    "field:r.0": "queue",
    "op:r.0": "is",
    "value:r.0": "billing, sales",
    "id:r.1": "c3",
    "field:r.1": "waiting",
    "op:r.1": "more_than",
    "value:r.1": "5m",
}
MEANT = "queue:billing,sales waiting&gt;5m"
MATCHING = "/playbooks/matching/"


def test_the_rows_and_the_text_follow_each_other(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    client = browse(editor)
    page = html_of(client.get(MATCHING, ROWS))
    assert f'value="{MEANT}"' in page
    assert 'hx-swap-oob="true"' in page
    page = html_of(client.get(MATCHING, {"audience": "queue:billing waiting>5m"}))
    assert page.count('class="builder__row"') == 2
    assert 'value="billing"' in page
    # The text is what is being typed: it does not come anew.
    assert 'id="id_audience"' not in page
    added = html_of(client.get(MATCHING, {**ROWS, "do": "add:r"}))
    assert added.count('class="builder__row"') == 3
    assert "queue is empty" in added
    broken = html_of(client.get(MATCHING, {"audience": "queue:("}))
    assert "field__error" in broken
    assert "can't be shown as rows" in broken


def test_what_was_changed_last_is_saved(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    client = browse(editor)
    # Saved before the text has followed the rows.
    client.post("/playbooks/new/", {**FORM, **ROWS, "audience_from": "rows"})
    version = PlaybookVersion.objects.get()
    meant = [{"queue": ["billing", "sales"]}, {"waiting": {"more_than": 300}}]
    assert version.audience == {"all": meant}
    # And before the rows have followed the text.
    client.post("/playbooks/new/", {**FORM, **ROWS, "key": "two", "audience_from": "text"})
    assert PlaybookVersion.objects.get(playbook__key="two").audience == {"queue": "sales"}
    # A stage more loses nothing of it.
    form = {**FORM, **ROWS, "audience_from": "rows", "rows": "add"}
    page = html_of(client.post("/playbooks/new/", form))
    assert f'value="{MEANT}"' in page
    assert page.count('class="builder__row"') == 2


def test_what_is_typed_counts_as_unsaved_after_a_button_for_rows(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    client = browse(editor)
    assert "data-unsaved" not in html_of(client.get("/playbooks/new/")).split("<form")[1]
    for pressed in ({"rows": "add"}, {"put_back": "1"}):
        page = html_of(client.post("/playbooks/new/", {**FORM, **pressed}))
        assert 'data-keeps="/playbooks/new/" data-puts-back data-unsaved' in " ".join(page.split())
        assert 'id="stage-2-name"' in page
        assert 'value="Payments down"' in page
    assert not Playbook.objects.exists()


def test_a_row_that_is_not_filled_in_is_refused_and_stays(
    texts: None, editor: User, browse: Callable[..., Client]
) -> None:
    form = {**FORM, **ROWS, "value:r.0": "", "audience_from": "rows"}
    response = browse(editor).post("/playbooks/new/", form)
    page = html_of(response)
    assert response.status_code == 422
    assert "queue is empty" in page
    assert page.count('class="builder__row"') == 2
    assert 'value="5m"' in page
    assert not Playbook.objects.exists()


def test_an_editor_who_sees_no_chats_is_offered_what_the_console_knows(
    texts: None,
    team: Team,
    editor: User,
    make_interaction: Callable[..., Interaction],
    browse: Callable[..., Client],
) -> None:
    make_interaction("s1", queue="secret", user_data={"Plan": "gold"})
    client = browse(editor)

    def offered(**query: str) -> str:
        return html_of(client.get("/board/suggestions/", query))

    assert 'value="sales"' in offered(field="queue")
    assert "secret" not in offered(field="queue")
    assert 'value="sales"' not in offered(field="queue", **{"value:r.0": "bill"})
    assert 'value="Sales"' in offered(field="team")
    for query in ({"field": "keys"}, {"field": "data", "key": "Plan"}, {"field": "agent"}):
        assert "<option" not in offered(**query)
