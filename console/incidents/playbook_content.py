"""What a playbook's version says: its audience and its stages, checked and in its normal form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from console.actors import Actor
from console.catalogue.content.questions import answered
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion
from console.catalogue.selectors import notice_get, versions
from console.database.clock import near_now
from console.errors import ConsoleError, InvalidInput
from console.incidents.models import PlaybookVersion, Reach
from console.interactions.audience.audience import Audience
from console.interactions.selectors import interactions_visible
from console.sends.plan.planner import pinned_version
from console.sends.plan.values import Canary
from console.text.inputs import read_line
from console.text.sentences import term

STAGES_MOST = 10
MINUTES_MOST = 24 * 60
NAME_LENGTH = 60
NOTE_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class StageContent:
    """One stage. `version` is the number of the notice's version; None in a draft, where it means
    the one that is in effect. `update_minutes` is the time until the next update is due; None if
    none is. `is_standing`: chats that newly match get its text too. `canary_size` and
    `canary_minutes`: it goes to its first chats first (Canary)."""

    name: str
    notice: str
    reach: str = Reach.MATCHING
    update_minutes: int | None = None
    is_standing: bool = False
    canary_size: int | None = None
    canary_minutes: int | None = None
    version: int | None = None

    @property
    def canary(self) -> Canary | None:
        """To how many chats it goes first. Raises InvalidInput for numbers out of range."""
        if self.canary_size is None:
            return None
        return Canary(self.canary_size, self.canary_minutes)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `PlaybookContent.stages` stores."""
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class PlaybookContent:
    """A version's content. `audience` is an audience in JSON; `stages` are in their order."""

    audience: Mapping[str, Any]
    stages: Sequence[StageContent]
    is_for_emergency: bool = False
    change_note: str = ""

    @classmethod
    def of(cls, version: PlaybookVersion) -> Self:
        return cls(
            audience=version.audience,
            stages=tuple(StageContent.of(raw) for raw in version.stages),
            is_for_emergency=version.is_for_emergency,
            change_note=version.change_note,
        )

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read JSON or a form's values. Raises InvalidInput for another shape."""
        stages = raw.get("stages")
        if not isinstance(stages, list | tuple):
            raise invalid_content("stages", "Give the stages as a list.")
        return cls(
            audience=raw.get("audience") or {},
            stages=tuple(_read_stage(number, each) for number, each in enumerate(stages, 1)),
            is_for_emergency=bool(raw.get("is_for_emergency", False)),
            change_note=str(raw.get("change_note", "")),
        )

    def normal_form(self, actor: Actor) -> Self:
        """Return the content as it is stored. Raises InvalidInput for an audience that can't be
        read, and for stages that can't be carried out."""
        audience = Audience.from_mapping(self.audience)
        audience.to_condition(actor)
        if not 1 <= len(self.stages) <= STAGES_MOST:
            raise invalid_content("stages", "A playbook has 1 to {most} stages.", most=STAGES_MOST)
        stages = tuple(
            _checked(actor, number, stage) for number, stage in enumerate(self.stages, 1)
        )
        if stages[0].reach != Reach.MATCHING:
            raise invalid_content("stages", "The first stage reaches all who match the audience.")
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise invalid_content("stages", "Give each stage a name of its own.")
        if len(self.change_note) > NOTE_LENGTH:
            raise invalid_content(
                "change_note", "A note has at most {most:,} characters.", most=NOTE_LENGTH
            )
        return replace(
            self,
            audience=audience.to_mapping(),
            stages=stages,
            change_note=self.change_note.strip(),
        )

    def pinned(self, actor: Actor) -> Self:
        """Return the content with the versions of the notices that are in effect now. Raises
        InvalidInput for a notice without one."""
        return replace(self, stages=tuple(_pinned(actor, stage) for stage in self.stages))

    def set_on(self, version: PlaybookVersion) -> None:
        version.audience = dict(self.audience)
        version.stages = [asdict(stage) for stage in self.stages]
        version.is_for_emergency = self.is_for_emergency
        version.change_note = self.change_note

    def ledger_data(self) -> dict[str, Any]:
        return {
            "audience": dict(self.audience),
            "stages": [asdict(stage) for stage in self.stages],
            "is_for_emergency": self.is_for_emergency,
            "change_note": self.change_note,
        }


