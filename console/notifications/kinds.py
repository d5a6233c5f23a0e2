"""The kinds of matters that wait for a person: **declare another one here**, and nowhere else.

A Kind says which entries of the ledger begin and end a matter, who may decide on it (by the
permission, and by the selector that the page of these decisions itself uses), where it stands, and
what programs are told of it. From that follow mails, the browser's notifications, channels,
reminders, each person's choices, the list of the API and the data of the webhook's event. The event
itself, with its words, is also a line of EventType (console.webhooks.models) and its migration.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.accounts.roles import ROLE_PERMISSIONS
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.catalogue.selectors import preset_review_queue, review_queue
from console.sends.models import Send, SendStatus
from console.sends.selectors import sends_awaiting_approval, sends_paused_by_themselves

Refs = Collection[str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mail may say of a matter: a title, and the number of chats if there is one."""

    title: str
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of matters.

    `opens` says of an entry of `opened_by` whether something waits from it on. `subjects` returns
    what the matters of such entries are about, by the entries' targets. `decidable` returns on
    which of these refs the actor may decide now (None: of all), and `queue` reads as many rows as
    these are.
    `event` is what programs are told.

    A matter that `renews` ends when the next one of its target begins. Quiet hours do not hold what
    is urgent, and channels hear of it at once.
    """

    name: str
    label: Promise
    # With %(title)s, and with %(chats)s if it has a number.
    words: Promise
    permission: Permission
    opened_by: frozenset[str]
    ended_by: frozenset[str]
    subjects: Callable[[Iterable[AuditEntry]], Mapping[str, Subject]]
    decidable: Callable[[Actor, Refs | None], set[str]]
    queue: Callable[[Actor], QuerySet[Any, Any]]
    link: Callable[[str], str]
    page: str
    event: Callable[[AuditEntry], dict[str, Any]]
    event_schema: Mapping[str, Any]
    opens: Callable[[AuditEntry], bool] = lambda _entry: True
    renews: bool = False
    is_urgent: bool = False


KINDS: dict[str, Kind] = {}


def declare(kind: Kind) -> Kind:
    """Add a kind. An app above this one calls it when it is set up."""
    KINDS[kind.name] = kind
    return kind


def kinds_of(actor: Actor) -> list[Kind]:
    """Return the kinds on which the actor may decide at all."""
    return [kind for kind in KINDS.values() if actor.may(kind.permission)]


def ledger_actions() -> list[str]:
    """Return the actions that begin or end a matter of any kind."""
    return sorted({act for kind in KINDS.values() for act in kind.opened_by | kind.ended_by})


def opening_kinds(entry: AuditEntry) -> list[Kind]:
    """Return the kinds of matters that begin with this entry."""
    return [kind for kind in KINDS.values() if entry.action in kind.opened_by and kind.opens(entry)]


def roles_with(permission: Permission) -> list[str]:
    return [str(role) for role, granted in ROLE_PERMISSIONS.items() if permission in granted]


# --- Sends ----------------------------------------------------------------------------------------


def _send_subjects(entries: Iterable[AuditEntry]) -> dict[str, Subject]:
    ids = [int(entry.target_ref) for entry in entries]
    sends = Send.objects.filter(pk__in=ids).select_related("version__notice")
    return {str(send.pk): Subject(send.version.notice.title, send.ready_count) for send in sends}


def _sends_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    return _among(sends_awaiting_approval(actor), refs)


def _among(sends: QuerySet[Send], refs: Refs | None) -> set[str]:
    if refs is not None:
        sends = sends.filter(pk__in=[int(ref) for ref in refs])
    return {str(pk) for pk in sends.values_list("pk", flat=True)}


def _awaits_approval(entry: AuditEntry) -> bool:
    return bool(entry.data.get("status") == SendStatus.AWAITING_APPROVAL)


declare(
    Kind(
        name="send.awaiting_approval",
        label=_("A send awaits approval"),
        words=_("asks to send “%(title)s” to %(chats)s"),
        permission=Permission.APPROVE_SENDS,
        opened_by=frozenset({Action.SEND_CREATED, Action.SEND_RESCHEDULED}),
        opens=_awaits_approval,
        ended_by=frozenset({Action.SEND_APPROVED, Action.SEND_REJECTED, Action.SEND_CANCELLED}),
        subjects=_send_subjects,
        decidable=_sends_decidable,
        queue=lambda actor: sends_awaiting_approval(actor).values("pk"),
        link=lambda ref: reverse("send-detail", args=[int(ref)]),
        page="send-approvals",
        event=lambda entry: {
            "send": int(entry.target_ref),
            "status": SendStatus.AWAITING_APPROVAL.value,
        },
        event_schema={
            "send": {"type": "integer"},
            "status": {"type": "string", "enum": [SendStatus.AWAITING_APPROVAL.value]},
        },
    )
)


def _paused(actor: Actor) -> QuerySet[Send]:
    return sends_paused_by_themselves(actor).filter(resumes_at=None)


def _paused_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    return _among(_paused(actor), refs)


declare(
    Kind(
        name="send.paused_itself",
        label=_("A send has paused itself"),
        words=_("has paused the send of “%(title)s” to %(chats)s"),
        permission=Permission.SEND,
        opened_by=frozenset({Action.SEND_PAUSED}),
        # A canary with minutes goes on without a person.
        opens=lambda entry: "itself" in entry.data and "resumes_at" not in entry.data,
        ended_by=frozenset({Action.SEND_RESUMED, Action.SEND_CANCELLED}),
        subjects=_send_subjects,
        decidable=_paused_decidable,
        queue=lambda actor: _paused(actor).values("pk"),
        link=lambda ref: reverse("send-detail", args=[int(ref)]),
        page="send-list",
        event=lambda entry: {
            "send": int(entry.target_ref),
            "status": SendStatus.PAUSED.value,
            "itself": entry.data["itself"],
            "counts": entry.data["counts"],
        },
        event_schema={
            "send": {"type": "integer"},
            "status": {"type": "string", "enum": [SendStatus.PAUSED.value]},
            "itself": {"type": "string", "enum": ["canary", "failures"]},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    )
)


# --- Versions of notices --------------------------------------------------------------------------


def _version_of(ref: str) -> tuple[str, int]:
    key, _slash, number = ref.rpartition("/")
    return key, int(number)


def _titles(entries: Iterable[AuditEntry]) -> dict[str, Subject]:
    return {entry.target_ref: Subject(entry.target_name) for entry in entries}


def _versions_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    found = review_queue(actor)
    if refs is not None:
        found = found.filter(notice__key__in={_version_of(ref)[0] for ref in refs})
    named = {f"{key}/{number}" for key, number in found.values_list("notice__key", "number")}
    return named if refs is None else named & set(refs)


def _version_event(entry: AuditEntry) -> dict[str, Any]:
    key, number = _version_of(entry.target_ref)
    return {"notice": key, "version": number}


declare(
    Kind(
        name="version.submitted",
        label=_("A version of a notice awaits review"),
        words=_("asks to publish a version of “%(title)s”"),
        permission=Permission.REVIEW_CATALOGUE,
        opened_by=frozenset({Action.VERSION_SUBMITTED}),
        ended_by=frozenset(
            {Action.VERSION_APPROVED, Action.VERSION_REJECTED, Action.VERSION_PUBLISHED}
        ),
        subjects=_titles,
        decidable=_versions_decidable,
        queue=lambda actor: review_queue(actor).values("pk"),
        link=lambda ref: reverse("notice-detail", args=[_version_of(ref)[0]]),
        page="notice-list",
        event=_version_event,
        event_schema={"notice": {"type": "string"}, "version": {"type": "integer"}},
    )
)


# --- Presets --------------------------------------------------------------------------------------


def _presets_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    found = preset_review_queue(actor)
    if refs is not None:
        found = found.filter(preset__in=[int(ref) for ref in refs])
    return {str(pk) for pk in found.values_list("preset", flat=True)}


declare(
    Kind(
        name="preset.submitted",
        label=_("A visibility preset awaits review"),
        words=_("proposes the visibility preset “%(title)s”"),
        permission=Permission.REVIEW_CATALOGUE,
        opened_by=frozenset({Action.PRESET_CREATED, Action.PRESET_CHANGED}),
        # A restored preset comes approved, without a proposal.
        opens=lambda entry: "change" in entry.data,
        ended_by=frozenset({Action.PRESET_APPROVED, Action.PRESET_REJECTED}),
        subjects=_titles,
        decidable=_presets_decidable,
        queue=lambda actor: preset_review_queue(actor).values("preset").distinct(),
        link=lambda _ref: reverse("preset-list"),
        page="preset-list",
        event=lambda entry: {
            "preset": int(entry.target_ref),
            "change": int(entry.data["change"]),
        },
        event_schema={"preset": {"type": "integer"}, "change": {"type": "integer"}},
        renews=True,
    )
)
