"""Versions that wait for their time, notices that come back, and editors who meet."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import InternalError
from django.utils import timezone

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.notices import notice_create, notice_restore, notice_retire
from console.catalogue.content.version_content import VersionContent, revision
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_submit,
    version_update,
    versions_publish,
)
from console.catalogue.models import CannedNotice, NoticeVersion
from console.errors import Conflict, PermissionRefused, Unprocessable
from console.sends.plan.planner import plan_send
from console.sends.plan.values import SendOrder
from tests.support.factories import REVIEWER, ROOT

pytestmark = pytest.mark.django_db
NOW = timezone.now()
TOMORROW = NOW + timedelta(days=1)
IN_TWO_DAYS = NOW + timedelta(days=2)


def approved(notice: CannedNotice, text: str, **content: Any) -> NoticeVersion:
    draft = version_create(
        ROOT, notice, VersionContent(default_locale="en", bodies={"en": text}, **content)
    )
    return version_approve(REVIEWER, version_submit(ROOT, draft))


@pytest.fixture
def notice(db: None) -> CannedNotice:
    return notice_create(ROOT, key="hours", kind="message", title="Hours")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets what time it is."""
    return lambda now: monkeypatch.setattr(timezone, "now", lambda: now)


def statuses(notice: CannedNotice) -> dict[int, str]:
    return dict(notice.versions.values_list("number", "status"))


def state(notice: CannedNotice) -> tuple[str, int | None]:
    found: Any = selectors.notice_get(ROOT, notice.key)
    return found.status, found.published_number


def sendable() -> list[int]:
    return [version.number for version in selectors.sendable_versions(ROOT)]


def test_before_its_time_the_old_words_hold(
    notice: CannedNotice, clock: Callable[[datetime], None]
) -> None:
    approved(notice, "Old")
    approved(notice, "New", valid_from=TOMORROW)
    assert statuses(notice) == {1: "published", 2: "scheduled"}
    assert (state(notice), sendable()) == (("published", 1), [1])
    assert versions_publish() == 0
    # Its time has come, and no worker has run: the truth holds nevertheless.
    clock(TOMORROW)
    assert (state(notice), sendable()) == (("published", 2), [2])
    assert statuses(notice) == {1: "published", 2: "scheduled"}
    assert versions_publish() == 1
    assert statuses(notice) == {1: "superseded", 2: "published"}
    assert (state(notice), sendable()) == (("published", 2), [2])
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor_ref) == ("version.published", "system:schedule")
    assert entry.target_ref == "hours/2"
    assert versions_publish() == 0


def test_the_first_version_waits_too(
    notice: CannedNotice, clock: Callable[[datetime], None]
) -> None:
    approved(notice, "New", valid_from=TOMORROW)
    assert (state(notice), sendable()) == (("scheduled", None), [])
    assert [each.key for each in selectors.notices(ROOT, status="scheduled")] == ["hours"]
    assert not selectors.notices(ROOT, status="published").exists()
    clock(TOMORROW)
    assert [each.key for each in selectors.notices(ROOT, status="published")] == ["hours"]
    assert not selectors.notices(ROOT, status="scheduled").exists()


@pytest.mark.parametrize("status", ["draft", "in_review", "scheduled", "published", "retired"])
def test_the_filter_and_the_status_agree(status: str, notice: CannedNotice) -> None:
    notice_create(ROOT, key="empty", kind="message", title="x")
    waiting = notice_create(ROOT, key="waiting", kind="message", title="x")
    version_submit(
        ROOT, version_create(ROOT, waiting, VersionContent(default_locale="en", bodies={"en": "x"}))
    )
    both = notice_create(ROOT, key="both", kind="message", title="x")
    approved(both, "x")
    version_submit(
        ROOT, version_create(ROOT, both, VersionContent(default_locale="en", bodies={"en": "y"}))
    )
    approved(notice, "x", valid_from=TOMORROW)
    notice_retire(ROOT, notice_create(ROOT, key="gone", kind="message", title="x"))
    by_status = {each.key for each in selectors.notices(ROOT) if each.status == status}  # type: ignore[attr-defined]
    assert {each.key for each in selectors.notices(ROOT, status=status)} == by_status
    assert len(by_status) == 1


def test_one_version_waits_and_what_is_approved_meanwhile_holds_until_then(
    notice: CannedNotice, clock: Callable[[datetime], None]
) -> None:
    approved(notice, "One")
    approved(notice, "Two", valid_from=TOMORROW)
    approved(notice, "Three", valid_from=IN_TWO_DAYS)
    assert statuses(notice) == {1: "published", 2: "superseded", 3: "scheduled"}
    approved(notice, "Four")
    assert statuses(notice)[4] == "published"
    assert statuses(notice)[3] == "scheduled"
    clock(IN_TWO_DAYS)
    # Whoever approves another now, before a worker ran, finds the third published.
    approved(notice, "Five")
    assert statuses(notice) == {
        1: "superseded",
        2: "superseded",
        3: "superseded",
        4: "superseded",
        5: "published",
    }
    published = AuditEntry.objects.filter(action="version.published")
    assert published.get().target_ref == "hours/3"


