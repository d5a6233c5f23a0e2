"""A version that two windows have open: what is decided on and recorded is what is kept."""

from collections.abc import Callable

import pytest

from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create, notice_retire
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
    version_update,
)
from console.catalogue.models import CannedNotice, NoticeVersion
from console.errors import Unprocessable

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(db: None) -> CannedNotice:
    return notice_create(AUTHOR, key="delay", kind="message", title="Delayed")


@pytest.fixture
def draft(notice: CannedNotice) -> NoticeVersion:
    return version_create(
        AUTHOR, notice, VersionContent(default_locale="en", bodies={"en": "Old words"})
    )


def window(version: NoticeVersion) -> NoticeVersion:
    """The version as somebody has read it just now."""
    return NoticeVersion.objects.select_related("notice").get(pk=version.pk)


def recorded(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=f"version.{action}")


def test_what_is_submitted_is_what_was_saved_last(
    draft: NoticeVersion, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Bye", key="bye", kind="snippet")
    opened_before = window(draft)
    words = {"en": 'New words {% snippet "bye" %}'}
    version_update(AUTHOR, window(draft), {"bodies": words})

    submitted = version_submit(AUTHOR, opened_before)

    assert (submitted.bodies, submitted.snippets) == (words, {"bye": 1})
    draft.refresh_from_db()
    assert (draft.status, draft.bodies, draft.snippets) == ("in_review", words, {"bye": 1})
    entries = AuditEntry.objects.filter(action="version.submitted").order_by("seq")
    entry = entries[len(entries) - 1].data
    assert (entry["bodies"], entry["snippets"]) == (words, {"bye": 1})


def test_what_another_window_has_changed_stays_changed(draft: NoticeVersion) -> None:
    opened_before = window(draft)
    version_update(AUTHOR, window(draft), {"visibility": "INT", "nickname": "Desk"})

    version_update(AUTHOR, opened_before, {"bodies": {"en": "New words"}})

    kept = window(draft)
    assert (kept.bodies, kept.visibility, kept.nickname) == ({"en": "New words"}, "INT", "Desk")


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_what_is_decided_on_is_recorded_as_it_is(draft: NoticeVersion, decision: str) -> None:
    opened_before = window(draft)
    version_update(AUTHOR, window(draft), {"bodies": {"en": "New words"}})
    version_submit(AUTHOR, window(draft))

    if decision == "approved":
        version_approve(REVIEWER, opened_before)
    else:
        version_reject(REVIEWER, opened_before, reason="Too short.")

    assert recorded(decision).data["bodies"] == {"en": "New words"}


def test_a_notice_that_was_retired_meanwhile_is_not_published(draft: NoticeVersion) -> None:
    version_submit(AUTHOR, draft)
    opened_before = window(draft)
    notice_retire(REVIEWER, CannedNotice.objects.get())

    with pytest.raises(Unprocessable) as refusal:
        version_approve(REVIEWER, opened_before)

    assert refusal.value.code == "notice_retired"
