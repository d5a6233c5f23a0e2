"""What a preset says is proposed by one person and approved by another."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import InternalError

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.catalogue.models import PresetChange, VisibilityPreset
from console.catalogue.review.presets import preset_approve, preset_create, preset_update
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from tests.support.factories import REVIEWER, ROOT
from tests.support.preset_proposals import approve_seen, reject_seen

pytestmark = pytest.mark.django_db
REFUSED = (IntegrityError, InternalError)


@pytest.fixture
def staff(db: None) -> VisibilityPreset:
    return VisibilityPreset.objects.get(name="Staff only")


def test_a_wider_preset_holds_when_somebody_else_says_so(
    staff: VisibilityPreset, editor: User, approver: User
) -> None:
    preset_update(editor.to_actor(), staff, visibility="ALL", nickname="All")
    staff.refresh_from_db()
    assert (staff.visibility, staff.nickname) == ("INT", "")
    assert [change.author_name for change in selectors.preset_changes(ROOT)] == ["Eddy"]
    approve_seen(approver.to_actor(), staff)
    staff.refresh_from_db()
    assert (staff.visibility, staff.nickname) == ("ALL", "All")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor_name) == ("preset.approved", "Anna")
    with pytest.raises(Conflict) as refused:
        approve_seen(approver.to_actor(), staff)
    assert refused.value.code == "wrong_status"


def test_a_new_preset_is_nobodys_to_use_before_that(supervisor: User) -> None:
    preset = preset_create(ROOT, name="Desk", visibility="VIP")
    assert preset not in selectors.usable_presets(supervisor.to_actor())
    notice = notice_create(ROOT, key="a", kind="message", title="x")
    content: dict[str, Any] = {"default_locale": "en", "bodies": {"en": "x"}, "preset": preset}
    with pytest.raises(Unprocessable) as refused:
        version_create(ROOT, notice, VersionContent(**content))
    assert refused.value.code == "preset_not_approved"
    approve_seen(REVIEWER, preset)
    assert preset in selectors.usable_presets(supervisor.to_actor())
    assert version_create(ROOT, notice, VersionContent(**content)).visibility == "VIP"


def test_nobody_decides_on_their_own(staff: VisibilityPreset) -> None:
    preset_update(ROOT, staff, visibility="ALL")
    for decide in (
        lambda: approve_seen(ROOT, staff),
        lambda: reject_seen(ROOT, staff, reason="x"),
    ):
        with pytest.raises(PermissionRefused) as refused:
            decide()
        assert refused.value.code == "own_work"
    assert list(selectors.preset_review_queue(ROOT)) == []
    assert len(selectors.preset_review_queue(REVIEWER)) == 1


def test_what_is_rejected_changes_nothing(staff: VisibilityPreset, editor: User) -> None:
    preset_update(ROOT, staff, visibility="ALL")
    with pytest.raises(InvalidInput):
        reject_seen(REVIEWER, staff, reason=" ")
    with pytest.raises(PermissionRefused):
        reject_seen(editor.to_actor(), staff, reason="No.")
    reject_seen(REVIEWER, staff, reason="Too wide.")
    staff.refresh_from_db()
    assert staff.visibility == "INT"
    assert PresetChange.objects.get().reject_reason == "Too wide."


def test_a_second_thought_supersedes_the_first_and_others_wait(
    staff: VisibilityPreset, editor: User
) -> None:
    preset_update(ROOT, staff, visibility="ALL")
    seen = PresetChange.objects.get()
    with pytest.raises(Conflict) as refused:
        preset_update(editor.to_actor(), staff, nickname="Mine")
    assert refused.value.code == "change_open"
    preset_update(ROOT, staff, visibility="VIP")
    # Whoever still has the first before them does not approve the second.
    with pytest.raises(Conflict):
        preset_approve(REVIEWER, staff, change=seen.pk)
    preset_approve(REVIEWER, staff, change=PresetChange.objects.latest("pk").pk)
    assert VisibilityPreset.objects.get(pk=staff.pk).visibility == "VIP"
    statuses = PresetChange.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["superseded", "approved"]


def test_a_name_is_checked_when_it_is_proposed_and_when_it_is_approved(
    staff: VisibilityPreset,
) -> None:
    with pytest.raises(Conflict, match="a preset named Everyone"):
        preset_update(ROOT, staff, name="Everyone")
    preset_update(ROOT, staff, name="Desk")
    preset_create(ROOT, name="Desk", visibility="ALL")
    with pytest.raises(Conflict, match="a preset named Desk"):
        approve_seen(REVIEWER, VisibilityPreset.objects.get(pk=staff.pk))
    assert PresetChange.objects.filter(preset=staff).get().status == "in_review"


def test_of_two_proposals_that_look_alike_one_is_approved(staff: VisibilityPreset) -> None:
    supervisors = VisibilityPreset.objects.get(name="Supervisors only")
    preset_update(ROOT, staff, nickname="Billing")
    preset_update(ROOT, supervisors, nickname="Bil\u200bling")
    approve_seen(REVIEWER, staff)
    with pytest.raises(InvalidInput) as refused:
        approve_seen(REVIEWER, supervisors)
    assert (refused.value.code, refused.value.details) == ("look_alike", {"field": "nickname"})
    supervisors.refresh_from_db()
    assert supervisors.nickname == ""


def test_the_database_lets_no_preset_change_without_its_review(staff: VisibilityPreset) -> None:
    preset_update(ROOT, staff, visibility="ALL")
    new = preset_create(ROOT, name="New", visibility="ALL")
    for row, values in (
        (staff, {"visibility": "ALL"}),
        (staff, {"name": "Everybody else"}),
        (staff, {"roles": ["auditor"]}),
        (new, {"is_approved": True}),
    ):
        with pytest.raises(REFUSED, match="approved"), transaction.atomic():
            VisibilityPreset.objects.filter(pk=row.pk).update(**values)


def test_the_database_keeps_proposals(staff: VisibilityPreset) -> None:
    preset_update(ROOT, staff, visibility="ALL")
    change = PresetChange.objects.filter(preset=staff)
    for values in (
        {"visibility": "VIP"},
        {"author_ref": "user:9"},
        {"status": "approved"},
        {"status": "approved", "reviewer_ref": ROOT.ref},
    ):
        with pytest.raises(REFUSED), transaction.atomic():
            change.update(**values)
    with pytest.raises(REFUSED), transaction.atomic():
        PresetChange.objects.create(
            preset=VisibilityPreset.objects.get(name="Everyone"),
            name="x",
            visibility="ALL",
            author_ref="user:1",
            reviewer_ref="user:2",
            status="approved",
        )
    approve_seen(REVIEWER, staff)
    with pytest.raises(REFUSED), transaction.atomic():
        change.update(status="rejected")
