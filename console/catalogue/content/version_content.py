"""The content of a notice version: the one list of what an author writes.

Services, the revision, the ledger, files, imports and the comparison all follow the fields of
`VersionContent`. A new field is added here, to the model with its migration, to the form and the
template of the editor, and to the API's serializer.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.catalogue.content.bodies import check_bodies, check_fields
from console.catalogue.content.notices import read_new_names
from console.catalogue.content.questions import declared
from console.catalogue.kinds import traits
from console.catalogue.models import (
    CannedNotice,
    NoticeClass,
    NoticeKind,
    NoticeVersion,
    Visibility,
    VisibilityPreset,
)
from console.catalogue.review.presets import known_visibility
from console.errors import InvalidInput, Unprocessable
from console.security.lookalikes import require_plain
from console.text.inputs import read_line
from console.text.moments import moment_text
from console.text.sentences import term
from console.text.visible import is_blank

BODY = "body:"  # prefix of the columns of texts
NOTHING = "none"  # the revision if there is no version
# The first fields of a revision, in order. Further ones follow, so that revisions which editors
# hold stay valid when a field is added.
REVISION_FIRST = ("default_locale", "bodies", "fields", "new_title", "new_shortcut")
# What stands in a digest, the ledger and a file only if it differs from this, so that the older
# ones, which lack it, stay valid.
IF_OTHER_THAN = {"notice_class": NoticeClass.ROUTINE.value}
LABELS = {
    "visibility": _("Who sees it"),
    "notice_class": _("Class"),
    "default_locale": _("Default language"),
    "nickname": _("Nickname"),
    "message_type": "MessageType",
    "valid_from": _("Valid from"),
    "valid_until": _("Valid until"),
}
# What the ledger records of each version, and what it records only if it is not empty.
IN_LEDGER = ("visibility", "default_locale", "bodies", "change_note")
IN_LEDGER_IF_ANY = ("fields", "new_title", "new_shortcut")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionContent:
    """What an author writes in a version.

    `bodies` maps a locale to its text. `fields` are the questions to the sender
    (console.catalogue.content.questions). `visibility` and `nickname` override the preset's. If
    `visibility` is None, the preset's applies, or ALL without a preset. The notice takes
    `new_title` and `new_shortcut` once the version is published. An empty `notice_class` means
    routine.
    """

    default_locale: str
    bodies: Mapping[str, str]
    message_type: str = ""
    nickname: str = ""
    preset: VisibilityPreset | None = None
    visibility: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    change_note: str = ""
    fields: Sequence[Mapping[str, Any]] = ()
    new_title: str = ""
    new_shortcut: str = ""
    notice_class: str = NoticeClass.ROUTINE.value

    @classmethod
    def of(cls, version: NoticeVersion) -> Self:
        return cls(**{name: getattr(version, name) for name in CONTENT})

    @classmethod
    def read(cls, cells: Mapping[str, str], values: Mapping[str, Any]) -> Self:
        """Read the content from a row of a file: its texts, and the moments and fields in `values`.

        The caller finds the preset by its name.
        """
        given: dict[str, Any] = {name: cells[name] for name in TEXTS}
        given |= {name: values[name] for name in (*MOMENTS, "fields") if values.get(name)}
        bodies = {
            name.removeprefix(BODY): cell
            for name, cell in cells.items()
            if cell and name.startswith(BODY)
        }
        return cls(bodies=bodies, **given)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with some fields changed.

        A new preset brings its own visibility, unless one is given beside it.
        """
        if changes.get("preset") is not None:
            changes = {"visibility": None, **changes}
        return replace(self, **changes)

    def normal_form(self, notice: CannedNotice, *, is_restored: bool = False) -> Self:
        """Return the content in the form that a version of `notice` stores: preset's visibility and
        nickname filled in, lines trimmed.

        Raises InvalidInput for content that can't be sent, and Unprocessable for a preset that is
        not approved. A version restored from an export may have one language under two of its tags,
        as versions once could.
        """
        check_bodies(notice.kind, self.default_locale, self.bodies, is_restored=is_restored)
        questions = declared(self.fields)
        check_fields(notice.kind, self.bodies, questions)
        self._check_kind(notice.kind)
        self._check_validity()
        preset = self.preset
        if preset is not None and not preset.is_approved:
            raise Unprocessable(
                "preset_not_approved",
                "The preset {preset} is not approved yet. Choose another, or wait for that.",
                {"field": "preset"},
                preset=preset.name,
            )
        message_type = read_line(
            self.message_type, what=term("A message type"), field="message_type"
        )
        visibility = known_visibility(self._seen_by())
        nickname = read_line(self.nickname, what=term("A nickname"), field="nickname")
        require_plain(nickname, what=term("The nickname"), field="nickname")
        new_title, new_shortcut = read_new_names(notice, self.new_title, self.new_shortcut)
        return replace(
            self,
            bodies=dict(self.bodies),
            fields=questions,
            message_type=message_type,
            visibility=visibility,
            nickname=nickname or (preset.nickname if preset else ""),
            change_note="" if is_blank(self.change_note) else self.change_note,
            new_title=new_title,
            new_shortcut=new_shortcut,
            notice_class=_known_class(self.notice_class),
        )

    def _seen_by(self) -> str:
        if self.visibility is not None:  # an empty one is invalid, and never means everyone
            return self.visibility
        return self.preset.visibility if self.preset else Visibility.ALL

    def _check_kind(self, kind: str) -> None:
        if self.message_type and not traits(kind).has_message_type:
            raise InvalidInput(
                "message_type_without_message",
                "Only a message has a message type; leave it empty for this kind of notice.",
            )
        if kind == NoticeKind.SNIPPET and (
            self._seen_by() != Visibility.ALL or self.valid_from or self.valid_until
        ):
            raise InvalidInput(
                "snippet_not_by_itself",
                "A snippet has no visibility and no times of its own: it is seen, and lasts, as "
                "the texts in which it stands. Let everyone see it (ALL), and take the times out.",
            )
        if kind == NoticeKind.SNIPPET and is_said("notice_class", self.notice_class):
            raise InvalidInput(
                "snippet_without_class",
                "A snippet has no class of its own: it goes with the texts in which it stands. "
                "Leave its class at routine.",
                {"field": "notice_class"},
            )

    def _check_validity(self) -> None:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise InvalidInput(
                "validity_reversed", "The notice would end before it starts: swap the two times."
            )

    def set_on(self, version: NoticeVersion) -> None:
        """Set this content on the version, unchecked."""
        for name in CONTENT:
            setattr(version, name, getattr(self, name))
        version.notice_class = self.notice_class or NoticeClass.ROUTINE.value
        version.bodies, version.fields = dict(self.bodies), list(map(dict, self.fields))

    def cells(self) -> dict[str, str]:
        """Return its cells in a file. An empty cell means an empty value, and so does none."""
        texts = {f"{BODY}{locale}": body for locale, body in self.bodies.items()}
        columns = {name: getattr(self, name) for name in COLUMNS}
        said = {name: _cell(value) for name, value in columns.items() if is_said(name, value)}
        return said | texts

    def database_columns(self) -> dict[str, Any]:
        """Return its database columns with their values."""
        preset = self.preset
        values = {name: getattr(self, name) for name in CONTENT if name != "preset"}
        return {**values, "preset_id": preset.pk if preset else None}

    def ledger_data(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in IN_LEDGER}
        said |= {name: it for name in IN_LEDGER_IF_ANY if (it := getattr(self, name))}
        others = {name: str(getattr(self, name)) for name in IF_OTHER_THAN}
        return said | {name: it for name, it in others.items() if is_said(name, it)}

    def beside_ledger_data(self) -> dict[str, Any]:
        """Return what an approver sees and `ledger_data` lacks."""
        preset = self.preset.name if self.preset else ""
        moments = {name: moment_text(getattr(self, name)) for name in MOMENTS}
        return {
            "message_type": self.message_type,
            "nickname": self.nickname,
            "preset": preset,
            **moments,
        }

    def shown(self) -> dict[str, str]:
        """Return the labelled facts that a comparison shows beside the texts."""
        return {str(label): _shown(name, getattr(self, name)) for name, label in LABELS.items()}


