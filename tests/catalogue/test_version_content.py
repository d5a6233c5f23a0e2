"""What a version may say, who would see it, and when it can be sent."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import Team, User
from console.actors import Actor, Permission, system_actor
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.notices import notice_create, notice_retire, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_submit,
    version_update,
)
from console.catalogue.models import CannedNotice, NoticeVersion, VisibilityPreset
from console.catalogue.review.presets import preset_update
from console.errors import InvalidInput, NotFound, PermissionRefused
from tests.support.preset_proposals import approve_seen

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)
LATER = timezone.now() + timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(db: None) -> CannedNotice:
    return notice_create(AUTHOR, key="delay", kind="message", title="Delayed")


def draft(notice: CannedNotice, actor: Actor = AUTHOR, **content: Any) -> NoticeVersion:
    given = {"default_locale": "en", "bodies": {"en": "Sorry."}, **content}
    return version_create(actor, notice, VersionContent(**given))


def submitted(notice: CannedNotice, **content: Any) -> NoticeVersion:
    return version_submit(AUTHOR, draft(notice, **content))


def published(notice: CannedNotice, **content: Any) -> NoticeVersion:
    return version_approve(REVIEWER, submitted(notice, **content))


# --- Content -------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no text": ({"bodies": {}}, "empty_text"),
    "an empty text": ({"bodies": {"en": ""}}, "empty_text"),
    "a blank text": ({"bodies": {"en": " \n"}}, "empty_text"),
    "no text in the default language": ({"bodies": {"de": "Hallo"}}, "empty_text"),
    "no default language": ({"default_locale": ""}, "empty_text"),
    "an empty text in another language": ({"bodies": {"en": "Hi", "de": ""}}, "empty_text"),
    "an unknown language": ({"bodies": {"en": "Hi", "english": "Hi"}}, "unknown_locale"),
    "an empty language": ({"bodies": {"en": "Hi", "": "Hi"}}, "unknown_locale"),
    "a language too long": (
        {"bodies": {"en": "Hi", "en" + "-abcdefgh" * 4: "Hi"}},
        "unknown_locale",
    ),
    "a language twice": ({"bodies": {"en": "Hi", "EN": "Hi"}}, "locale_twice"),
    "Norwegian twice": ({"bodies": {"en": "Hi", "no": "Hei", "nb": "Hei"}}, "locale_twice"),
    "Hebrew twice": ({"bodies": {"en": "Hi", "iw": "שלום", "he-Hebr": "שלום"}}, "locale_twice"),
    "one script twice": ({"bodies": {"en": "a", "zh-TW": "b", "zh-Hant-TW": "c"}}, "locale_twice"),
    "a text too long": ({"bodies": {"en": "x" * 4097}}, "text_too_long"),
    "a template that is none": ({"bodies": {"en": "Hi {{ data.x"}}, "template_error"),
    "an unknown visibility": ({"visibility": "PUBLIC"}, "unknown_visibility"),
    "a visibility in small letters": ({"visibility": "int"}, "unknown_visibility"),
    "an end before the start": (
        {"valid_from": LATER, "valid_until": LATER - timedelta(seconds=1)},
        "validity_reversed",
    ),
    "an end at the start": ({"valid_from": LATER, "valid_until": LATER}, "validity_reversed"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_content_that_can_not_be_sent(
    notice: CannedNotice, case: tuple[dict[str, Any], str]
) -> None:
    wrong, code = case
    with pytest.raises(InvalidInput) as refused:
        draft(notice, **wrong)
    assert refused.value.code == code
    assert not notice.versions.exists()
    version = draft(notice)
    with pytest.raises(InvalidInput):
        version_update(AUTHOR, version, wrong)
    version.refresh_from_db()
    assert version.bodies == {"en": "Sorry."}


def test_the_refusal_names_the_language(notice: CannedNotice) -> None:
    with pytest.raises(InvalidInput) as refused:
        draft(notice, bodies={"en": "Hi", "de": "{{ data.x"})
    assert refused.value.details == {"locale": "de"}
    assert refused.value.message.startswith("de: ")


def test_the_text_limit_is_a_setting(notice: CannedNotice, settings: Any) -> None:
    settings.TEXT_LIMIT = 5
    with pytest.raises(InvalidInput, match="at most 5"):
        draft(notice, bodies={"en": "Sorry."})
    assert draft(notice, bodies={"en": "Sorry"}).number == 1


def test_a_message_type_is_for_messages(notice: CannedNotice) -> None:
    assert draft(notice, message_type="text/plain").message_type == "text/plain"
    for kind, body in (("push_url", "https://example.com/"), ("custom", "anything")):
        other = notice_create(AUTHOR, key=f"a-{kind}", kind=kind, title="Other")
        with pytest.raises(InvalidInput) as refused:
            draft(other, bodies={"en": body}, message_type="text/plain")
        assert refused.value.code == "message_type_without_message"
        assert draft(other, bodies={"en": body}).message_type == ""


def test_a_push_urls_text_is_a_url(db: None) -> None:
    notice = notice_create(AUTHOR, key="page", kind="push_url", title="Page")
    with pytest.raises(InvalidInput) as refused:
        draft(notice, bodies={"en": "https://example.com/", "de": "Bitte hier klicken"})
    assert refused.value.code == "invalid_url"
    assert draft(notice, bodies={"en": "https://example.com/{{ data.Id }}"}).number == 1


def test_the_database_knows_validity_too(notice: CannedNotice) -> None:
    version = draft(notice, valid_from=LATER)
    with (
        pytest.raises(IntegrityError, match="version_valid_from_before_until"),
        transaction.atomic(),
    ):
        NoticeVersion.objects.filter(pk=version.pk).update(valid_until=LATER)


# --- Visibility ----------------------------------------------------------------------------------


@pytest.fixture
def staff(db: None) -> VisibilityPreset:
    preset = VisibilityPreset.objects.get(name="Staff only")
    return approve_seen(REVIEWER, preset_update(AUTHOR, preset, nickname="Desk"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("ALL", "")),
        ({"visibility": "VIP"}, ("VIP", "")),
        ({"preset": True}, ("INT", "Desk")),
        ({"preset": True, "visibility": "VIP"}, ("VIP", "Desk")),
        ({"preset": True, "nickname": "Sue"}, ("INT", "Sue")),
        ({"preset": True, "visibility": "ALL", "nickname": "Sue"}, ("ALL", "Sue")),
    ],
)
def test_what_is_given_comes_before_the_preset(
    notice: CannedNotice,
    staff: VisibilityPreset,
    given: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    if given.get("preset"):
        given = {**given, "preset": staff}
    version = draft(notice, **given)
    assert (version.visibility, version.nickname) == expected


def test_a_version_keeps_what_its_preset_was(notice: CannedNotice, staff: VisibilityPreset) -> None:
    version = published(notice, preset=staff)
    approve_seen(REVIEWER, preset_update(AUTHOR, staff, visibility="ALL", nickname="Everybody"))
    version.refresh_from_db()
    assert (version.visibility, version.nickname) == ("INT", "Desk")


def test_a_draft_changes_to_its_new_preset(notice: CannedNotice, staff: VisibilityPreset) -> None:
    version = draft(notice, bodies={"en": "Hi", "de": "Hallo"}, change_note="First")
    version_update(AUTHOR, version, {"preset": staff})
    version.refresh_from_db()
    assert (version.visibility, version.preset) == ("INT", staff)
    # What was not given stays.
    assert (version.bodies, version.change_note) == ({"en": "Hi", "de": "Hallo"}, "First")
    assert AuditEntry.objects.filter(action="version.changed").count() == 1


# --- What can be sent now ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "sendable"),
    [
        (None, None, True),
        (-1, None, True),
        (60, None, False),
        (None, 60, True),
        (None, -1, False),
        (-60, 60, True),
        (-60, -1, False),
    ],
)
def test_validity_decides_what_can_be_sent(
    notice: CannedNotice,
    start: int | None,
    end: int | None,
    sendable: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What ended, ended after its approval.
    monkeypatch.setattr("console.catalogue.content.versions.has_ended", lambda version: False)

    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else timezone.now() + timedelta(seconds=seconds)

    version = published(notice, valid_from=moment(start), valid_until=moment(end))
    assert list(selectors.sendable_versions(REVIEWER)) == ([version] if sendable else [])


def test_only_what_is_published_and_ones_own_can_be_sent(
    notice: CannedNotice, team: Team, supervisor: User, outsider: User
) -> None:
    version = submitted(notice)
    assert not selectors.sendable_versions(supervisor.to_actor()).exists()
    version_approve(REVIEWER, version)
    assert selectors.sendable_versions(supervisor.to_actor(), q="DELAYED").exists()
    assert not selectors.sendable_versions(supervisor.to_actor(), q="other").exists()
    notice_update(AUTHOR, notice, team=team)
    assert selectors.sendable_versions(supervisor.to_actor()).exists()
    assert not selectors.sendable_versions(outsider.to_actor()).exists()
    notice_retire(REVIEWER, notice)
    assert not selectors.sendable_versions(supervisor.to_actor()).exists()


def test_editors_do_not_send(editor: User) -> None:
    with pytest.raises(PermissionRefused):
        selectors.sendable_versions(editor.to_actor())


def test_versions_are_listed_newest_first(notice: CannedNotice) -> None:
    published(notice)
    draft(notice)
    assert [v.number for v in selectors.versions(AUTHOR, notice)] == [2, 1]
    assert selectors.version_get(AUTHOR, notice, 1).status == "published"
    for number in (0, 3, 10**30):
        with pytest.raises(NotFound):
            selectors.version_get(AUTHOR, notice, number)


def test_the_system_itself_is_an_author_like_others(notice: CannedNotice) -> None:
    root = system_actor("seeding")
    version = version_submit(root, draft(notice, root))
    with pytest.raises(PermissionRefused):
        version_approve(root, version)
