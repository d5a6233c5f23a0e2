"""A version's life: written, submitted, decided on by somebody else, superseded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from console.accounts.models import Team, User
from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.notices import notice_create, notice_retire, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
    version_update,
)
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.errors import (
    Conflict,
    ConsoleError,
    InvalidInput,
    PermissionRefused,
    Unprocessable,
)

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


def statuses(notice: CannedNotice) -> dict[int, str]:
    return dict(notice.versions.values_list("number", "status"))


def status(notice: CannedNotice) -> str:
    found: str = selectors.notice_get(REVIEWER, notice.key).status  # type: ignore[attr-defined]
    return found


# --- The life ------------------------------------------------------------------------------------


def test_from_draft_to_published(notice: CannedNotice) -> None:
    version = draft(notice, change_note="First words")
    assert (version.number, version.status) == (1, VersionStatus.DRAFT)
    assert (version.author_ref, version.author_name) == ("user:1", "Ada Author")
    assert status(notice) == "draft"
    version_submit(AUTHOR, version)
    assert status(notice) == "in_review"
    assert version.submitted_at is not None
    version_approve(REVIEWER, version)
    version.refresh_from_db()
    assert (version.status, version.reviewer_ref) == (VersionStatus.PUBLISHED, "user:2")
    assert version.reviewer_name == "Rita Reviewer"
    assert version.reviewed_at is not None
    assert status(notice) == "published"
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == [
        "notice.created",
        "version.created",
        "version.submitted",
        "version.approved",
    ]


def test_a_new_version_takes_the_place_of_the_old(notice: CannedNotice) -> None:
    published(notice)
    second = submitted(notice, bodies={"en": "Very sorry."})
    # Until it is decided on, what was published is what goes out.
    assert status(notice) == "published"
    assert statuses(notice) == {1: "published", 2: "in_review"}
    version_approve(REVIEWER, second)
    assert statuses(notice) == {1: "superseded", 2: "published"}
    assert [v.number for v in selectors.sendable_versions(REVIEWER)] == [2]


def test_a_rejected_version_says_why_and_frees_the_way(notice: CannedNotice) -> None:
    version = submitted(notice)
    version_reject(REVIEWER, version, reason=" Too short. ")
    version.refresh_from_db()
    assert (version.status, version.reject_reason) == (VersionStatus.REJECTED, "Too short.")
    assert status(notice) == "draft"
    assert draft(notice).number == 2
    entry = AuditEntry.objects.get(action="version.rejected")
    assert entry.data["reject_reason"] == "Too short."


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rejection_needs_a_reason(notice: CannedNotice, reason: str) -> None:
    version = submitted(notice)
    with pytest.raises(InvalidInput) as refused:
        version_reject(REVIEWER, version, reason=reason)
    assert refused.value.code == "reason_missing"
    assert statuses(notice) == {1: "in_review"}


def test_one_version_is_open_at_a_time(notice: CannedNotice) -> None:
    version = draft(notice)
    for step in (lambda: None, lambda: version_submit(AUTHOR, version)):
        step()
        with pytest.raises(Conflict) as refused:
            draft(notice, REVIEWER)
        assert refused.value.code == "version_open"
        assert "Ada Author" in refused.value.message


@pytest.mark.parametrize(
    ("prepare", "act"),
    [
        (draft, lambda v: version_approve(REVIEWER, v)),
        (draft, lambda v: version_reject(REVIEWER, v, reason="x")),
        (submitted, lambda v: version_submit(AUTHOR, v)),
        (submitted, lambda v: version_update(AUTHOR, v, {"bodies": {"en": "Other"}})),
        (published, lambda v: version_approve(REVIEWER, v)),
        (published, lambda v: version_reject(REVIEWER, v, reason="x")),
        (published, lambda v: version_submit(AUTHOR, v)),
        (published, lambda v: version_update(AUTHOR, v, {"bodies": {"en": "Other"}})),
    ],
)
def test_no_step_is_taken_twice_or_out_of_turn(
    notice: CannedNotice,
    prepare: Callable[[CannedNotice], NoticeVersion],
    act: Callable[[NoticeVersion], object],
) -> None:
    version = prepare(notice)
    before = NoticeVersion.objects.values().get(pk=version.pk)
    entries = AuditEntry.objects.count()
    # As somebody has it in a page that was opened a while ago.
    with pytest.raises(Conflict) as refused:
        act(NoticeVersion.objects.get(pk=version.pk))
    assert refused.value.code == "wrong_status"
    assert NoticeVersion.objects.values().get(pk=version.pk) == before
    assert AuditEntry.objects.count() == entries


def test_what_is_stale_in_memory_is_caught_in_the_database(notice: CannedNotice) -> None:
    version = submitted(notice)
    stale = NoticeVersion.objects.get(pk=version.pk)
    version_reject(REVIEWER, version, reason="No.")
    with pytest.raises(Conflict):
        version_approve(REVIEWER, stale)
    assert statuses(notice) == {1: "rejected"}


def test_a_retired_notice_is_not_published_any_more(notice: CannedNotice) -> None:
    version = submitted(notice)
    notice_retire(REVIEWER, notice)
    fresh = NoticeVersion.objects.get(pk=version.pk)
    with pytest.raises(Unprocessable):
        version_approve(REVIEWER, fresh)
    version_reject(REVIEWER, fresh, reason="Retired.")
    assert selectors.sendable_versions(REVIEWER).count() == 0


# --- Own work ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decide",
    [
        lambda actor, v: version_approve(actor, v),
        lambda actor, v: version_reject(actor, v, reason="Not good enough."),
    ],
    ids=["approve", "reject"],
)
def test_nobody_decides_on_their_own_work(
    notice: CannedNotice, decide: Callable[[Actor, NoticeVersion], object]
) -> None:
    version = submitted(notice)
    # The same person, whatever they are called now and whatever they may do.
    same = Actor("user:1", "Ada Married", EVERYTHING)
    with pytest.raises(PermissionRefused) as refused:
        decide(same, version)
    assert refused.value.code == "own_work"
    assert statuses(notice) == {1: "in_review"}


def test_the_database_refuses_own_work_too(notice: CannedNotice) -> None:
    version = submitted(notice)
    with (
        pytest.raises(IntegrityError, match="nobody_reviews_own_version"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE catalogue_noticeversion SET status = 'published', reviewer_ref = author_ref "
            "WHERE id = %s",
            [version.pk],
        )


def test_the_database_wants_a_reviewer_for_a_decision(notice: CannedNotice) -> None:
    version = submitted(notice)
    for decided in ("published", "rejected"):
        with (
            pytest.raises(IntegrityError, match="decided_version_has_reviewer"),
            transaction.atomic(),
        ):
            NoticeVersion.objects.filter(pk=version.pk).update(status=decided)


def test_the_database_has_one_published_and_one_open_version(notice: CannedNotice) -> None:
    first = published(notice)
    second = submitted(notice)
    with (
        pytest.raises(IntegrityError, match="one_published_version_a_notice"),
        transaction.atomic(),
    ):
        NoticeVersion.objects.filter(pk=second.pk).update(status="published", reviewer_ref="user:2")
    with pytest.raises(IntegrityError, match="one_open_version_a_notice"), transaction.atomic():
        NoticeVersion.objects.create(notice=first.notice, number=3, bodies={}, author_ref="user:1")


def test_a_draft_is_its_authors(notice: CannedNotice) -> None:
    version = draft(notice)
    for act in (
        lambda: version_update(REVIEWER, version, {"bodies": {"en": "Mine now"}}),
        lambda: version_submit(REVIEWER, version),
    ):
        with pytest.raises(PermissionRefused) as refused:
            act()
        assert refused.value.code == "not_author"


@pytest.mark.parametrize("person", ["supervisor", "editor", "auditor", "administrator"])
def test_only_approvers_decide(
    notice: CannedNotice, person: str, request: pytest.FixtureRequest
) -> None:
    version = submitted(notice)
    actor = request.getfixturevalue(person).to_actor()
    for act in (
        lambda: version_approve(actor, version),
        lambda: version_reject(actor, version, reason="x"),
        lambda: selectors.review_queue(actor),
    ):
        with pytest.raises(PermissionRefused):
            act()


def test_the_review_queue_has_the_work_of_others(
    notice: CannedNotice, approver: User, team: Team
) -> None:
    version = submitted(notice)
    assert list(selectors.review_queue(REVIEWER)) == [version]
    assert list(selectors.review_queue(AUTHOR)) == []
    notice_update(AUTHOR, notice, team=team)
    assert list(selectors.review_queue(REVIEWER)) == [version]
    assert list(selectors.review_queue(approver.to_actor())) == []


# --- At the same moment --------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_the_same_moment_are_one() -> None:
    notice = notice_create(AUTHOR, key="delay", kind="message", title="Delayed")
    version = submitted(notice)
    start = Barrier(4)

    def approve(number: int) -> str:
        try:
            mine = NoticeVersion.objects.select_related("notice").get(pk=version.pk)
            start.wait(60)
            version_approve(Actor(f"user:{number}", f"R{number}", EVERYTHING), mine)
            return "approved"
        except ConsoleError as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(approve, range(10, 14)))
    assert outcomes == ["approved", "wrong_status", "wrong_status", "wrong_status"]
    assert AuditEntry.objects.filter(action="version.approved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_drafts_at_the_same_moment_are_one() -> None:
    notice = notice_create(AUTHOR, key="delay", kind="message", title="Delayed")
    start = Barrier(4)

    def write(number: int) -> str:
        try:
            start.wait(60)
            draft(notice, Actor(f"user:{number}", f"A{number}", EVERYTHING))
            return "written"
        except ConsoleError as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(write, range(10, 14)))
    assert outcomes == ["version_open", "version_open", "version_open", "written"]
    assert statuses(notice) == {1: "draft"}


# --- What has ended ------------------------------------------------------------------------------

ENDED = timezone.now() - timedelta(hours=1)


def test_what_has_ended_is_not_submitted(notice: CannedNotice) -> None:
    version = draft(notice, valid_until=ENDED)
    with pytest.raises(InvalidInput, match="Choose a later “valid until”") as refused:
        version_submit(AUTHOR, version)
    assert (refused.value.code, refused.value.details) == (
        "version_ended",
        {"field": "valid_until"},
    )
    assert statuses(notice) == {1: "draft"}
    version_submit(AUTHOR, version_update(AUTHOR, version, {"valid_until": LATER}))
    assert statuses(notice) == {1: "in_review"}


def test_what_ended_in_review_does_not_take_the_place_of_good_words(
    notice: CannedNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(notice)
    version = submitted(notice, valid_until=LATER)
    monkeypatch.setattr("console.catalogue.content.versions.near_now", lambda: LATER)
    with pytest.raises(InvalidInput, match="Reject it") as refused:
        version_approve(REVIEWER, version)
    assert refused.value.code == "version_ended"
    assert statuses(notice) == {1: "published", 2: "in_review"}
    version_reject(REVIEWER, version, reason="It has ended.")