def test_a_send_for_later_gets_the_words_of_then(
    notice: CannedNotice, supervisor: User, make_interaction: Callable[..., Any], chat_server: Any
) -> None:
    approved(notice, "Old")
    approved(notice, "New", valid_from=TOMORROW, valid_until=IN_TWO_DAYS)
    chat = make_interaction()

    def planned(at: datetime | None) -> int:
        return plan_send(
            supervisor.to_actor(),
            SendOrder(notice_key="hours", interactions=[chat.pk], scheduled_at=at),
        ).version.number

    assert planned(None) == planned(TOMORROW - timedelta(minutes=1)) == 1
    assert planned(TOMORROW) == 2
    with pytest.raises(Unprocessable) as refused:
        planned(IN_TWO_DAYS)
    assert refused.value.code == "notice_expired"


def test_a_retired_notice_publishes_nothing_until_it_is_restored(notice: CannedNotice) -> None:
    approved(notice, "New", valid_from=TOMORROW)
    notice_retire(ROOT, notice)
    assert versions_publish(TOMORROW) == 0
    notice_restore(ROOT, notice)
    assert versions_publish(TOMORROW) == 1


def test_the_database_keeps_the_steps(notice: CannedNotice) -> None:
    version = approved(notice, "New", valid_from=TOMORROW)
    mine = NoticeVersion.objects.filter(pk=version.pk)
    for step in (
        {"status": "in_review"},
        {"status": "rejected"},
        {"status": "draft"},
        {"status": "published", "reviewer_ref": "user:9"},
        {"reviewer_name": "Another"},
        {"valid_from": NOW},
    ):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
            mine.update(**step)
    draft = version_create(ROOT, notice, VersionContent(default_locale="en", bodies={"en": "x"}))
    version_submit(ROOT, draft)
    timeless = NoticeVersion.objects.filter(pk=draft.pk)
    with pytest.raises(IntegrityError, match=r"its_time|one_scheduled"), transaction.atomic():
        timeless.update(status="scheduled", reviewer_ref="user:9")


def test_a_retired_notice_comes_back(notice: CannedNotice, editor: User) -> None:
    approved(notice, "Words")
    with pytest.raises(Conflict) as refused:
        notice_restore(ROOT, notice)
    assert refused.value.code == "not_retired"
    notice_retire(ROOT, notice)
    assert sendable() == []
    with pytest.raises(PermissionRefused):
        notice_restore(editor.to_actor(), notice)
    notice_restore(ROOT, notice)
    assert (state(notice), sendable()) == (("published", 1), [1])
    assert AuditEntry.objects.latest("seq").action == "notice.restored"


# --- Editors who meet ----------------------------------------------------------------------------


def test_a_draft_that_changed_meanwhile_is_not_written_over(notice: CannedNotice) -> None:
    draft = version_create(ROOT, notice, VersionContent(default_locale="en", bodies={"en": "One"}))
    seen = revision(NoticeVersion.objects.get())
    version_update(ROOT, draft, {"bodies": {"en": "Two"}}, expected=seen)
    stale = NoticeVersion.objects.get()
    with pytest.raises(Conflict) as refused:
        version_update(ROOT, stale, {"bodies": {"en": "Three"}}, expected=seen)
    assert refused.value.code == "changed_meanwhile"
    assert NoticeVersion.objects.get().bodies == {"en": "Two"}
    now = revision(NoticeVersion.objects.get())
    assert refused.value.details == {"version": 1, "mark": now}
    version_update(ROOT, stale, {"bodies": {"en": "Three"}}, expected=now)


def test_a_version_that_somebody_published_meanwhile_is_not_passed_over(
    notice: CannedNotice,
) -> None:
    seen = revision(None)
    approved(notice, "Theirs")
    content: dict[str, Any] = {"default_locale": "en", "bodies": {"en": "Mine"}}
    with pytest.raises(Conflict, match="has written version 1 since you began"):
        version_create(ROOT, notice, VersionContent(**content), expected=seen)
    assert version_create(
        ROOT, notice, VersionContent(**content), expected=revision(NoticeVersion.objects.get())
    )


def test_a_mark_is_of_the_content_alone(notice: CannedNotice) -> None:
    draft = version_create(
        ROOT, notice, VersionContent(default_locale="en", bodies={"en": "One"}, valid_from=TOMORROW)
    )
    mark = revision(draft)
    version_approve(REVIEWER, version_submit(ROOT, draft))
    assert revision(NoticeVersion.objects.get()) == mark
