"""Nobody decides on their own work: not with every role there is, and not by SQL either, with the
very role of the database that the console has."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.actors import Actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.errors import PermissionRefused
from console.interactions.models import Interaction
from console.sends.control.approval import send_approve, send_reschedule
from console.sends.models import Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

pytestmark = pytest.mark.django_db


@pytest.fixture
def almighty(make_user: Callable[..., User]) -> Actor:
    """Has every role, and wrote and sent what is here."""
    return make_user("max", *Role.values).to_actor()


def run(sql: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def refused(statements: list[str], words: str, **values: Any) -> None:
    """The last of the statements, or one before it, is refused; what it says has these words."""

    @transaction.atomic
    def attempt() -> None:
        for statement in statements:
            run(statement, **values)

    with pytest.raises(IntegrityError, match=words):
        attempt()


# --- Versions ------------------------------------------------------------------------------------


@pytest.fixture
def draft(almighty: Actor) -> NoticeVersion:
    notice = notice_create(almighty, key="delay", kind="message", title="Delayed")
    return version_create(
        almighty, notice, VersionContent(default_locale="en", bodies={"en": "It takes longer."})
    )


PUBLISH = (
    "UPDATE catalogue_noticeversion SET status = 'published', reviewer_ref = {reviewer}, "
    "reviewer_name = 'R', reviewed_at = now() WHERE id = %(version)s"
)
AS_ITSELF = PUBLISH.format(reviewer="author_ref")
AS_ANOTHER = PUBLISH.format(reviewer="'user:1000'")
SUBMIT = (
    "UPDATE catalogue_noticeversion SET status = 'in_review', submitted_at = now() "
    "WHERE id = %(version)s"
)
ANOTHER_AUTHOR = (
    "UPDATE catalogue_noticeversion SET author_ref = 'user:1000', author_name = 'X' "
    "WHERE id = %(version)s"
)
AS_MAX = PUBLISH.format(reviewer="%(max)s")
INSERT_VERSION = (
    "INSERT INTO catalogue_noticeversion (notice_id, number, status, default_locale, bodies, "
    "message_type, nickname, visibility, change_note, author_ref, author_name, created_at, "
    "reviewer_ref, reviewer_name, reviewed_at, reject_reason) "
    "SELECT notice_id, number + 1, 'published', default_locale, bodies, message_type, nickname, "
    "visibility, change_note, %(max)s, author_name, created_at, {reviewer}, 'R', now(), '' "
    "FROM catalogue_noticeversion WHERE id = %(version)s"
)
AUTHOR_STAYS = "kept as it was written"
ONE_STEP = "A version begins as a draft"

WITH_A_VERSION = {
    "reviewer = author": ([SUBMIT, AS_ITSELF], "nobody_reviews_own_version"),
    "without a review": ([AS_ANOTHER], ONE_STEP),
    "another author, then approve": ([SUBMIT, ANOTHER_AUTHOR, AS_MAX], AUTHOR_STAYS),
    "another author of the draft": ([ANOTHER_AUTHOR, SUBMIT, AS_MAX], AUTHOR_STAYS),
    "another author in the same breath": (
        [SUBMIT, AS_MAX.replace("SET ", "SET author_ref = 'user:1000', ")],
        AUTHOR_STAYS,
    ),
    "insert it approved, as the reviewer": (
        [INSERT_VERSION.format(reviewer="%(max)s")],
        ONE_STEP,
    ),
    "insert it approved by somebody": ([INSERT_VERSION.format(reviewer="'user:1000'")], ONE_STEP),
    "another reviewer afterwards": (
        [
            SUBMIT,
            AS_ANOTHER,
            "UPDATE catalogue_noticeversion SET reviewer_ref = 'user:7' WHERE id = %(version)s",
        ],
        ONE_STEP,
    ),
    "published again": (
        [
            SUBMIT,
            AS_ANOTHER,
            "UPDATE catalogue_noticeversion SET status = 'superseded' WHERE id = %(version)s",
            "UPDATE catalogue_noticeversion SET status = 'published' WHERE id = %(version)s",
        ],
        ONE_STEP,
    ),
    "back to a draft, to change the words": (
        [
            SUBMIT,
            "UPDATE catalogue_noticeversion SET status = 'draft' WHERE id = %(version)s",
            """UPDATE catalogue_noticeversion SET bodies = '{"en": "x"}' WHERE id = %(version)s""",
        ],
        ONE_STEP,
    ),
}


@pytest.mark.parametrize("way", WITH_A_VERSION)
def test_nobody_publishes_their_own_version_by_sql(
    way: str, draft: NoticeVersion, almighty: Actor
) -> None:
    statements, words = WITH_A_VERSION[way]
    refused(statements, words, version=draft.pk, max=almighty.ref)
    draft.refresh_from_db()
    assert (draft.status, draft.reviewer_ref, draft.author_ref) == ("draft", "", almighty.ref)


def test_the_service_says_so_before(draft: NoticeVersion, almighty: Actor) -> None:
    version_submit(almighty, draft)
    with pytest.raises(PermissionRefused) as refusal:
        version_approve(almighty, draft)
    assert refusal.value.code == "own_work"


def test_what_is_in_order_goes_through_by_sql_too(draft: NoticeVersion) -> None:
    """Or nothing of the above would say anything."""
    run(SUBMIT, version=draft.pk)
    run(AS_ANOTHER, version=draft.pk)
    draft.refresh_from_db()
    assert draft.status == "published"


# --- Sends ---------------------------------------------------------------------------------------


@pytest.fixture
def large(
    almighty: Actor,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    settings: Any,
) -> Send:
    """One more chat than leaves without approval."""
    settings.APPROVAL_ABOVE = 1
    make_notice("Hello", key="hello")
    ids = [make_interaction().pk for _ in range(2)]
    return send_create(almighty, SendOrder(notice_key="hello", interactions=ids))


APPROVE = (
    "UPDATE sends_send SET status = 'running', approved_by_ref = {who}, approved_by_name = 'R', "
    "approved_at = now() WHERE id = %(send)s"
)
APPROVE_OWN = APPROVE.format(who="actor_ref")
APPROVE_AS_MAX = APPROVE.format(who="%(max)s")
APPROVE_AS_ANOTHER = APPROVE.format(who="'user:1000'")
ANOTHER_SENDER = "UPDATE sends_send SET actor_ref = 'user:1000' WHERE id = %(send)s"
SET = "UPDATE sends_send SET {what} WHERE id = %(send)s"
INSERT_SEND = (
    "INSERT INTO sends_send (actor_ref, actor_name, version_id, visibility, nickname, target, why, "
    "status, created_at, time_zone, release_at, target_count, ready_count, idempotency_key, "
    "request_digest, approved_by_ref, approved_by_name, approved_at, ended_by_name, end_note) "
    "SELECT %(max)s, actor_name, version_id, visibility, nickname, target, why, 'running', "
    "created_at, '', release_at, target_count, ready_count, '', '', {who}, 'R', now(), '', '' "
    "FROM sends_send WHERE id = %(send)s"
)
LEAVES_APPROVED = "A send that awaits approval leaves when"
BEGINS_WITHOUT = "A send begins without approval, unless"

WITH_A_SEND = {
    "approve it": ([APPROVE_OWN], "nobody_approves_own_send"),
    "another sender first": ([ANOTHER_SENDER, APPROVE_AS_MAX], AUTHOR_STAYS),
    "another sender in the same breath": (
        [APPROVE_AS_MAX.replace("SET ", "SET actor_ref = 'user:1000', ")],
        AUTHOR_STAYS,
    ),
    "start it": ([SET.format(what="status = 'running'")], LEAVES_APPROVED),
    "schedule it": ([SET.format(what="status = 'scheduled'")], LEAVES_APPROVED),
    "cancel it, then start it": (
        [
            SET.format(what="status = 'cancelled', finished_at = now()"),
            SET.format(what="status = 'running'"),
        ],
        LEAVES_APPROVED,
    ),
    "insert it approved, by its sender": ([INSERT_SEND.format(who="%(max)s")], BEGINS_WITHOUT),
    "insert it approved, by somebody": ([INSERT_SEND.format(who="'user:1000'")], BEGINS_WITHOUT),
    "approve it without letting it go, then let it go": (
        [SET.format(what="approved_by_ref = 'user:1000'"), SET.format(what="status = 'running'")],
        LEAVES_APPROVED,
    ),
    "another approver afterwards": (
        [APPROVE_AS_ANOTHER, SET.format(what="approved_by_ref = 'user:7'")],
        LEAVES_APPROVED,
    ),
    "another text after the approval": (
        [APPROVE_AS_ANOTHER, SET.format(what="visibility = 'INT'")],
        AUTHOR_STAYS,
    ),
    "more chats than it was for": ([SET.format(what="ready_count = 1")], AUTHOR_STAYS),
    "another reason": ([SET.format(what="why = 'By order'")], AUTHOR_STAYS),
}


@pytest.mark.usefixtures("chat_server")
@pytest.mark.parametrize("way", WITH_A_SEND)
def test_nobody_approves_their_own_large_send_by_sql(
    way: str, large: Send, almighty: Actor
) -> None:
    statements, words = WITH_A_SEND[way]
    refused(statements, words, send=large.pk, max=almighty.ref)
    large.refresh_from_db()
    assert (large.status, large.approved_by_ref) == ("awaiting_approval", "")
    assert large.actor_ref == almighty.ref


@pytest.mark.usefixtures("chat_server")
def test_the_service_of_sends_says_so_before(large: Send, almighty: Actor) -> None:
    with pytest.raises(PermissionRefused) as refusal:
        send_approve(almighty, large)
    assert refusal.value.code == "own_work"


@pytest.mark.usefixtures("chat_server")
def test_what_is_approved_and_moved_is_approved_anew(
    large: Send, almighty: Actor, approver: User
) -> None:
    """The services' own ways are open: approve, move (which voids it), approve again."""
    at = timezone.now() + timedelta(hours=2)
    moved = send_reschedule(almighty, large, scheduled_at=at)
    approved = send_approve(approver.to_actor(), moved)
    assert (approved.status, approved.approved_by_name) == ("scheduled", "Anna")
    voided = send_reschedule(almighty, approved, scheduled_at=at + timedelta(hours=1))
    assert (voided.status, voided.approved_by_ref) == ("awaiting_approval", "")
    assert send_approve(approver.to_actor(), voided).status == "scheduled"
