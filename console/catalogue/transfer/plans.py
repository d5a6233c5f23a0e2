"""What an import will write, and the present catalogue with which it is compared."""

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass, field

from console.accounts.models import Team
from console.actors import Actor
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
from console.catalogue.transfer.exporting import IMPORTED, preset_cells, user_names
from console.catalogue.transfer.reading import Row
from console.catalogue.transfer.reports import RowReport
from console.text.inputs import ALL
from console.text.sentences import term

KEYS_A_QUERY = 5000
PRESET_FACTS: tuple[str, ...] = ("visibility", "nickname", "roles")
OPEN = (VersionStatus.DRAFT, VersionStatus.IN_REVIEW)


@dataclass(slots=True)
class VersionPlan:
    """The planned state of a version.

    `before` is its present status, "" for a new one; `takes_over` is the id of a draft that it
    replaces.
    """

    version: NoticeVersion
    preset: str
    before: str = ""
    takes_over: int | None = None


@dataclass(slots=True)
class NoticePlan:
    """The planned state of a notice, with its versions that are new or change."""

    notice: CannedNotice
    category: str
    team: str
    is_new: bool
    is_changed: bool = False
    versions: list[VersionPlan] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        return self.is_new or self.is_changed or bool(self.versions)


@dataclass(slots=True)
class Plan:
    """What will be written for the rows that are not refused."""

    rows: list[RowReport]
    presets: list[VisibilityPreset] = field(default_factory=list)
    # The name of the team by path.
    categories: dict[str, str] = field(default_factory=dict)
    notices: list[NoticePlan] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        return any(row.refusals for row in self.rows)


@dataclass(slots=True)
class Known:
    """The present state of the notices that a file names, read at once."""

    actor: Actor
    file_name: str
    is_restore: bool
    notices: dict[str, CannedNotice]
    versions: dict[int, dict[int, NoticeVersion]]
    presets: dict[str, VisibilityPreset]
    # Names of presets that are not approved yet.
    proposed: set[str]
    teams: dict[str, Team]
    # The name of the team by path, including the categories of the file.
    categories: dict[str, str]
    names: dict[str, str]
    refs: dict[str, str]

    def preset_waiting(self, name: str, content: dict[str, str]) -> bool:
        """Return whether the person has an open proposal of a preset with this content."""
        from_actor = PresetChange.objects.filter(
            status=ChangeStatus.IN_REVIEW, author_ref=self.actor.ref, name=name
        )
        return any(preset_cells(change).items() >= content.items() for change in from_actor)

    def versions_of(self, notice: CannedNotice | None) -> dict[int, NoticeVersion]:
        return {} if notice is None or notice.pk is None else self.versions.get(notice.pk, {})

    def author_ref(self, exported: str) -> str:
        """Return the ref of a version's author: their account here, or else an imported name."""
        return self.refs.get(exported, f"{IMPORTED}{exported}")


def known(actor: Actor, file_name: str, keys: Collection[str], *, restore: bool) -> Known:
    """Read what the rows of a file are compared with."""
    found: dict[str, CannedNotice] = {}
    versions: dict[int, dict[int, NoticeVersion]] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), KEYS_A_QUERY):
        part = wanted[start : start + KEYS_A_QUERY]
        notices = CannedNotice.objects.filter(key__in=part).select_related("category", "team")
        found |= {notice.key: notice for notice in notices}
        of_them = NoticeVersion.objects.filter(notice__key__in=part).select_related("preset")
        for version in of_them.order_by("number"):
            versions.setdefault(version.notice_id, {})[version.number] = version
    names = user_names()
    return Known(
        actor=actor,
        file_name=file_name,
        is_restore=restore,
        notices=found,
        versions=versions,
        presets={
            preset.name: preset for preset in VisibilityPreset.objects.filter(is_approved=True)
        },
        proposed=set(
            VisibilityPreset.objects.filter(is_approved=False).values_list("name", flat=True)
        ),
        categories={
            each.path: each.team.name if each.team else ""
            for each in Category.objects.select_related("team")
        },
        teams={team.name: team for team in Team.objects.all()},
        names=names,
        refs={name: ref for ref, name in names.items()},
    )