def _read_stage(number: int, raw: object) -> StageContent:
    known = set(StageContent.__dataclass_fields__)
    if not isinstance(raw, Mapping) or set(raw) - known or not {"name", "notice"} <= set(raw):
        raise invalid_content(
            "stages",
            "Stage {number} has a name, a notice, and what else is in the docs.",
            number=number,
        )
    minutes = raw.get("update_minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int | None):
        raise _minutes(number)
    return StageContent(
        name=str(raw["name"]),
        notice=str(raw["notice"]),
        reach=str(raw.get("reach", Reach.MATCHING)),
        update_minutes=minutes,
        is_standing=bool(raw.get("is_standing", False)),
        canary_size=_whole(number, raw.get("canary_size")),
        canary_minutes=_whole(number, raw.get("canary_minutes")),
    )


def _whole(number: int, raw: object) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, int | None):
        raise invalid_content("stages", "Stage {number}: use whole numbers.", number=number)
    return raw


def _checked(actor: Actor, number: int, stage: StageContent) -> StageContent:
    name = read_line(stage.name, what=term("The name of a stage"), field="stages")
    if not name or len(name) > NAME_LENGTH:
        raise invalid_content(
            "stages",
            "Give stage {number} a name of at most {most} characters.",
            number=number,
            most=NAME_LENGTH,
        )
    if stage.reach not in Reach.values:
        raise invalid_content(
            "stages",
            "Stage {number} reaches one of {known}.",
            number=number,
            known=Reach.values,
        )
    if stage.update_minutes is not None and not 1 <= stage.update_minutes <= MINUTES_MOST:
        raise _minutes(number)
    if stage.canary is None and stage.canary_minutes is not None:
        raise invalid_content(
            "stages", "Stage {number}: say to how many chats it goes first.", number=number
        )
    try:
        notice = notice_get(actor, stage.notice)
    except ConsoleError as error:
        raise invalid_content(
            "stages", "Stage {number}: {said}", number=number, said=error.said
        ) from error
    if not traits(notice.kind).is_sent or notice.retired_at is not None:
        raise invalid_content(
            "stages",
            "Stage {number}: the notice {notice} can't be sent. Choose another.",
            number=number,
            notice=notice.key,
        )
    return replace(stage, name=name, notice=notice.key)


def _pinned(actor: Actor, stage: StageContent) -> StageContent:
    notice = notice_get(actor, stage.notice)
    version = versions(actor, notice).in_effect(near_now()).first()
    if version is None:
        raise invalid_content(
            "stages",
            "The stage {name}: the notice {notice} has no published version. Have it published "
            "first.",
            name=stage.name,
            notice=stage.notice,
        )
    return replace(stage, version=version.number)


def _minutes(number: int) -> InvalidInput:
    return invalid_content(
        "stages",
        "Stage {number}: the next update is due after 1 to {most:,} minutes, or leave it empty.",
        number=number,
        most=MINUTES_MOST,
    )


def invalid_content(field: str, message: str, /, **params: Any) -> InvalidInput:
    return InvalidInput("invalid_playbook", message, {"field": field}, **params)


def stage_contents(version: PlaybookVersion) -> list[StageContent]:
    """Return the stages of a version, in their order."""
    return [StageContent.of(raw) for raw in version.stages]


def notice_versions(actor: Actor, version: PlaybookVersion) -> list[NoticeVersion]:
    """Return the pinned version of each stage's notice. Raises NotFound and Unprocessable."""
    return [
        pinned_version(actor, stage.notice, stage.version or 0) for stage in stage_contents(version)
    ]


def questions_of(pinned: Sequence[NoticeVersion]) -> list[dict[str, Any]]:
    """Return the questions of all these notices, each name once, in their order."""
    by_name: dict[str, dict[str, Any]] = {}
    for version in pinned:
        for question in version.fields:
            by_name.setdefault(question["name"], question)
    return list(by_name.values())


def answers_for(version: NoticeVersion, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the answers that this notice asks for."""
    asked = {question["name"] for question in version.fields}
    return {name: answer for name, answer in answers.items() if name in asked}


def require_answered(pinned: Sequence[NoticeVersion], answers: Mapping[str, Any]) -> None:
    """Raise Unprocessable unless each stage's notice has its answers, before the first is sent: no
    later stage must fail for a missing one."""
    asked = {question["name"] for question in questions_of(pinned)}
    unknown = sorted(set(answers) - asked)
    if unknown:
        raise InvalidInput(
            "unknown_field",
            "No stage asks for {name}.",
            {"field": unknown[0]},
            name=unknown[0],
        )
    for version in pinned:
        answered(version.fields, answers_for(version, answers))


def matching_now(actor: Actor, audience: Audience) -> int:
    """Return how many live chats that the actor sees match."""
    return interactions_visible(actor, audience).count()
