"""Writes the result of an import, in the order that the database's rules require."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from console.accounts.models import Team
from console.accounts.told import TEAM
from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.services import Record
from console.audit.state.kinds import ROWS, told
from console.catalogue.content.search_index import words_keep_many
from console.catalogue.content.version_content import CONTENT, VersionContent
from console.catalogue.content.versions import version_record
from console.catalogue.models import (
    CATEGORY_SEPARATOR,
    CannedNotice,
    Category,
    ChangeStatus,
    NoticeVersion,
    PresetChange,
    VersionStatus,
    VisibilityPreset,
)
from console.catalogue.review.presets import CONTENT as PRESET_CONTENT
from console.catalogue.review.presets import preset_content, preset_create, preset_update
from console.catalogue.told import CATEGORY, NOTICE, PRESET, PRESET_CHANGE, VERSION
from console.catalogue.transfer.exporting import IMPORTED, content_digest
from console.catalogue.transfer.planning import Progress
from console.catalogue.transfer.plans import NoticePlan, Plan, VersionPlan
from console.catalogue.transfer.reports import counts

ROWS_AT_ONCE = 1000
CHANGING = ["title", "category", "team", "tags", "shortcut", "retired_at"]
# The order of a notice's versions: those that end up published or open come last.
RANK = {
    VersionStatus.PUBLISHED: 1,
    VersionStatus.SCHEDULED: 2,
    VersionStatus.DRAFT: 3,
    VersionStatus.IN_REVIEW: 3,
}
NEW_IDS = """
SELECT nextval(pg_get_serial_sequence('catalogue_noticeversion', 'id')) FROM generate_series(1, %s)
"""
# A version starts as an undecided draft and passes through each status up to its own, as the
# triggers of the migrations 0003_kept and 0004_own_work require. Its original times are preserved.
INSERT = """
INSERT INTO catalogue_noticeversion ({columns}, status, reviewer_ref, reviewer_name, reject_reason)
VALUES ({values}, 'draft', '', '', '')
"""
SUBMIT = """
UPDATE catalogue_noticeversion version SET status = 'in_review', submitted_at = given.at
FROM unnest(%s::bigint[], %s::timestamptz[]) given (id, at) WHERE version.id = given.id
"""
DECIDE = """
UPDATE catalogue_noticeversion version SET status = given.status, reviewer_ref = given.ref,
    reviewer_name = given.name, reviewed_at = given.at, reject_reason = given.reason
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
    given (id, status, ref, name, at, reason) WHERE version.id = given.id
