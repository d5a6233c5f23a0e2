"""Which snippets a text can have: nothing for the staff alone, over, or of another team."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.actors import Actor, Permission
from console.catalogue.content.notices import notice_create
from console.catalogue.content.snippets import require_as_wide
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_submit,
    version_update,
)
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.selectors import snippet_keys
from console.catalogue.transfer.importing import catalogue_import
from console.errors import InvalidInput, Unprocessable
from tests.catalogue.test_transfer_round_trip import empty, exported, restore
from tests.pages.test_catalogue import version as posted_version
from tests.support.factories import REVIEWER, ROOT
from tests.support.signing_in import sign_in

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:author", "Ada Author", EVERYTHING, sees_all_teams=True)
BEFORE = timezone.now() - timedelta(days=2)
HOUR = timedelta(hours=1)
NAMED = {"en": "Hi. {% snippet 'psst' %}"}

pytestmark = pytest.mark.django_db


def written(
    key: str, kind: str = "message", *, team: Team | None = None, **content: Any
) -> NoticeVersion:
    notice = notice_create(AUTHOR, key=key, kind=kind, title=key, team=team)
    given = {"bodies": {"en": "Psst"} if kind == "snippet" else NAMED, **content}
    return version_create(AUTHOR, notice, VersionContent(default_locale="en", **given))


def published(draft: NoticeVersion, **from_before: Any) -> NoticeVersion:
    """Also as it could be `from_before` this was refused."""
    for name, value in from_before.items():
        setattr(draft, name, value)
    draft.save()
    return version_approve(REVIEWER, version_submit(AUTHOR, draft))


def refused(draft: NoticeVersion) -> str:
    with pytest.raises(Unprocessable) as refusal:
        version_submit(AUTHOR, draft)
    draft.refresh_from_db()
    assert (draft.status, draft.snippets) == ("draft", {})
    assert refusal.value.details == {"snippet": "psst"}
    return refusal.value.code


# --- Who sees it, and until when -----------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [{"visibility": "INT"}, {"visibility": "VIP"}, {"valid_from": BEFORE}, {"valid_until": BEFORE}],
)
def test_a_snippet_is_seen_and_lasts_as_the_texts_around_it(content: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        written("psst", "snippet", **content)
    assert refusal.value.code == "snippet_not_by_itself"

    version_update(
        AUTHOR, written("other", "snippet"), {"bodies": {"en": "Psst."}, "visibility": "ALL"}
    )


def test_no_file_brings_a_snippet_for_the_staff() -> None:
    content = b"key,kind,title,visibility,body:en\npsst,snippet,Psst,INT,Psst"

    plan = catalogue_import(AUTHOR, file_name="a.csv", content=content)

    (report,) = plan.rows
    assert "A snippet has no visibility" in report.refusals[0].message
    assert not CannedNotice.objects.exists()


@pytest.mark.parametrize(
    ("snippet", "text", "code"),
    [
        ("INT", "ALL", "snippet_narrower"),
        ("VIP", "ALL", "snippet_narrower"),
        ("VIP", "INT", "snippet_narrower"),
        ("INT", "INT", ""),
        ("INT", "VIP", ""),
    ],
)
def test_what_is_for_few_from_before_stands_in_no_text_for_more(
    snippet: str, text: str, code: str
) -> None:
    published(written("psst", "snippet"), visibility=snippet)
    draft = written("hello", visibility=text)
    if code:
        assert refused(draft) == code
    else:
        assert version_submit(AUTHOR, draft).snippets == {"psst": 1}


def test_nor_within_another_snippet() -> None:
    among = {
        ("around", 1): NoticeVersion(visibility="ALL", snippets={"psst": 1}),
        ("psst", 1): NoticeVersion(visibility="INT"),
    }
    with pytest.raises(Unprocessable) as refusal:
        require_as_wide(NoticeVersion(visibility="ALL"), {"around": 1}, among)
    assert (refusal.value.code, refusal.value.details) == ("snippet_narrower", {"snippet": "psst"})
    require_as_wide(NoticeVersion(visibility="INT"), {"around": 1}, among)


def test_what_is_over_stands_in_no_new_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("console.catalogue.content.versions.near_now", lambda: BEFORE - HOUR)
        published(written("psst", "snippet"), valid_until=BEFORE)
    assert refused(written("hello")) == "snippet_ended"


def test_an_export_from_before_brings_no_staff_snippet_to_customers() -> None:
    published(written("psst", "snippet"))
    published(written("hello"))
    newer = version_create(
        AUTHOR,
        CannedNotice.objects.get(key="psst"),
        VersionContent(default_locale="en", bodies={"en": "Hello"}),
    )
    published(newer)
    file = json.loads(exported("json"))
    empty()
    for row in file["records"]:
        if row.get("key") == "psst" and str(row["version"]) == "1":
            row["visibility"] = "INT"

    plan = restore(json.dumps(file).encode(), "json")

    refused_rows = {row.name: row.refusals[0].message for row in plan.rows if row.refusals}
    assert list(refused_rows) == ["hello"]
    assert "The snippet psst is not for all who would see this text" in refused_rows["hello"]


def test_the_page_of_a_staff_snippet_from_before_asks_who_sees_it_from_now_on(
    editor: User,
) -> None:
    published(written("psst", "snippet"), visibility="INT")
    published(written("plain", "snippet"))
    client = sign_in(Client(), editor)
    address = reverse("notice-edit", args=["psst"])

    html = client.get(address).content.decode()
    assert "As it is: Staff only (INT)" in html
    as_it_came = posted_version(("en", "Psst."), preset="INT:", kept="INT:")
    answer = client.post(address, as_it_came)
    assert answer.status_code == 422
    assert "A snippet has no visibility" in answer.content.decode()
    assert client.post(address, {**as_it_came, "preset": "ALL:"}).status_code == 302
    assert NoticeVersion.objects.get(notice__key="psst", number=2).visibility == "ALL"
    plain = client.get(reverse("notice-edit", args=["plain"])).content.decode()
    assert 'name="preset"' not in plain


# --- Whose it is ---------------------------------------------------------------------------------


@pytest.fixture
def others(db: None) -> Team:
    return team_create(ROOT, name="Fraud")


def test_a_teams_snippet_stands_in_that_teams_texts_alone(team: Team, others: Team) -> None:
    published(written("psst", "snippet", team=others))

    assert refused(written("of-all")) == "snippet_of_team"
    assert refused(written("of-one", team=team)) == "snippet_of_team"
    assert version_submit(AUTHOR, written("own", team=others)).snippets == {"psst": 1}


def test_everybodys_snippet_stands_in_any_text(team: Team) -> None:
    published(written("psst", "snippet"))
    for key, whose in (("of-all", None), ("of-one", team)):
        assert version_submit(AUTHOR, written(key, team=whose)).snippets == {"psst": 1}


def test_a_snippet_is_offered_where_it_can_stand(team: Team, others: Team, editor: User) -> None:
    for key, whose in (("everybodys", None), ("sales", team), ("fraud", others)):
        published(written(key, "snippet", team=whose))
    of_all, of_sales = written("of-all").notice, written("of-sales", team=team).notice

    assert snippet_keys(ROOT, of_all) == ["everybodys"]
    assert snippet_keys(ROOT, of_sales) == ["everybodys", "sales"]
    assert snippet_keys(editor.to_actor(), of_sales) == ["everybodys"]


def test_no_preview_shows_another_teams_words(others: Team, make_user: Callable[..., User]) -> None:
    published(written("psst", "snippet", team=others, bodies={"en": "Words of Fraud"}))
    published(written("hello", bodies={"en": "Hello"}))
    draft = written("draft")
    client = sign_in(Client(), make_user("ed", Role.EDITOR))

    editor = client.get(reverse("notice-edit", args=["hello"])).content.decode()
    typed = client.post(
        reverse("notice-preview", args=["hello"]), posted_version(*NAMED.items())
    ).content.decode()
    kept = client.get(reverse("notice-detail", args=[draft.notice.key])).content.decode()

    assert "psst" not in editor
    assert "Words of Fraud" not in typed + kept


def test_the_team_itself_does_see_them(others: Team, make_user: Callable[..., User]) -> None:
    """Or the test above proves nothing."""
    published(written("psst", "snippet", team=others, bodies={"en": "Words of Fraud"}))
    published(written("hello", team=others, bodies={"en": "Hello"}))
    client = sign_in(Client(), make_user("ed", Role.EDITOR, teams=[others]))

    assert "psst" in client.get(reverse("notice-edit", args=["hello"])).content.decode()
    typed = client.post(reverse("notice-preview", args=["hello"]), posted_version(*NAMED.items()))
    assert "Words of Fraud" in typed.content.decode()
