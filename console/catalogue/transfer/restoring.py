"""Plans the restore of an export: every version with its number, status, author and reviewer.

Existing versions change only by the status steps that are allowed anyway. The operator vouches for
the file's reviews; the ledger records that they came from it.
"""

from dataclasses import replace

from console.catalogue.content.version_content import BODY, COLUMNS, VersionContent
from console.catalogue.kinds import traits
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.transfer.columns import NOTICE_FACTS, PROVENANCE
from console.catalogue.transfer.exporting import IMPORTED, notice_cells, version_cells
from console.catalogue.transfer.plans import (
    OPEN,
    Known,
    NoticePlan,
    VersionPlan,
    check_place,
    refuse_the_others,
)
from console.catalogue.transfer.reading import Row
from console.errors import ConsoleError
from console.text.sentences import term

# The steps between a version's statuses, and the columns that each step may fill in.
WAY = {
    VersionStatus.DRAFT: (VersionStatus.IN_REVIEW,),
    VersionStatus.IN_REVIEW: (
        VersionStatus.SCHEDULED,
        VersionStatus.PUBLISHED,
        VersionStatus.REJECTED,
    ),
    VersionStatus.SCHEDULED: (VersionStatus.PUBLISHED, VersionStatus.SUPERSEDED),
    VersionStatus.PUBLISHED: (VersionStatus.SUPERSEDED,),
}
IN_USE = (*OPEN, VersionStatus.SCHEDULED, VersionStatus.PUBLISHED)
DECISION = ("reviewer", "reviewer_name", "reviewed_at", "reject_reason")
SAID_LATER = {
    VersionStatus.DRAFT: ("submitted_at", *DECISION),
    VersionStatus.IN_REVIEW: DECISION,
}


def plan_restored(rows: list[Row], there: Known) -> NoticePlan | None:
    """Return what the rows of one key will write, or None. Problems are in the rows' reports."""
    first = rows[0]
    before = there.notices.get(first.key)
    _check_facts(rows, before)
    notice = before or CannedNotice(key=first.key)
    plan = NoticePlan(notice, first.cells["category"], first.cells["team"], before is None)
    first.report.is_new = before is None
    known_facts = notice_cells(before) if before else {}
    facts = {name: first.cells.get(name, "") for name in NOTICE_FACTS}
    plan.is_changed = first.report.compare(known_facts, facts) and before is not None
    notice.kind, notice.title = facts["kind"], facts["title"]
    notice.tags, notice.shortcut = first.values.get("tags", []), facts["shortcut"]
    check_place(first, facts["category"], facts["team"], there)
    notice.retired_at = first.values.get("retired_at")
    seen: dict[int, Row] = {}
    for row in rows:
        _plan_version(row, plan, there, seen)
    _require_one_of_each(rows, plan, there)
    if refuse_the_others(rows):
        return None
    return plan if plan.writes else None


def _check_facts(rows: list[Row], before: CannedNotice | None) -> None:
    first = rows[0]
    for name in ("kind", "title"):
        if not first.cells[name]:
            first.report.refuse(name, term("Give the notice a {name}.", name=name))
    if before is not None and first.cells["kind"] != before.kind:
        first.report.refuse(
            "kind", term("The notice is a {kind} here, and its kind is for ever.", kind=before.kind)
        )
    for row in rows[1:]:
        for name in NOTICE_FACTS:
            if row.cells.get(name, "") != first.cells.get(name, ""):
                row.report.refuse(
                    name,
                    term(
                        "Row {number} says otherwise of the same notice. Make them agree.",
                        number=first.number,
                    ),
                )


def _plan_version(row: Row, plan: NoticePlan, there: Known, seen: dict[int, Row]) -> None:
    number = row.values.get("version")
    if number is None:
        if row.report.refusals or not any(row.cells.get(name) for name in ("status", *PROVENANCE)):
            return
        row.report.refuse("version", term("Say which version it is, from 1."))
        return
    if number in seen:
        row.report.refuse(
            "version", term("Row {number} has this version already.", number=seen[number].number)
        )
    seen[number] = row
    before = there.versions_of(plan.notice).get(number)
    if before is not None:
        _plan_step(row, plan, there, before)
        return
    row.report.is_new = True
    version = _new_version(row, plan.notice, there)
    if not row.report.refusals:
        row.report.compare({}, _said(row))
        plan.versions.append(VersionPlan(version, row.cells["preset"]))


def _said(row: Row) -> dict[str, str]:
    """Return the cells of a row's version."""
    names = ("version", "status", *COLUMNS, *PROVENANCE)
    texts = {name: cell for name, cell in row.cells.items() if name.startswith(BODY)}
    return {name: row.cells.get(name, "") for name in names} | texts


def _plan_step(row: Row, plan: NoticePlan, there: Known, before: NoticeVersion) -> None:
    """Plan a version that exists already: unchanged, or some steps further."""
    known = version_cells(before, there.names)
    said = _said(row) | {name: "" for name in known if name.startswith(BODY)} | _said(row)
    differing = {name for name, cell in said.items() if known.get(name, "") != cell}
    if not differing:
        return
    was, will = VersionStatus(before.status), row.values.get("status")
    kept = differing - {"status", *SAID_LATER.get(was, ())}
    if kept or will not in _further(was):
        what = ", ".join(sorted(kept or {"status"}))
        row.report.refuse(
            sorted(kept or {"status"})[0],
            term(
                "Version {number} is there already and differs ({what}); a version is never "
                "changed. Import it as a draft of somebody (--as).",
                number=before.number,
                what=what,
            ),
        )
        return
    _check_people(row)
    row.report.compare(known, said)
    _set_provenance(before, row, there)
    plan.versions.append(VersionPlan(before, row.cells["preset"], before=was))


