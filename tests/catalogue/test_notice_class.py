"""The class of a notice is reviewed with its texts. What is older than classes stays as it was."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.catalogue.content.audience import EVERYONE
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent, revision
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice, NoticeClass, NoticeVersion
from console.catalogue.transfer.exporting import content_digest
from console.catalogue.transfer.importing import catalogue_import, catalogue_restore
from console.errors import InvalidInput
from console.sends.proof.ledger import version_digest, version_facts
from tests.catalogue.test_transfer_round_trip import empty, exported
from tests.support.factories import ROOT

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)
WORDS: dict[str, Any] = {"default_locale": "en", "bodies": {"en": "Leave the building."}}

pytestmark = pytest.mark.django_db


def draft(key: str = "fire", **content: Any) -> NoticeVersion:
    notice = CannedNotice.objects.filter(key=key).first() or notice_create(
        AUTHOR, key=key, kind=content.pop("kind", "message"), title="Fire"
    )
    return version_create(AUTHOR, notice, VersionContent(**WORDS, **content))


def published(key: str = "fire", **content: Any) -> NoticeVersion:
    return version_approve(REVIEWER, version_submit(AUTHOR, draft(key, **content)))


def test_the_class_is_routine_unless_somebody_says_otherwise() -> None:
    assert draft().notice_class == NoticeClass.ROUTINE
    assert draft("other", notice_class="").notice_class == NoticeClass.ROUTINE
    assert draft("third", notice_class="safety").notice_class == NoticeClass.SAFETY


def test_an_unknown_class_is_refused_and_a_snippet_has_none() -> None:
    with pytest.raises(InvalidInput, match="safety, important, routine") as refused:
        draft(notice_class="urgent")
    assert refused.value.code == "unknown_class"
    with pytest.raises(InvalidInput) as refused:
        draft("part", kind="snippet", notice_class="safety")
    assert refused.value.code == "snippet_without_class"


def test_nothing_that_is_older_than_classes_gets_another_digest() -> None:
    """Byte for byte what revisions, ledger entries, digests and cells were before there was one."""
    version = published()
    content: list[Any] = [
        "en",
        {"en": "Leave the building."},
        [],
        "",
        "",
        "",
        "",
        None,
        "ALL",
        None,
        None,
        "",
    ]
    text = json.dumps([1, *content], sort_keys=True)
    assert revision(version) == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert "notice_class" not in version_facts(version)
    assert "notice_class" not in VersionContent.of(version).cells()
    entries = AuditEntry.objects.filter(target_kind="version")
    assert len(entries) == 3
    assert all("notice_class" not in entry.data for entry in entries)


def test_another_class_is_another_content_everywhere() -> None:
    routine, safety = published(), published("alarm", notice_class="safety")
    assert version_facts(safety)["notice_class"] == "safety"
    assert version_digest(routine) != version_digest(safety)
    assert content_digest(routine) != content_digest(safety)
    entry = AuditEntry.objects.get(target_ref="alarm/1", action="version.submitted")
    assert entry.data["notice_class"] == "safety"
    before = revision(safety)
    safety.notice_class = "important"
    assert revision(safety) != before


def test_nobody_changes_the_class_of_a_submitted_version() -> None:
    version = version_submit(AUTHOR, draft())
    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeVersion.objects.filter(pk=version.pk).update(notice_class="safety")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalogue_noticeversion SET notice_class = 'loud'")


# --- Files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "json", "xlsx"])
def test_classes_come_back_as_they_went(ending: str) -> None:
    for name in NoticeClass.values:
        published(name, notice_class=name)
    before = exported(ending)
    empty()
    catalogue_restore(ROOT, file_name=f"all.{ending}", content=before)
    assert exported(ending) == before
    found = NoticeVersion.objects.values_list("notice__key", "notice_class")
    assert dict(found) == {name: name for name in NoticeClass.values}


def test_an_export_from_before_there_were_classes_is_restored_as_routine() -> None:
    published()
    rows = list(csv.DictReader(io.StringIO(exported("csv").decode("utf-8-sig"))))
    assert all(not row.pop("notice_class") for row in rows)
    older = io.StringIO()
    writer = csv.DictWriter(older, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    empty()
    plan = catalogue_restore(ROOT, file_name="all.csv", content=older.getvalue().encode())
    assert [row.to_json() for row in plan.rows if row.refusals] == []
    assert NoticeVersion.objects.get().notice_class == NoticeClass.ROUTINE


def test_people_import_a_class_as_a_draft() -> None:
    published("alarm", notice_class="safety")

    def imported(cell: str) -> Any:
        text = f"key,notice_class\nalarm,{cell}\n"
        return catalogue_import(AUTHOR, file_name="a.csv", content=text.encode())

    imported("safety")
    assert NoticeVersion.objects.count() == 1  # nothing is new
    (row,) = imported("loud").rows
    assert [each.column for each in row.refusals] == ["notice_class"]
    imported("routine")
    assert NoticeVersion.objects.get(number=2).notice_class == "routine"
    text = b"key,body:en\nalarm,Leave now.\n"
    catalogue_import(AUTHOR, file_name="a.csv", content=text)
    assert NoticeVersion.objects.get(number=2).notice_class == "routine"


def test_a_file_without_the_column_leaves_the_class() -> None:
    published("alarm", notice_class="safety")
    catalogue_import(AUTHOR, file_name="a.csv", content=b"key,body:en\nalarm,Leave now.\n")
    assert NoticeVersion.objects.get(number=2).notice_class == "safety"


# --- Pages ---------------------------------------------------------------------------------------


def test_the_editor_offers_the_classes_and_keeps_the_chosen_one(
    editor: User, browse: Callable[..., Client]
) -> None:
    notice = notice_create(editor.to_actor(), key="fire", kind="message", title="Fire")
    client, edit = browse(editor), reverse("notice-edit", args=[notice.key])
    html = client.get(edit).content.decode()
    assert html.count('name="notice_class"') == 3
    posted = {
        "default_locale": "en",
        "preset": EVERYONE,
        "notice_class": "important",
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 0,
        "form-0-locale": "en",
        "form-0-body": "Leave the building.",
    }
    answer = client.post(edit, posted)
    assert answer.status_code == 302
    assert NoticeVersion.objects.get().notice_class == "important"
    chosen = 'value="important" id="id_notice_class_1" checked'
    assert chosen in " ".join(client.get(edit).content.decode().split())


def test_a_review_says_what_safety_means(approver: User, browse: Callable[..., Client]) -> None:
    published()
    version_submit(AUTHOR, draft(notice_class="safety"))
    page = browse(approver).get(reverse("notice-detail", args=["fire"])).content.decode()
    words = " ".join(page.split())
    assert "A safety notice is never held back by the contact budget, and goes first." in words
    assert "before: Routine" in words
    page = browse(approver).get(reverse("notice-compare", args=["fire"])).content.decode()
    assert "Class" in page
    assert "Safety" in page


def test_a_routine_notice_has_no_line_about_its_class(
    approver: User, browse: Callable[..., Client]
) -> None:
    published()
    page = browse(approver).get(reverse("notice-detail", args=["fire"])).content.decode()
    assert "<dt>Class</dt>" not in page
