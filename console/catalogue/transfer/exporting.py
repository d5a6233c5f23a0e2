"""The whole catalogue as a dataset. The same catalogue always gives the same dataset."""

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby

from tablib import Dataset

from console.accounts.models import User
from console.actors import Actor, Permission
from console.catalogue.content.version_content import (
    BODY,
    VersionContent,
    json_cell,
    moment_cell,
)
from console.catalogue.models import (
    CannedNotice,
    Category,
    NoticeVersion,
    PresetChange,
    VisibilityPreset,
)
from console.catalogue.selectors import categories, notices
from console.catalogue.transfer.columns import (
    CATEGORY,
    COLUMNS,
    NOTICE,
    PRESET,
    body_columns,
)

Cells = dict[str, str]
# Prefix of the name of a person from another installation, who may have no account here.
IMPORTED = "imported:"


def catalogue_dataset(actor: Actor) -> Dataset:
    """Return all approved presets, and the notices that the actor may see, with all versions."""
    actor.require(Permission.VIEW_CATALOGUE)
    # Sorted here, since databases differ in how they sort texts. Proposed changes of presets are
    # not exported.
    approved = VisibilityPreset.objects.filter(is_approved=True)
    presets = sorted(approved, key=lambda preset: preset.name)
    tree = sorted(categories(actor).select_related("team"), key=lambda each: each.path)
    rows = [*map(preset_cells, presets), *map(category_cells, tree), *_notices(actor)]
    locales = {name.removeprefix(BODY) for row in rows for name in row if name.startswith(BODY)}
    headers = [*COLUMNS, *body_columns(list(locales))]
    return Dataset(*([row.get(name, "") for name in headers] for row in rows), headers=headers)


def preset_cells(preset: VisibilityPreset | PresetChange) -> Cells:
    return {
        "record": PRESET,
        "preset": preset.name,
        "visibility": preset.visibility,
        "nickname": preset.nickname,
        "roles": " ".join(sorted(preset.roles)),
    }


def category_cells(category: Category) -> Cells:
    return {
        "record": CATEGORY,
        "category": category.path,
        "team": category.team.name if category.team else "",
    }


def notice_cells(notice: CannedNotice) -> Cells:
    """Return the notice's own cells, without a version."""
    return {
        "record": NOTICE,
        "key": notice.key,
        "kind": notice.kind,
        "title": notice.title,
        "category": notice.category.path if notice.category else "",
        "team": notice.team.name if notice.team else "",
        "tags": ", ".join(notice.tags),
        "shortcut": notice.shortcut,
        "retired_at": moment_cell(notice.retired_at),
    }


def version_cells(version: NoticeVersion, names: dict[str, str]) -> Cells:
    """Return a version's cells. `names` has the user names of people by their refs."""
    return VersionContent.of(version).cells() | {
        "version": str(version.number),
        "status": version.status,
        "author": exported_ref(version.author_ref, names),
        "author_name": version.author_name,
        "created_at": moment_cell(version.created_at),
        "submitted_at": moment_cell(version.submitted_at),
        "snippets": json_cell(version.snippets),
        "reviewer": exported_ref(version.reviewer_ref, names),
        "reviewer_name": version.reviewer_name,
        "reviewed_at": moment_cell(version.reviewed_at),
        "reject_reason": version.reject_reason,
    }


def exported_ref(ref: str, names: dict[str, str]) -> str:
    """Return a ref that is valid in any installation: a user name, since ids differ."""
    return names.get(ref, ref.removeprefix(IMPORTED))


def user_names() -> dict[str, str]:
    """Return people's user names by their refs."""
    return {f"user:{pk}": name for pk, name in User.objects.values_list("pk", "username")}


def _notices(actor: Actor) -> Iterator[Cells]:
    names = user_names()
    versions = (
        NoticeVersion.objects.filter(notice__in=notices(actor).values("pk"))
        .select_related("preset")
        .order_by("notice_id", "number")
    )
    by_notice = {
        pk: list(found) for pk, found in groupby(versions.iterator(2000), lambda v: v.notice_id)
    }
    for notice in sorted(notices(actor), key=lambda notice: notice.key):
        facts = notice_cells(notice)
        found = by_notice.get(notice.pk)
        if found is None:
            yield facts
        else:
            yield from (facts | version_cells(version, names) for version in found)


def content_digest(version: NoticeVersion) -> str:
    """Return the SHA-256 of a version's content, which the ledger records for a restored one."""
    said = json.dumps(VersionContent.of(version).cells(), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
