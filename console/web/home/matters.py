"""What needs a person now, newest first, each with the page on which it is done.

Each source yields matters of one kind for whoever can do something about them, and nothing for
others. Most are few; of each kind at most MOST are shown, and how many more there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.catalogue.models import NoticeVersion, VersionStatus
from console.catalogue.review.forecast import forecasts
from console.catalogue.selectors import preset_review_queue, review_queue, versions_published
from console.database.built import Part, first_of, numbers
from console.database.clock import near_now
from console.database.marking import marked
from console.incidents.selectors import (
    SEERS,
    confirmable,
    incidents_running,
    may_read,
    playbook_review_queue,
    stages_under_way,
)
from console.interactions.models import ChatServer, Health
from console.sends.models import DeliveryStatus, Outbox, Send
from console.sends.selectors import (
    not_retried,
    sends_awaiting_approval,
    sends_paused_by_themselves,
)
from console.text.wording import worded

MOST = 20
LOOK_BACK = timedelta(days=1)
ENDS_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to do: since `at`, on the page `url` by what `action` says. `tone` is "bad", "warn"
    or "". What `is_first` stands above all else."""

    kind: str | Promise
    icon: str
    title: str
    detail: str
    at: datetime
    url: str
    action: str | Promise
    tone: str = ""
    is_first: bool = False


# Moments in queries that are built once (console.database.built). Each stands for one that goes on.
NOW, A_DAY_AGO, A_WEEK_AGO, SOON = (datetime(year, 1, 1, tzinfo=UTC) for year in range(1, 5))

Known = Mapping[str, int]
Source = Callable[[Actor, datetime, Known], Iterator[Matter]]


def matters(actor: Actor) -> tuple[list[Matter], int]:
    """Return what needs this person, newest first, and how many more of a kind there are."""
    now = near_now()
    known = _known(actor, now)
    found: list[Matter] = []
    more = 0
    for source in SOURCES:
        of_one = list(islice(source(actor, now, known), MOST + 1))
        found += of_one[:MOST]
        more += len(of_one) > MOST
    return sorted(found, key=lambda each: (each.is_first, each.at), reverse=True), more


def _known(actor: Actor, now: datetime) -> Known:
    """Return of which kinds there is anything, so that no list is read of which there is nothing.
    One query."""
    who = marked(actor)
    moments = {
        NOW: now,
        A_DAY_AGO: now - LOOK_BACK,
        A_WEEK_AGO: now - 7 * LOOK_BACK,
        SOON: now + ENDS_WITHIN,
    }
    return numbers(("home", who.key), lambda: _parts(who.actor), {**who.values, **moments})


def _parts(actor: Actor) -> dict[str, Part]:
    found: dict[str, QuerySet[Any]] = {}
    if actor.may(Permission.APPROVE_SENDS):
        found["confirmable"] = confirmable(actor)
        found["approvals"] = sends_awaiting_approval(actor)
    if actor.may(Permission.REVIEW_CATALOGUE):
        found["playbooks"] = playbook_review_queue(actor)
        found["reviews"] = review_queue(actor)
        found["presets"] = preset_review_queue(actor)
    if actor.may(Permission.EDIT_CATALOGUE):
        found["rejections"] = _rejected(actor, A_WEEK_AGO)
        found["ends"] = _ending(actor, NOW, SOON)
        found["used"] = _used(actor, A_WEEK_AGO)
    if actor.may(Permission.SEND):
        found["paused"] = sends_paused_by_themselves(actor)
        found["unknown"] = _ended(actor, DeliveryStatus.UNKNOWN, A_DAY_AGO)
        found["failed"] = _ended(actor, DeliveryStatus.FAILED, A_DAY_AGO)
    if actor.may(Permission.ADMINISTER):
        found["servers"] = _resting()
    return {name: first_of(rows.order_by().values("pk")) for name, rows in found.items()}


