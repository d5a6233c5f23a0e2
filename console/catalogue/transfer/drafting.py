"""Plans a person's import: every difference becomes a draft of theirs, for others to approve.

A column that the file lacks changes nothing, so a translator's file may have only the key and one
language. The file's authors, reviewers and statuses are ignored.
"""

from typing import Any

from console.accounts.models import Team
from console.catalogue.content.version_content import BODY, COLUMNS, MOMENTS, VersionContent
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus, Visibility
from console.catalogue.transfer.columns import NOTICE_FACTS
from console.catalogue.transfer.exporting import IMPORTED, notice_cells
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
from console.text.inputs import ALL
from console.text.language_tags import spelled_as
from console.text.sentences import term

FACTS = tuple(name for name in NOTICE_FACTS if name != "retired_at")
IN_USE = (VersionStatus.SCHEDULED, VersionStatus.PUBLISHED)
NO_NEW_NAMES = {"new_title": "", "new_shortcut": ""}
CURRENT = ("", *OPEN, *IN_USE)


def plan_drafted(rows: list[Row], there: Known) -> NoticePlan | None:
    """Return what the rows of one key will write, or None. Problems are in the rows' reports."""
    row = _current(rows)
    if refuse_the_others(rows):
        return None
    before = there.notices.get(row.key)
    names = _names_to_review(row, before, there)
    plan = _plan_facts(row, before, there)
    if not row.report.refusals:
        _plan_draft(row, plan, names, there)
    if refuse_the_others(rows):
        return None
    return plan if plan.writes else None


def _current(rows: list[Row]) -> Row:
    """Return the row to import: the newest that is open or published. The others are history."""
    newest = max(
        rows,
        key=lambda row: (row.values.get("status", "") in CURRENT, row.values.get("version", 0)),
    )
    for row in rows:
        if row is not newest and "version" not in row.values:
            row.report.refuse(
                "key", term("Row {row} has this notice already. Keep one.", row=newest.number)
            )
    return newest


def _names_to_review(row: Row, before: CannedNotice | None, there: Known) -> dict[str, str]:
    """Return a new title or shortcut of a notice that people can send: a version brings it."""
    versions = there.versions_of(before).values()
    if before is None or not any(each.status in IN_USE for each in versions):
        return {}
    known, names = notice_cells(before), {}
    for name in ("title", "shortcut"):
        if row.cells.get(name) and row.cells[name] != known[name]:
            names[f"new_{name}"] = row.cells[name]
            row.cells[name] = known[name]
    return names


def _plan_facts(row: Row, before: CannedNotice | None, there: Known) -> NoticePlan:
    report = row.report
    known = notice_cells(before) if before else {}
    _read_team(row, known.get("team", ""))
    facts = {name: row.cells.get(name, known.get(name, "")) for name in FACTS}
    notice = before or CannedNotice(key=row.key)
    plan = NoticePlan(notice, facts["category"], facts["team"], before is None)
    report.is_new = before is None
    for name in ("kind", "title"):
        if not facts[name]:
            report.refuse(name, term("Give the notice a {name}.", name=name))
    if before is not None:
        _check_known(row, before, there)
    _check_team(row, facts["team"], there)
    check_place(row, facts["category"], facts["team"], there)
    if not report.refusals:
        plan.is_changed = report.compare(known, facts) and before is not None
        notice.kind, notice.title = facts["kind"], facts["title"]
        notice.tags = row.values.get("tags", [] if not facts["tags"] else notice.tags)
        notice.shortcut = facts["shortcut"]
    return plan


def _check_known(row: Row, before: CannedNotice, there: Known) -> None:
    report, actor = row.report, there.actor
    if not actor.sees_team(before.team_id):
        report.refuse(
            "key", term("This key is taken by a notice of another team. Choose another key.")
        )
    if row.cells.get("kind") and row.cells["kind"] != before.kind:
        report.refuse(
            "kind", term("The notice is a {kind} here, and its kind is for ever.", kind=before.kind)
        )
    if before.retired_at is not None:
        report.refuse(
            "key", term("The notice is retired here and can't be changed. Choose another key.")
        )


def _read_team(row: Row, before: str) -> None:
    """Read the team's cell.

    A star means all teams; an empty cell is refused if the notice has a team.
    """
    said = row.cells.get("team")
    if said == ALL:
        row.cells["team"] = ""
    elif said == "" and before:
        row.report.refuse(
            "team",
            term(
                "The notice is the team {before}'s own: write that, or {all} for all teams.",
                before=before,
                all=ALL,
            ),
        )


def _check_team(row: Row, name: str, there: Known) -> None:
    team: Team | None = there.teams.get(name)
    if name and team is None:
        row.report.refuse(
            "team",
            term(
                "There is no team named {name}. An administrator can create it under People; "
                "{all} is for all teams.",
                name=name,
                all=ALL,
            ),
        )
    elif team is not None and not there.actor.sees_team(team.pk):
        row.report.refuse(
            "team",
            term(
                "You are not in the team {name}. Choose one of yours, or {all} for all teams.",
                name=name,
                all=ALL,
            ),
        )