"""
PUBLISH = """
UPDATE catalogue_noticeversion SET status = 'published' WHERE id = ANY(%s::bigint[])
"""
SUPERSEDE = """
UPDATE catalogue_noticeversion SET status = 'superseded' WHERE id = ANY(%s::bigint[])
"""
UNDECIDED = ("", VersionStatus.DRAFT, VersionStatus.IN_REVIEW)
DECIDED = (
    VersionStatus.SCHEDULED,
    VersionStatus.PUBLISHED,
    VersionStatus.REJECTED,
    VersionStatus.SUPERSEDED,
)
IN_USE = (VersionStatus.SCHEDULED, VersionStatus.PUBLISHED)
SUBMITTED = (VersionStatus.IN_REVIEW, *DECIDED)


def write_plan(
    actor: Actor, plan: Plan, *, source: dict[str, str], restore: bool, progress: Progress
) -> None:
    """Write the whole plan, and its ledger entries last, since they lock the ledger.

    Must be called in a transaction. An import without changes writes no entry.
    """
    if not (plan.presets or plan.categories or plan.notices):
        return
    write_presets = _restore_presets if restore else _propose_presets
    records = [*write_presets(actor, plan, source), *_write_notices(plan)]
    _write_versions(plan, restore, progress)
    words_keep_many([each.notice for each in plan.notices])
    rows = _Rows(plan)
    for each in plan.notices:
        records += _restored_records(each, rows) if restore else _drafted_records(each, rows)
    progress("recording", 0, len(records))
    records = [Record(each.action, each.target, {**each.data, **source}) for each in records]
    action = Action.CATALOGUE_RESTORED if restore else Action.CATALOGUE_IMPORTED
    target = ("catalogue", source["sha256"][:16], source["file"])
    records.append(Record(action, target, {**source, "rows": counts(plan.rows)}))
    audit.record_many(actor, records)


def _restore_presets(actor: Actor, plan: Plan, source: dict[str, str]) -> list[Record]:
    """Restore presets, approved elsewhere, as proposed by the file and approved by the operator."""
    records = []
    for preset in plan.presets:
        action = Action.PRESET_CHANGED if preset.pk else Action.PRESET_CREATED
        said = {name: getattr(preset, name) for name in PRESET_CONTENT}
        if not preset.pk:
            VisibilityPreset.objects.bulk_create([preset])
        change = PresetChange.objects.create(
            preset=preset, author_ref=IMPORTED, author_name=source["file"][:200], **said
        )
        change.status, change.reviewed_at = ChangeStatus.APPROVED, timezone.now()
        change.reviewer_ref, change.reviewer_name = actor.ref, actor.name
        change.save(update_fields=["status", "reviewed_at", "reviewer_ref", "reviewer_name"])
        preset.is_approved = True
        preset.save()
        rows = told((PRESET, preset.pk), (PRESET_CHANGE, change.pk))
        records.append(Record(action, ("preset", preset.pk, preset.name), {**said, **rows}))
    return records


def _propose_presets(actor: Actor, plan: Plan, source: dict[str, str]) -> list[Record]:
    """Propose presets as on the page. The entries are recorded before those of the notices."""
    for preset in plan.presets:
        said = preset_content(preset)
        known = VisibilityPreset.objects.filter(name=preset.name).first()
        if known is None:
            preset_create(actor, **said)
        else:
            preset_update(actor, known, **said)
    return []


def _write_notices(plan: Plan) -> list[Record]:
    """Write the notices, with the categories and teams that they name.

    A person's own import never names a team that does not exist.
    """
    named = {each.team for each in plan.notices} | set(plan.categories.values())
    teams, new_teams = _teams(named)
    categories, new_categories = _categories(plan, teams)
    for each in plan.notices:
        each.notice.category = categories.get(each.category)
        each.notice.team = teams.get(each.team)
    new = [each.notice for each in plan.notices if each.is_new]
    CannedNotice.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)
    changed = [each.notice for each in plan.notices if each.is_changed]
    CannedNotice.objects.bulk_update(changed, CHANGING, batch_size=ROWS_AT_ONCE)
    records = [
        Record(Action.TEAM_CREATED, ("team", made.pk, made.name), told((TEAM, made.pk)))
        for made in new_teams
    ]
    return records + [
        Record(
            Action.CATEGORY_CREATED,
            ("category", made.pk, made.path),
            {"team": plan.categories.get(made.path, ""), **told((CATEGORY, made.pk))},
        )
        for made in new_categories
    ]


def _teams(names: set[str]) -> tuple[dict[str, Team], list[Team]]:
    """Return teams by name, creating those that are missing, and the created ones."""
    names = names - {""}
    found = {each.name: each for each in Team.objects.filter(name__in=names)}
    made = Team.objects.bulk_create(Team(name=name) for name in sorted(names - found.keys()))
    return found | {each.name: each for each in made}, made


def _categories(plan: Plan, teams: dict[str, Team]) -> tuple[dict[str, Category], list[Category]]:
    """Return categories by path, creating missing ones with their parents, and the created ones."""
    found = {each.path: each for each in Category.objects.select_related("team")}
    made = []
    for path in sorted({*plan.categories, *(each.category for each in plan.notices)} - {""}):
        names = path.split(CATEGORY_SEPARATOR)
        parent: Category | None = None
        for depth in range(1, len(names) + 1):
            here = CATEGORY_SEPARATOR.join(names[:depth])
            if here not in found:
                above = parent.team if parent else None
                team = above or teams.get(plan.categories.get(here, ""))
                found[here] = Category.objects.create(
                    name=names[depth - 1], parent=parent, team=team, path=here, depth=depth
                )
                made.append(found[here])
            parent = found[here]
    return found, made


def _write_versions(plan: Plan, restore: bool, progress: Progress) -> None:
    """Write the versions in waves: the next version of each notice up to its final status, then the
    one after it. So a notice never has two open or two published versions at a time."""
    presets = {preset.name: preset for preset in VisibilityPreset.objects.all()}
    for each in plan.notices:
        each.versions.sort(key=_order)
        for one in each.versions:
            one.version.notice = each.notice
            one.version.preset = presets.get(one.preset)
    total = sum(len(each.versions) for each in plan.notices)
    written = 0
    for number in range(max((len(each.versions) for each in plan.notices), default=0)):
        wave = [each.versions[number] for each in plan.notices if len(each.versions) > number]
        for start in range(0, len(wave), ROWS_AT_ONCE):
            part = wave[start : start + ROWS_AT_ONCE]
            _write_wave(part, restore)
            written += len(part)
            progress("writing", written, total)


def _order(one: VersionPlan) -> tuple[bool, int, int]:
    """Sort existing versions first."""
    status = VersionStatus(one.version.status)
    return not one.before, RANK.get(status, 0), one.version.number


def _write_wave(wave: list[VersionPlan], restore: bool) -> None:
    taken_over = [one.takes_over for one in wave if one.takes_over]
    NoticeVersion.objects.filter(pk__in=taken_over).delete()
    new = [one.version for one in wave if not one.before]
    if not restore:
        drafts = [one.version for one in wave if one.before == VersionStatus.DRAFT]
        NoticeVersion.objects.bulk_update(drafts, CONTENT)
    with connection.cursor() as cursor:
        cursor.execute(NEW_IDS, [len(new)])
        for version, (pk,) in zip(new, cursor.fetchall(), strict=True):
            version.pk = pk
        if rows := list(map(_inserted, new)):
            insert = INSERT.format(
                columns=", ".join(rows[0]), values=", ".join(["%s"] * len(rows[0]))
            )
            cursor.executemany(insert, [list(row.values()) for row in rows])
        _run(cursor, SUBMIT, map(_submitted, _going(wave, ("", VersionStatus.DRAFT), SUBMITTED)))
        _run(cursor, DECIDE, map(_decided, _going(wave, UNDECIDED, DECIDED)))
        due = _going(wave, (VersionStatus.SCHEDULED,), (VersionStatus.PUBLISHED,))
        _run(cursor, PUBLISH, ((version.pk,) for version in due))
        gone = _going(wave, (*UNDECIDED, *IN_USE), (VersionStatus.SUPERSEDED,))
        _run(cursor, SUPERSEDE, ((version.pk,) for version in gone))


def _going(
    wave: list[VersionPlan], before: tuple[str, ...], after: tuple[str, ...]
) -> Iterator[NoticeVersion]:
    """Yield the versions that pass from a status in `before` to one in `after`, or beyond."""
    return (one.version for one in wave if one.before in before and one.version.status in after)


def _run(cursor: Any, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run one statement for all rows, with an array of parameters for each column."""
    if columns := list(zip(*rows, strict=True)):
        cursor.execute(statement, list(map(list, columns)))