CONTENT = tuple(field.name for field in fields(VersionContent))
COLUMNS = tuple(name for name in CONTENT if name != "bodies")
TEXTS = tuple(field.name for field in fields(VersionContent) if field.type in (str, str | None))
MOMENTS = tuple(field.name for field in fields(VersionContent) if field.type == datetime | None)


def revision(version: NoticeVersion | None) -> str:
    """Return a digest of the version's number and content.

    An editor sends back the revision that they have seen, so that nobody overwrites what they have
    not seen.
    """
    if version is None:
        return NOTHING
    names = [*REVISION_FIRST, *(name for name in CONTENT if name not in REVISION_FIRST)]
    names = [name for name in names if is_said(name, getattr(version, name))]
    content = [getattr(version, "preset_id" if name == "preset" else name) for name in names]
    text = json.dumps([version.number, *content], sort_keys=True, default=_in_utc)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_said(name: str, value: Any) -> bool:
    """Return whether a field's value stands in digests, the ledger and files: always, except for
    what `IF_OTHER_THAN` names."""
    return name not in IF_OTHER_THAN or value not in ("", IF_OTHER_THAN[name])


def _known_class(given: str) -> str:
    """Return the class; routine for an empty one. Raises InvalidInput."""
    known = str(given) or NoticeClass.ROUTINE.value
    if known not in NoticeClass.values:
        raise InvalidInput(
            "unknown_class",
            "{given!r} is no class of a notice: choose {known}.",
            {"field": "notice_class"},
            given=known[:40],
            known=NoticeClass.values,
        )
    return known


def json_cell(value: Any) -> str:
    """Return a list or object in canonical JSON; "" for an empty one."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""


def _cell(value: Any) -> str:
    if isinstance(value, VisibilityPreset):
        return value.name
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, datetime):
        return moment_text(value)
    return json_cell(value)


def _shown(name: str, value: Any) -> str:
    if name == "visibility":
        return str(Visibility(value).label)
    if name == "notice_class":
        return str(NoticeClass(value).label)
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M %Z}"
    return value or ""


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