def _incidents(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    """Running incidents: those that await a confirmation or an update first of all."""
    if not any(actor.may(permission) for permission in SEERS):
        return
    own_turn = set()
    if actor.may(Permission.APPROVE_SENDS) and known["confirmable"]:
        own_turn = set(confirmable(actor).values_list("pk", flat=True))
    running = list(incidents_running(actor)[: MOST + 1])
    stages = stages_under_way(running)
    for incident in running:
        stage = stages.get(incident.pk)
        is_overdue = stage is not None and stage.due_at is not None and stage.due_at <= now
        awaits = incident.is_emergency and incident.confirmed_at is None
        why = incident.why if may_read(actor) else ""
        said = worded(stage.trouble) if stage is not None and stage.trouble else why
        yield Matter(
            kind=_kind_of_incident(awaits=awaits, is_overdue=is_overdue),
            icon="incident",
            title=incident.title,
            detail=said,
            at=incident.started_at,
            is_first=True,
            url=reverse("incident-detail", args=[incident.pk]),
            action=_("Confirm") if incident.pk in own_turn else _("Open"),
            tone="bad" if awaits or is_overdue else "warn",
        )


def _kind_of_incident(*, awaits: bool, is_overdue: bool) -> Promise:
    if awaits:
        return _("Emergency to confirm")
    return _("Update overdue") if is_overdue else _("Incident")


def _playbooks(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    if not (actor.may(Permission.REVIEW_CATALOGUE) and known["playbooks"]):
        return
    for version in playbook_review_queue(actor)[: MOST + 1]:
        yield Matter(
            kind=_("Review of a playbook"),
            icon="playbook",
            title=version.playbook.title,
            detail=version.author_name,
            at=version.submitted_at or version.created_at,
            url=reverse("playbook-detail", args=[version.playbook.key]),
            action=_("Review"),
        )


def _approvals(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    if not (actor.may(Permission.APPROVE_SENDS) and known["approvals"]):
        return
    for send in sends_awaiting_approval(actor).order_by("-pk")[: MOST + 1]:
        chats = ngettext("%(n)d chat", "%(n)d chats", send.ready_count) % {"n": send.ready_count}
        yield Matter(
            kind=_("Approval"),
            icon="approval",
            title=send.version.notice.title,
            detail=f"{send.actor_name} · {chats}",
            at=send.created_at,
            url=reverse("send-detail", args=[send.pk]),
            action=_("Decide"),
            tone="warn",
        )


def _reviews(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    if not actor.may(Permission.REVIEW_CATALOGUE):
        return
    in_review = review_queue(actor).order_by("-submitted_at") if known["reviews"] else ()
    for version in in_review[: MOST + 1]:
        yield Matter(
            kind=_("Review of a notice"),
            icon="notice",
            title=version.notice.title,
            detail=f"{version.author_name} · "
            + gettext("version %(number)d") % {"number": version.number},
            at=version.submitted_at or version.created_at,
            url=reverse("notice-detail", args=[version.notice.key]),
            action=_("Review"),
        )
    for change in preset_review_queue(actor)[: MOST + 1] if known["presets"] else ():
        yield Matter(
            kind=_("Review of a preset"),
            icon="preset",
            title=change.name,
            detail=change.author_name,
            at=change.created_at,
            url=reverse("preset-list"),
            action=_("Review"),
        )


def _rejections(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    """One's own versions that were rejected, and that no later one follows."""
    if not (actor.may(Permission.EDIT_CATALOGUE) and known["rejections"]):
        return
    rejected = _rejected(actor, now - 7 * LOOK_BACK)
    for version in rejected.order_by("-reviewed_at")[: MOST + 1]:
        if version.notice.versions.filter(number__gt=version.number).exists():
            continue
        yield Matter(
            kind=_("Rejected"),
            icon="failed",
            title=version.notice.title,
            detail=f"{version.reviewer_name}: {version.reject_reason}",
            at=version.reviewed_at or version.created_at,
            url=reverse("notice-detail", args=[version.notice.key]),
            action=_("Write it anew"),
            tone="warn",
        )


def _rejected(actor: Actor, since: datetime) -> QuerySet[NoticeVersion]:
    return NoticeVersion.objects.select_related("notice").filter(
        author_ref=actor.ref,
        status=VersionStatus.REJECTED,
        reviewed_at__gt=since,
        notice__retired_at=None,
    )


def _own_sends(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    """One's sends that paused by themselves, and those of which deliveries failed or are unknown
    and nobody has retried or resolved them."""
    if not actor.may(Permission.SEND):
        return
    paused = sends_paused_by_themselves(actor).select_related("version__notice").order_by("-pk")
    for send in paused[: MOST + 1] if known["paused"] else ():
        said = worded(send.pause_reason)
        yield _of_send(send, _("Paused by itself"), "paused", said, _("Resume or stop"))
    unknown = _ended(actor, DeliveryStatus.UNKNOWN, now - LOOK_BACK).order_by("-pk")
    for send in unknown[:MOST] if known["unknown"] else ():
        number = not_retried(send, DeliveryStatus.UNKNOWN).filter(resolution=None).count()
        if number:
            words = ngettext("%(n)d is unknown", "%(n)d are unknown", number) % {"n": number}
            yield _of_send(
                send, _("Unknown"), "unknown", words, _("Look what became of them"), "warn"
            )
    failed = _ended(actor, DeliveryStatus.FAILED, now - LOOK_BACK).order_by("-pk")
    for send in failed[:MOST] if known["failed"] else ():
        number = not_retried(send, DeliveryStatus.FAILED).count()
        if number:
            words = ngettext("%(n)d failed", "%(n)d failed", number) % {"n": number}
            yield _of_send(send, _("Failed"), "failed", words, _("Look, and retry"), "bad")


def _ended(actor: Actor, status: str, since: datetime) -> QuerySet[Send]:
    """Return one's sends that ended since then, and of which a delivery ended so."""
    own = Send.objects.select_related("version__notice").filter(actor_ref=actor.ref)
    return own.filter(finished_at__gt=since, outcomes__status=status)


def _of_send(
    send: Send,
    kind: str | Promise,
    icon: str,
    detail: str,
    action: str | Promise,
    tone: str = "warn",
) -> Matter:
    return Matter(
        kind=kind,
        icon=icon,
        title=send.version.notice.title,
        detail=detail,
        at=send.finished_at or send.created_at,
        url=reverse("send-detail", args=[send.pk]),
        action=action,
        tone=tone,
    )


def _texts(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    """Published texts that end soon with nothing after them, or that would fail in live chats."""
    if not actor.may(Permission.EDIT_CATALOGUE):
        return
    ends = _ending(actor, now, now + ENDS_WITHIN).order_by("valid_until")
    for version in ends[: MOST + 1] if known["ends"] else ():
        if version.notice.versions.filter(status=VersionStatus.SCHEDULED).exists():
            continue
        yield _of_text(version, _("Ends soon"), gettext("Nothing follows it."), now)
    used = _used(actor, now - 7 * LOOK_BACK).distinct()
    for version, forecast in _bad(list(used[:MOST]) if known["used"] else []):
        words = gettext("It would be skipped in %(percent)d%% of the live chats: %(why)s.") % {
            "percent": forecast[0],
            "why": forecast[1],
        }
        yield _of_text(version, _("Would fail"), words, now)


def _ending(actor: Actor, now: datetime, until: datetime) -> QuerySet[NoticeVersion]:
    return versions_published(actor).filter(valid_until__gt=now, valid_until__lt=until)


def _used(actor: Actor, since: datetime) -> QuerySet[NoticeVersion]:
    return versions_published(actor).filter(sends__created_at__gt=since)


def _bad(versions: list[NoticeVersion]) -> Iterator[tuple[NoticeVersion, tuple[int, str]]]:
    found = forecasts(versions)
    for version in versions:
        forecast = found.get(version.pk)
        if forecast is not None and forecast.is_bad:
            yield version, (forecast.percent, forecast.why)


def _of_text(version: NoticeVersion, kind: str | Promise, detail: str, now: datetime) -> Matter:
    return Matter(
        kind=kind,
        icon="notice",
        title=version.notice.title,
        detail=detail,
        at=min(version.valid_until or now, now),
        url=reverse("notice-detail", args=[version.notice.key]),
        action=_("Look at the notice"),
        tone="warn",
    )


def _chat_servers(actor: Actor, now: datetime, known: Known) -> Iterator[Matter]:
    """Chat Servers that fail, are held or are switched off while something waits for them."""
    if not (actor.may(Permission.ADMINISTER) and known["servers"]):
        return
    for server in _resting().order_by("name")[: MOST + 1]:
        waiting = Outbox.objects.filter(chat_server_name=server.name).count()
        if not server.enabled and not waiting:
            continue
        words = ngettext("%(n)d delivery waits", "%(n)d deliveries wait", waiting) % {"n": waiting}
        yield Matter(
            kind=_state(server),
            icon="server",
            title=server.name,
            detail=f"{words}. {worded(server.health_detail)}".strip(),
            at=server.held_at or server.health_since or now,
            url=reverse("chat-server-list"),
            action=_("Look at it"),
            tone="bad" if server.health == Health.UNHEALTHY else "warn",
        )


def _resting() -> QuerySet[ChatServer]:
    resting = Q(health=Health.UNHEALTHY) | Q(enabled=False) | Q(held_at__isnull=False)
    return ChatServer.objects.filter(resting)


def _state(server: ChatServer) -> str | Promise:
    if server.held_at is not None:
        return _("Chat Server held")
    return _("Chat Server unreachable") if server.enabled else _("Chat Server switched off")


SOURCES: tuple[Source, ...] = (
    _incidents,
    _playbooks,
    _approvals,
    _reviews,
    _rejections,
    _own_sends,
    _texts,
    _chat_servers,
)