def _submitted(version: NoticeVersion) -> tuple[Any, ...]:
    return version.pk, version.submitted_at


def _inserted(version: NoticeVersion) -> dict[str, Any]:
    """Return the columns of a new draft with their values."""
    content = VersionContent.of(version).database_columns()
    return {
        "id": version.pk,
        "notice_id": version.notice_id,
        "number": version.number,
        **{name: Jsonb(it) if isinstance(it, dict | list) else it for name, it in content.items()},
        "snippets": Jsonb(version.snippets),
        "author_ref": version.author_ref,
        "author_name": version.author_name,
        "created_at": version.created_at or timezone.now(),
    }


def _decided(version: NoticeVersion) -> tuple[Any, ...]:
    is_over = version.status == VersionStatus.SUPERSEDED
    return (
        version.pk,
        VersionStatus(VersionStatus.PUBLISHED if is_over else version.status).value,
        *(version.reviewer_ref, version.reviewer_name, version.reviewed_at),
        version.reject_reason,
    )


# --- Ledger entries ------------------------------------------------------------------------------


class _Rows:
    """What the database has of all notices and versions of a plan, read at once."""

    def __init__(self, plan: Plan) -> None:
        notices = [each.notice.pk for each in plan.notices]
        self._rows: dict[str, Any] = told((NOTICE, notices)).get(ROWS, {})
        pks = [pk for each in plan.notices for pk in _versions_of(each)]
        for start in range(0, len(pks), ROWS_AT_ONCE):
            self._rows |= told((VERSION, pks[start : start + ROWS_AT_ONCE]))[ROWS]

    def of(self, each: NoticePlan, versions: Iterable[int]) -> dict[str, Any]:
        """Return, for an entry, what there is of a notice and these of its versions."""
        keys = [NOTICE.key(each.notice.pk), *map(VERSION.key, versions)]
        return {ROWS: {key: self._rows[key] for key in keys}}


def _versions_of(each: NoticePlan) -> list[int]:
    """Return the primary keys of the versions that an import has written, and of those that it has
    taken over."""
    written = [one.version.pk for one in each.versions]
    return [*written, *(one.takes_over for one in each.versions if one.takes_over)]


def _restored_records(each: NoticePlan, rows: _Rows) -> list[Record]:
    """Return one entry for a restored notice: its versions' authors, reviewers and content digests.

    The texts themselves are in the database, which never changes them.
    """
    data = {
        **_facts(each),
        "versions": {
            str(one.version.number): {
                "status": one.version.status,
                "author": one.version.author_ref,
                "author_name": one.version.author_name,
                "reviewer": one.version.reviewer_ref,
                "reviewer_name": one.version.reviewer_name,
                "digest": content_digest(one.version),
            }
            for one in each.versions
        },
        **rows.of(each, _versions_of(each)),
    }
    return [Record(Action.NOTICE_IMPORTED, _target(each), data)]


def _drafted_records(each: NoticePlan, rows: _Rows) -> list[Record]:
    """Return the entries that the services of notices and versions would record."""
    records = []
    if each.is_new or each.is_changed:
        action = Action.NOTICE_CREATED if each.is_new else Action.NOTICE_CHANGED
        records.append(Record(action, _target(each), {**_facts(each), **rows.of(each, ())}))
    for one in each.versions:
        action = Action.VERSION_CHANGED if one.before else Action.VERSION_CREATED
        records.append(version_record(action, one.version, rows.of(each, [one.version.pk])))
    return records


def _facts(each: NoticePlan) -> dict[str, Any]:
    notice = each.notice
    return {
        "kind": notice.kind,
        "category": each.category,
        "team": each.team,
        "tags": notice.tags,
        "shortcut": notice.shortcut,
    }


def _target(each: NoticePlan) -> tuple[str, object, str]:
    return "notice", each.notice.key, each.notice.title