def plan_presets(rows: list[Row], there: Known) -> list[VisibilityPreset]:
    """Return the new and changed presets, and add them to `there`, since notices may name them."""
    planned = []
    seen: dict[str, int] = {}
    for row in rows:
        name = row.cells.get("preset", "")
        if name in seen:
            row.report.refuse(
                "preset",
                term("Row {row} has this preset already. Keep one.", row=seen[name]),
            )
        seen.setdefault(name, row.number)
        if there.is_restore and name in there.proposed:
            row.report.refuse(
                "preset",
                term("It is proposed here and not decided yet. Have it approved or rejected."),
            )
        before = there.presets.get(name)
        preset = before or VisibilityPreset(name=name, visibility="")
        names = [name for name in PRESET_FACTS if name in row.cells]
        after = {name: row.cells[name] for name in names}
        _require_said(row, preset, after, there)
        if row.report.refusals:
            continue
        row.report.is_new = before is None
        if not there.is_restore and there.preset_waiting(name, after):
            row.report.is_new = False
            continue
        if not row.report.compare(preset_cells(preset), after) and before is not None:
            continue
        if not there.is_restore:
            preset = copy(preset)
        preset.visibility = after.get("visibility") or preset.visibility
        preset.nickname = after.get("nickname", preset.nickname)
        preset.roles = row.values.get("roles", [] if "roles" in after else preset.roles)
        if there.is_restore:
            there.presets[name] = preset
        planned.append(preset)
    return planned


def _require_said(row: Row, preset: VisibilityPreset, after: dict[str, str], there: Known) -> None:
    """Refuse the row where it leaves open who sees or uses the preset."""
    if not (after.get("visibility") or preset.visibility):
        row.report.refuse("visibility", term("Say who sees it: ALL, INT or VIP."))
    unsaid = after.get("roles") == "" and "roles" not in row.values
    if unsaid and preset.roles and not there.is_restore:
        row.report.refuse(
            "roles", term("Say who may use it: some roles, or {all} for everybody.", all=ALL)
        )


def plan_categories(rows: list[Row], there: Known) -> dict[str, str]:
    """Return the new categories, and add them to `there`, since notices may name them."""
    planned: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: len(row.values.get("category", ()))):
        path, team = row.cells.get("category", ""), row.cells.get("team", "")
        above = path.rpartition(CATEGORY_SEPARATOR)[0]
        if not path:
            row.report.refuse("category", term("Give the category a name."))
        elif there.categories.get(path, team) != team:
            row.report.refuse(
                "team", term("The category is another team's here. Choose another name.")
            )
        elif there.categories.get(above) and there.categories[above] != team:
            row.report.refuse(
                "team", term("What is in {above} is of the team of that.", above=above)
            )
        elif team and team not in there.teams and not there.is_restore:
            row.report.refuse("team", term("There is no team named {team}.", team=team))
        elif team in there.teams and not there.actor.sees_team(there.teams[team].pk):
            row.report.refuse("team", term("You are not in the team {team}.", team=team))
        elif not row.report.refusals and path not in there.categories:
            row.report.is_new = True
            row.report.compare({}, {"category": path, "team": team})
            there.categories[path] = planned[path] = team
    return planned


def check_place(row: Row, category: str, team: str, there: Known) -> None:
    """Refuse the row if a notice of this team can't be in this category."""
    parts = category.split(CATEGORY_SEPARATOR)
    for depth in range(1, len(parts) + 1):
        of_team = there.categories.get(CATEGORY_SEPARATOR.join(parts[:depth]), "")
        if of_team and of_team != team:
            row.report.refuse(
                "category",
                term(
                    "The category is the team {of_team}'s own. Give the notice to that team too, "
                    "or choose another category.",
                    of_team=of_team,
                ),
            )
            return


def refuse_the_others(rows: list[Row]) -> bool:
    """Refuse all rows of a notice if one of them is refused, and return whether that is so.

    A notice is never imported in part.
    """
    bad = next((row for row in rows if row.report.refusals), None)
    if bad is None:
        return False
    for row in rows:
        if not row.report.refusals:
            row.report.refuse(
                "",
                term("Row {number} of the same notice is refused: see there.", number=bad.number),
            )
    return True