def _further(status: VersionStatus) -> set[str]:
    found = set(WAY.get(status, ()))
    return {*found, *(further for step in found for further in _further(step))}


def _new_version(row: Row, notice: CannedNotice, there: Known) -> NoticeVersion:
    version = NoticeVersion(notice=notice, number=row.values["version"])
    status = row.values.get("status")
    for name in ("status", "visibility", "author", "created_at"):
        if not row.cells.get(name):
            row.report.refuse(name, term("It is missing, as it is in no export."))
    if row.cells.get("preset") and row.cells["preset"] not in there.presets:
        row.report.refuse("preset", term("There is no such preset, neither here nor in the file."))
    _check_people(row)
    _check_content(row, version, is_in_use=status in IN_USE)
    if row.report.refusals:
        return version
    version.author_ref = there.author_ref(row.cells["author"])
    version.author_name = row.cells["author_name"] or row.cells["author"]
    version.created_at = row.values["created_at"]
    _content(row).set_on(version)  # unchanged: nothing is taken from the preset again
    _set_provenance(version, row, there)
    return version


def _check_people(row: Row) -> None:
    """Refuse a row whose author is its reviewer, or without the people and times of its status."""
    status = row.values.get("status")
    needed: tuple[str, ...] = ()
    if status != VersionStatus.DRAFT:
        needed = ("submitted_at",)
    if status not in OPEN:
        needed = ("submitted_at", "reviewer", "reviewed_at")
    for name in needed:
        if not row.cells.get(name):
            row.report.refuse(
                name, term("It is missing, and no version is {status} without.", status=status)
            )
    if row.cells.get("reviewer") and row.cells["reviewer"] == row.cells.get("author"):
        row.report.refuse(
            "reviewer", term("Nobody reviews their own version: this is none's export.")
        )
    unasked = [name for name in DECISION if row.cells.get(name)] if status in OPEN else []
    for name in unasked:
        row.report.refuse(
            name, term("A version that is {status} is not decided on yet.", status=status)
        )


def _check_content(row: Row, version: NoticeVersion, *, is_in_use: bool) -> None:
    """Refuse a version that is or will be sent, if its content is not valid here and now.

    Past versions stay unchanged.
    """
    bodies, default = row.bodies, row.cells.get("default_locale", "")
    if default not in bodies:
        row.report.refuse(f"{BODY}{default}", term("The text in the default language is missing."))
    if row.cells.get("message_type") and not traits(version.notice.kind).has_message_type:
        row.report.refuse("message_type", term("Only a message has a message type."))
    if row.values.get("status") == VersionStatus.SCHEDULED and not row.cells.get("valid_from"):
        row.report.refuse(
            "valid_from", term("A scheduled version has the time from which it holds.")
        )
    start, end = row.values.get("valid_from"), row.values.get("valid_until")
    if start and end and start >= end:
        row.report.refuse(
            "valid_until", term("The notice would end before it starts: swap the times.")
        )
    if row.report.refusals or not is_in_use:
        return
    try:
        # Neither is checked, since both stay unchanged.
        content = replace(_content(row), nickname="", change_note="")
        content.normal_form(version.notice, is_restored=True)
    except ConsoleError as error:
        row.report.refuse_by(error)


def _content(row: Row) -> VersionContent:
    return VersionContent.read(row.cells, row.values)


def _set_provenance(version: NoticeVersion, row: Row, there: Known) -> None:
    version.status = row.values["status"]
    version.submitted_at = row.values.get("submitted_at")
    version.snippets = row.values.get("snippets", {})
    reviewer = row.cells["reviewer"]
    if reviewer and version.reviewer_ref == "":
        # Not the person's own ref: they decided elsewhere, and not here.
        version.reviewer_ref = f"{IMPORTED}{reviewer}"
        version.reviewer_name = row.cells["reviewer_name"] or reviewer
        version.reviewed_at = row.values.get("reviewed_at")
        version.reject_reason = row.cells["reject_reason"]


def _require_one_of_each(rows: list[Row], plan: NoticePlan, there: Known) -> None:
    """Refuse a second published or open version, including those that exist here."""
    after = {number: each.status for number, each in there.versions_of(plan.notice).items()}
    after |= {each.version.number: each.version.status for each in plan.versions}
    groups: dict[str, tuple[str, ...]] = {
        "published": (VersionStatus.PUBLISHED,),
        "scheduled": (VersionStatus.SCHEDULED,),
        "open": OPEN,
    }
    for word, statuses in groups.items():
        found = sorted(number for number, status in after.items() if status in statuses)
        if len(found) > 1:
            numbers = ", ".join(map(str, found))
            rows[-1].report.refuse(
                "status",
                term(
                    "The versions {numbers} would all be {word}, and one may be. Where one of "
                    "them is newer than the file, export anew.",
                    numbers=numbers,
                    word=word,
                ),
            )
