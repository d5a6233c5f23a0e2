"""The forms of playbooks. Their stages are rows that can be added, moved and taken out, with or
without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.accounts.models import Team
from console.editing.forms import EditForm
from console.editing.revision import State
from console.errors import ConsoleError
from console.incidents.models import Reach
from console.incidents.playbook_content import (
    MINUTES_MOST,
    NAME_LENGTH,
    NOTE_LENGTH,
    STAGES_MOST,
    PlaybookContent,
    StageContent,
)
from console.interactions.audience.audience import Audience
from console.text.form_fields import LineField, TextField

COUNT = "stages"
AUDIENCE_LENGTH = 4000


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage as it was typed. Numbers are text."""

    name: str = ""
    notice: str = ""
    reach: str = Reach.MATCHING.value
    minutes: str = ""
    is_standing: bool = False
    canary_size: str = ""
    canary_minutes: str = ""

    @classmethod
    def of(cls, stage: Mapping[str, Any]) -> "StageRow":
        read = StageContent.of(stage)
        return cls(
            name=read.name,
            notice=read.notice,
            reach=read.reach,
            minutes=_written(read.update_minutes),
            is_standing=read.is_standing,
            canary_size=_written(read.canary_size),
            canary_minutes=_written(read.canary_minutes),
        )

    @classmethod
    def typed(cls, data: QueryDict, number: int) -> "StageRow":
        def value(name: str) -> str:
            return str(data.get(f"stage-{number}-{name}", "")).strip()

        return cls(
            name=value("name"),
            notice=value("notice"),
            reach=value("reach") or Reach.MATCHING.value,
            minutes=value("minutes"),
            is_standing=bool(value("standing")),
            canary_size=value("canary-size"),
            canary_minutes=value("canary-minutes"),
        )

    @property
    def is_blank(self) -> bool:
        return not (self.name or self.notice or self.minutes)

    @property
    def has_canary(self) -> bool:
        return bool(self.canary_size or self.canary_minutes)

    def content(self, number: int) -> StageContent:
        """Return the stage. Raises ValidationError for what should be a number and is none."""
        return StageContent(
            name=self.name,
            notice=self.notice,
            reach=self.reach,
            update_minutes=_read(number, self.minutes),
            is_standing=self.is_standing,
            canary_size=_read(number, self.canary_size),
            canary_minutes=_read(number, self.canary_minutes),
        )


def _written(number: int | None) -> str:
    return "" if number is None else str(number)


def _read(number: int, typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdecimal()):
        words = _(
            "Stage %(number)s: write minutes and chats as whole numbers, or leave them empty."
        )
        raise forms.ValidationError(words % {"number": number})
    return int(typed[:9])


def typed_rows(data: QueryDict) -> list[StageRow]:
    """Return the rows of a form as they were typed, in their order."""
    count = data.get(COUNT, "")
    number = int(count) if count.isascii() and count.isdecimal() and len(count) < 3 else 0
    return [StageRow.typed(data, each) for each in range(1, min(number, STAGES_MOST + 1) + 1)]


def changed_rows(rows: Sequence[StageRow], change: str) -> list[StageRow]:
    """Return the rows after a button for rows was pressed: add, up-2, down-1 or remove-3."""
    found = list(rows)
    what, _dash, number = change.partition("-")
    at = int(number) - 1 if number.isascii() and number.isdecimal() and len(number) < 3 else -1
    if what == "add" and len(found) < STAGES_MOST:
        found.append(StageRow(reach=Reach.GOT_EARLIER.value if found else Reach.MATCHING.value))
    elif what == "remove" and 0 <= at < len(found):
        del found[at]
    elif what == "up" and 0 < at < len(found):
        found[at - 1], found[at] = found[at], found[at - 1]
    elif what == "down" and 0 <= at < len(found) - 1:
        found[at + 1], found[at] = found[at], found[at + 1]
    return found