def _plan_draft(row: Row, plan: NoticePlan, names: dict[str, str], there: Known) -> None:
    """Plan a draft if the content differs from that of the version on which it is based."""
    versions = there.versions_of(plan.notice)
    opened = next((each for each in versions.values() if each.status in OPEN), None)
    base = opened or next(
        (each for each in reversed(versions.values()) if each.status in CURRENT), None
    )
    known = VersionContent.of(base).cells() if base else {}
    if base is not None and base.status == VersionStatus.PUBLISHED:
        known |= NO_NEW_NAMES
    said = {
        name: cell for name, cell in row.cells.items() if name in COLUMNS or name.startswith(BODY)
    }
    said |= names
    for name in NO_NEW_NAMES:
        if said.get(name) == getattr(plan.notice, name.removeprefix("new_")):
            said[name] = ""
    after = known | _as_known(said, known)
    if not any(cell for name, cell in after.items() if name.startswith(BODY)):
        if plan.is_new:
            locale = after.get("default_locale") or "en"
            row.report.refuse(
                f"{BODY}{locale}", term("Give the notice a text: it is new, and has none.")
            )
        return
    if "visibility" in said and not said["visibility"] and not after.get("preset"):
        _require_who_sees_it(row, known)
    _require_times_said(row, said, known)
    _complete(after, known, there)
    ignored = {"change_note"}
    if all(known.get(name, "") == cell for name, cell in after.items() if name not in ignored):
        return
    draft = _draft_of(row, plan.notice, opened, versions, there)
    if draft is None:
        return
    if not after["change_note"] or after["change_note"] == known.get("change_note"):
        after["change_note"] = f"Imported from {there.file_name}"
    try:
        _content(after, row, base, there).normal_form(plan.notice).set_on(draft.version)
    except ConsoleError as error:
        row.report.refuse_by(error)
        return
    row.report.compare(known, after)
    draft.preset = after["preset"]
    plan.versions.append(draft)


def _as_known(said: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Assign a text to the version's tag for the same language: body:nb continues body:no.

    An empty cell says nothing about the other tag. If two cells mean one language, they are refused
    later.
    """
    there = [name.removeprefix(BODY) for name in known if name.startswith(BODY)]
    found = dict(said)
    for name, cell in said.items():
        if cell and name.startswith(BODY):
            spelled = f"{BODY}{spelled_as(name.removeprefix(BODY), there)}"
            if spelled not in found:
                found[spelled] = found.pop(name)
    return found


def _require_who_sees_it(row: Row, known: dict[str, str]) -> None:
    """Refuse an empty cell if the present version is for staff: everyone would see the text."""
    before = known.get("visibility", "") or Visibility.ALL
    if before != Visibility.ALL:
        row.report.refuse(
            "visibility",
            term(
                "It is empty, and the version of now is for {before}. Say who sees it: {known}.",
                before=before,
                known=Visibility.values,
            ),
        )


def _require_times_said(row: Row, said: dict[str, str], known: dict[str, str]) -> None:
    """Refuse an empty cell if the present version has a start or an end, which would be dropped.

    A star removes it.
    """
    for name in MOMENTS:
        if said.get(name) == "" and known.get(name) and name not in row.values:
            row.report.refuse(
                name,
                term(
                    "It is empty, and the version of now has {value}. Write that, or {all} for no "
                    "such time.",
                    value=known[name],
                    all=ALL,
                ),
            )


def _complete(after: dict[str, str], known: dict[str, str], there: Known) -> None:
    """Fill in the columns that a person may leave out."""
    bodies = [name for name, cell in after.items() if cell and name.startswith(BODY)]
    for name in COLUMNS:
        after.setdefault(name, "")
    if not after["default_locale"]:
        only = bodies[0].removeprefix(BODY) if len(bodies) == 1 else "en"
        after["default_locale"] = known.get("default_locale") or only
    preset = there.presets.get(after["preset"])
    is_other = after["preset"] != known.get("preset", "")
    if preset is not None and (is_other or not after["visibility"]):
        after["visibility"] = after["visibility"] or preset.visibility
    after["visibility"] = after["visibility"] or Visibility.ALL
    if preset is not None:
        after["nickname"] = after["nickname"] or preset.nickname


def _draft_of(
    row: Row,
    notice: CannedNotice,
    opened: NoticeVersion | None,
    versions: dict[int, NoticeVersion],
    there: Known,
) -> VersionPlan | None:
    """Return the person's own draft to continue, or the next version.

    They may replace a draft that was imported, since its author has no account here.
    """
    actor = there.actor
    if opened is not None and opened.status == VersionStatus.DRAFT:
        if opened.author_ref == actor.ref:
            return VersionPlan(opened, "", before=VersionStatus.DRAFT)
        if opened.author_ref.startswith(IMPORTED):
            version = _next(notice, opened.number, there)
            return VersionPlan(version, "", takes_over=opened.pk)
    if opened is not None:
        row.report.refuse(
            "key",
            term(
                "Version {number} by {author} is not decided yet. Have that one decided first.",
                number=opened.number,
                author=opened.author_name,
            ),
        )
        return None
    return VersionPlan(_next(notice, max(versions, default=0) + 1, there), "")


def _next(notice: CannedNotice, number: int, there: Known) -> NoticeVersion:
    actor = there.actor
    return NoticeVersion(notice=notice, number=number, author_ref=actor.ref, author_name=actor.name)


def _content(
    after: dict[str, str], row: Row, base: NoticeVersion | None, there: Known
) -> VersionContent:
    if after["preset"] and after["preset"] not in there.presets:
        row.report.refuse("preset", term("There is no such preset, neither here nor in the file."))
    moments = {
        name: row.values.get(name) if name in row.cells else getattr(base, name, None)
        for name in MOMENTS
    }
    return VersionContent.read(after, {**moments, "fields": _fields(row, base)})


def _fields(row: Row, base: NoticeVersion | None) -> list[Any]:
    """Return the fields from the file, or else the present ones."""
    if "fields" in row.cells:
        found: list[Any] = row.values.get("fields", [])
        return found
    return [] if base is None else list(base.fields)
