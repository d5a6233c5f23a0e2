"""People send a published notice by its title and shortcut: another one takes two people."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create, notice_retire, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_submit,
    version_update,
    versions_publish,
)
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.selectors import notices
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.importing import catalogue_import
from console.errors import Conflict, InvalidInput
from tests.support.factories import ROOT

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)
WORDS: dict[str, Any] = {"default_locale": "en", "bodies": {"en": "Sorry."}}

pytestmark = pytest.mark.django_db


def published(key: str = "late", **facts: Any) -> CannedNotice:
    notice = notice_create(AUTHOR, **{"key": key, "kind": "message", "title": "Late", **facts})
    return approved(version_create(AUTHOR, notice, VersionContent(**WORDS))).notice


def approved(version: NoticeVersion) -> NoticeVersion:
    return version_approve(REVIEWER, version_submit(AUTHOR, version))


def names(key: str = "late") -> tuple[str, str]:
    return CannedNotice.objects.values_list("title", "shortcut").get(key=key)


@pytest.mark.parametrize("change", [{"title": "Cancel it"}, {"shortcut": "other"}])
def test_nobody_renames_a_published_notice_alone(change: dict[str, str]) -> None:
    notice = published(shortcut="late")
    with pytest.raises(Conflict) as refused:
        notice_update(AUTHOR, notice, **change)
    assert refused.value.code == "name_needs_review"
    assert refused.value.details == {"field": next(iter(change))}
    assert names() == ("Late", "late")


def test_nor_one_that_is_scheduled() -> None:
    notice = notice_create(AUTHOR, key="late", kind="message", title="Late")
    tomorrow = timezone.now() + timedelta(days=1)
    approved(version_create(AUTHOR, notice, VersionContent(**WORDS, valid_from=tomorrow)))
    with pytest.raises(Conflict):
        notice_update(AUTHOR, notice, title="Cancel it")


def test_what_names_nothing_else_changes_alone() -> None:
    notice = published(shortcut="late")
    notice_update(AUTHOR, notice, title="Late", shortcut="", tags=["post"], category="Post")
    assert names() == ("Late", "")
    # Not published yet, a notice is called as its editor likes; and an operator's word is enough.
    fresh = notice_create(AUTHOR, key="fresh", kind="message", title="New")
    assert notice_update(AUTHOR, fresh, title="Newer", shortcut="n").title == "Newer"
    assert notice_update(ROOT, notice, title="By an operator").title == "By an operator"


def test_another_name_comes_with_a_version() -> None:
    notice = published()
    version = version_create(
        AUTHOR, notice, VersionContent(**WORDS, new_title=" Delayed ", new_shortcut="/Delay")
    )
    assert (version.new_title, version.new_shortcut) == ("Delayed", "delay")
    version_submit(AUTHOR, version)
    assert names() == ("Late", "")
    version_approve(REVIEWER, version)
    assert names() == ("Delayed", "delay")
    entry = AuditEntry.objects.filter(action="version.approved").latest("pk")
    assert (entry.data["new_title"], entry.data["new_shortcut"]) == ("Delayed", "delay")
    # It is found by its new name.
    assert [found.key for found in notices(AUTHOR, q="delayed")] == ["late"]


def test_a_name_that_it_has_already_is_none() -> None:
    notice = published(shortcut="late")
    version = version_create(
        AUTHOR, notice, VersionContent(**WORDS, new_title="Late", new_shortcut="late")
    )
    assert (version.new_title, version.new_shortcut) == ("", "")
    assert version_update(AUTHOR, version, {"new_title": "Other"}).new_title == "Other"
    assert version_update(AUTHOR, version, {"bodies": {"en": "Hm."}}).new_title == "Other"
    assert version_update(AUTHOR, version, {"new_title": ""}).new_title == ""


@pytest.mark.parametrize(
    "wrong", [{"new_title": "a\nb"}, {"new_title": "x" * 201}, {"new_shortcut": "not one"}]
)
def test_a_name_that_does_not_fit(wrong: dict[str, Any]) -> None:
    notice = published()
    with pytest.raises(InvalidInput):
        version_create(AUTHOR, notice, VersionContent(**WORDS, **wrong))
    assert notice.versions.count() == 1


def test_what_was_submitted_is_what_is_approved() -> None:
    version = version_create(AUTHOR, published(), VersionContent(**WORDS, new_title="Delayed"))
    version_submit(AUTHOR, version)
    for change in ({"new_title": "Other"}, {"new_shortcut": "other"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            NoticeVersion.objects.filter(pk=version.pk).update(**change)


def test_a_shortcut_that_another_has_is_not_approved() -> None:
    """The database has the word, so two at the same moment don't both get it."""
    version = version_create(AUTHOR, published(), VersionContent(**WORDS, new_shortcut="post"))
    version_submit(AUTHOR, version)
    published("other", shortcut="post")
    with pytest.raises(Conflict) as refused:
        version_approve(REVIEWER, version)
    assert refused.value.code == "shortcut_taken"
    assert names() == ("Late", "")
    assert NoticeVersion.objects.get(pk=version.pk).status == VersionStatus.IN_REVIEW


def test_a_scheduled_name_comes_with_its_words() -> None:
    notice = published()
    tomorrow = timezone.now() + timedelta(days=1)
    version = version_create(
        AUTHOR,
        notice,
        VersionContent(**WORDS, valid_from=tomorrow, new_title="Delayed", new_shortcut="post"),
    )
    approved(version)
    assert names() == ("Late", "")
    # Meanwhile another notice gets the shortcut: the words and the title come all the same.
    published("other", shortcut="post")
    assert versions_publish(tomorrow + timedelta(minutes=1)) == 1
    assert names() == ("Delayed", "")
    assert names("other") == ("Late", "post")


def test_a_retired_notice_keeps_nobody_from_its_shortcut() -> None:
    notice_retire(REVIEWER, published("other", shortcut="post"))
    approved(version_create(AUTHOR, published(), VersionContent(**WORDS, new_shortcut="post")))
    assert names() == ("Late", "post")


def test_a_file_proposes_another_title() -> None:
    published(shortcut="late")
    content, _number = catalogue_export(AUTHOR, file_name="all.csv")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    imported(rows)
    assert NoticeVersion.objects.count() == 1
    for row in rows:
        row["title"] = "Delayed"
    imported(rows)
    assert names() == ("Late", "late")
    draft = NoticeVersion.objects.get(status=VersionStatus.DRAFT)
    assert (draft.author_ref, draft.new_title, draft.new_shortcut) == ("user:1", "Delayed", "")
    approved(draft)
    assert names() == ("Delayed", "late")
    # The same file again says nothing new.
    imported(rows)
    assert not NoticeVersion.objects.filter(status=VersionStatus.DRAFT).exists()


def imported(rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    catalogue_import(AUTHOR, file_name="all.csv", content=text.getvalue().encode())