class PlaybookForm(EditForm):
    """The content of a playbook's next version. The values have it as `content`."""

    audience = TextField(
        label=gettext_lazy("Audience"),
        max_length=AUDIENCE_LENGTH,
        help_text=gettext_lazy(
            "Which live chats are affected, such as queue:billing data.Plan:gold. "
            "Every live chat: everyone."
        ),
        error_messages={"required": gettext_lazy("Say which live chats are affected.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    stages = forms.Field(label=gettext_lazy("Stages"), required=False)
    is_for_emergency = forms.BooleanField(
        label=gettext_lazy("It may be started by the emergency path"), required=False
    )
    change_note = TextField(
        label=gettext_lazy("What has changed, for the reviewer"),
        max_length=NOTE_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        state: State | None = None,
        rows: Sequence[StageRow] | None = None,
        given: QueryDict | None = None,
    ) -> None:
        """`rows` and `given` fill the form with what was typed, without checking it."""
        initial: dict[str, Any] = {"audience": audience_text(state["audience"])} if state else {}
        if given is not None:
            initial |= {name: given.get(name, "") for name in self.base_fields}
        super().__init__(data, state=state, initial=initial)
        self.has_typed = data is not None or given is not None
        stored = [StageRow.of(stage) for stage in state["stages"]] if state else []
        typed = stored if data is None else typed_rows(data)
        self.rows = list(typed if rows is None else rows) or [StageRow()]

    def clean_audience(self) -> Audience:
        try:
            return Audience.from_text(self.cleaned_data["audience"])
        except ConsoleError as refusal:
            raise forms.ValidationError(refusal.message) from refusal

    def clean_stages(self) -> list[StageContent]:
        filled = [row for row in self.rows if not row.is_blank]
        if not filled:
            raise forms.ValidationError(_("A playbook has at least one stage."))
        return [row.content(number) for number, row in enumerate(filled, 1)]

    @property
    def content(self) -> PlaybookContent:
        given = self.cleaned_data
        return PlaybookContent(
            audience=given["audience"].to_mapping(),
            stages=given["stages"],
            is_for_emergency=given["is_for_emergency"],
            change_note=given["change_note"],
        )

    def differences(self, saved: State) -> dict[str, Any]:
        """Versions are pinned at the submission, and nobody types them."""
        stages = [asdict(replace(StageContent.of(one), version=None)) for one in saved["stages"]]
        return super().differences({**saved, "stages": stages})

    def typed_state(self) -> State:
        given = self.content
        return {
            "audience": dict(given.audience),
            "stages": [asdict(stage) for stage in given.stages],
            "is_for_emergency": given.is_for_emergency,
            "change_note": given.change_note.strip(),
        }

    def in_words(self, name: str, value: Any) -> str:
        if name == "audience":
            return audience_text(value)
        if name == "stages":
            return "; ".join(stage_words(stage) for stage in value)
        return super().in_words(name, value)


class NewPlaybookForm(PlaybookForm):
    """A new playbook, with its first version."""

    title = LineField(label=gettext_lazy("Title"), max_length=200)
    key = LineField(
        label=gettext_lazy("Key"),
        max_length=100,
        help_text=gettext_lazy("Small letters, digits and hyphens, such as payments-down."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        label=gettext_lazy("Team"),
        required=False,
        empty_label=gettext_lazy("Everybody"),
    )

    field_order = ("title", "key", "team")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.order_by("name")  # type: ignore[attr-defined]


def audience_text(audience: Mapping[str, Any]) -> str:
    """Return an audience in its text form."""
    return Audience.from_mapping(audience).to_text()


def stage_words(stage: Mapping[str, Any]) -> str:
    """Return what a stage says, in one line."""
    words = [f"{stage['name']}: {stage['notice']}", str(Reach(stage["reach"]).label)]
    if stage["update_minutes"] is not None:
        words.append(_("next update after %(n)s min") % {"n": stage["update_minutes"]})
    if stage["is_standing"]:
        words.append(_("stands"))
    if stage.get("canary_size"):
        size = stage["canary_size"]
        words.append(ngettext("first to %(n)s chat", "first to %(n)s chats", size) % {"n": size})
    return ", ".join(words)


# For the template.
LIMITS = {"name": NAME_LENGTH, "minutes": MINUTES_MOST, "stages": STAGES_MOST}
