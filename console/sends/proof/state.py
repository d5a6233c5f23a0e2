"""Compares sends with what their entries say of them (console.audit.state)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.state.findings import Finding, Known, Part, compare_also, finding
from console.audit.state.kinds import plain
from console.sends.models import Delivery, Send, SendStatus
from console.sends.plan.sending import fields_digest
from console.sends.plan.values import digest
from console.sends.proof.deliveries_compared import compare_deliveries
from console.sends.proof.ledger import version_digest

SENDS_A_PART, DELIVERIES_A_PART = 200, 5000
ENTRIES_A_PART = 2000
FIRST_LOOKED_AT = 1000
LABEL = "send"

# The status that a send has after each of these; after others, the one that the entry says.
AFTER = {
    Action.SEND_STARTED: SendStatus.RUNNING,
    Action.SEND_PAUSED: SendStatus.PAUSED,
    Action.SEND_RESUMED: SendStatus.RUNNING,
    Action.SEND_CANCELLED: SendStatus.CANCELLED,
    Action.SEND_REJECTED: SendStatus.CANCELLED,
    Action.SEND_FINISHED: SendStatus.FINISHED,
}
SAYS_STATUS = (Action.SEND_CREATED, Action.SEND_APPROVED, Action.SEND_RESCHEDULED)
FOLLOWED = [str(action) for action in (*AFTER, *SAYS_STATUS)]


class Sends:
    """The comparison of sends with their deliveries."""

    name, label = "send", LABEL

    def part(self, after: int, known: Known) -> Part:
        sends = _next_sends(after)
        part = Part(sends[-1].pk if sends else None)
        if not sends:
            return part
        entries = _entries(sends)
        told = [send for send in sends if send.pk in entries]
        for send in told:
            part.compared += 1
            part.found += _differences(send, entries[send.pk], part)
        self._judge_silent([send.pk for send in sends if send.pk not in entries], known, part)
        if told:
            compare_deliveries([send.pk for send in told], part)
        return part

    def _judge_silent(self, pks: Sequence[int], known: Known, part: Part) -> None:
        first = _first_created() if pks and known.sealed else None
        for pk in pks:
            if known.sealed and (first is None or pk < first):
                part.unprove("archived", LABEL)
            else:
                part.found.append(finding("untold", f"send {pk}"))


class SendsTold:
    """The comparison that looks whether every send is there that an entry has made."""

    name, label = "send_told", "entry of a send"

    def part(self, after: int, _known: Known) -> Part:
        made = AuditEntry.objects.filter(
            action=Action.SEND_CREATED, target_kind="send", seq__gt=after
        )
        found = list(made.order_by("seq").values_list("seq", "target_ref")[:ENTRIES_A_PART])
        refs = {int(ref): seq for seq, ref in found if ref.isdecimal()}
        there = set(Send.objects.filter(pk__in=refs).values_list("pk", flat=True))
        part = Part(found[-1][0] if len(found) == ENTRIES_A_PART else None, len(found))
        part.found = [
            finding("gone", f"send {pk}", seq=seq) for pk, seq in refs.items() if pk not in there
        ]
        return part


def _next_sends(after: int) -> list[Send]:
    found = Send.objects.filter(pk__gt=after).select_related("version__notice").order_by("pk")
    chosen: list[Send] = []
    deliveries = 0
    for send in found[:SENDS_A_PART]:
        deliveries += send.target_count
        if chosen and deliveries > DELIVERIES_A_PART:
            break
        chosen.append(send)
    return chosen


def _entries(sends: Sequence[Send]) -> dict[int, list[AuditEntry]]:
    """Return the entries that decide about these sends, by send, from the one that makes it on."""
    refs = [str(send.pk) for send in sends]
    found = AuditEntry.objects.filter(target_kind="send", target_ref__in=refs, action__in=FOLLOWED)
    by_send: defaultdict[int, list[AuditEntry]] = defaultdict(list)
    for entry in found.order_by("seq"):
        pk = int(entry.target_ref)
        if pk in by_send or entry.action == Action.SEND_CREATED:
            by_send[pk].append(entry)
    return by_send


def _first_created() -> int | None:
    made = AuditEntry.objects.filter(action=Action.SEND_CREATED, target_kind="send").order_by("seq")
    refs = made.values_list("target_ref", flat=True)[:FIRST_LOOKED_AT]
    return min((int(ref) for ref in refs if ref.isdecimal()), default=None)


def _differences(send: Send, entries: Sequence[AuditEntry], part: Part) -> Iterator[Finding]:
    thing = f"send {send.pk}"
    for name, (stands, told, seq) in _compared(send, entries, part).items():
        if stands != told:
            said = {"field": name, "stands": plain(stands), "told": plain(told)}
            yield finding("differs", thing, **said, seq=seq)


def _compared(
    send: Send, entries: Sequence[AuditEntry], part: Part
) -> dict[str, tuple[Any, Any, int]]:
    """Return by name what stands, what the entries say, and which of them says it."""
    made, data = entries[0], entries[0].data
    counts = data.get("counts", {})
    found = {
        "sender": (send.actor_ref, made.actor_ref),
        "sender's name": (send.actor_name, made.actor_name),
        "notice": (send.version.notice.key, data.get("notice")),
        "version": (send.version.number, data.get("version")),
        "class": (send.notice_class, send.version.notice_class),
        "visibility": (send.visibility, data.get("visibility")),
        "nickname": (send.nickname, data.get("nickname")),
        "reason": (send.why, data.get("why")),
        "test": (send.is_test, bool(data.get("test"))),
        "incident": (send.incident_id, data.get("incident")),
        "stage": (send.stage_id, data.get("stage")),
        "emergency": (send.is_emergency, data.get("covered_by") == "emergency"),
        "number of chats": (send.target_count, sum(counts.values())),
        "number of chats that were ready": (send.ready_count, counts.get("ready", 0)),
        "chats": (_chats(send), data.get("targets_sha256")),
        **_since_then(send, data, part),
    }
    whole = {name: (stands, told, made.seq) for name, (stands, told) in found.items()}
    return whole | _followed(send, entries)


def _since_then(send: Send, data: dict[str, Any], part: Part) -> dict[str, tuple[Any, Any]]:
    """Return what entries tell that have it: older ones may lack it, and texts may be erased."""
    found: dict[str, tuple[Any, Any]] = {}
    if "version_sha256" not in data or send.is_test:
        part.unprove("lacks", LABEL)
    else:
        found["text of the version"] = (version_digest(send.version), data["version_sha256"])
    if "nickname_from" in data:
        found["who chose the nickname"] = (send.nickname_from, data["nickname_from"])
    if "fields_sha256" not in data:
        found["answers"] = (dict(send.fields), {})
    elif send.fields:
        found["answers"] = (fields_digest(send.fields), data["fields_sha256"])
    else:
        part.unprove("erased", "answers")
    canary = data.get("canary") or {}
    found["canary"] = (
        [send.canary_size, send.canary_minutes],
        [canary.get("size"), canary.get("minutes")],
    )
    found["retry of"] = (send.retry_of_id, data.get("retry_of"))
    return found


def _chats(send: Send) -> str:
    ids = Delivery.objects.filter(send=send).values_list("interaction_id", flat=True)
    return digest(sorted(ids))


def _followed(send: Send, entries: Sequence[AuditEntry]) -> dict[str, tuple[Any, Any, int]]:
    """Return what later entries decide: the status, the time, who approved it and who ended it."""
    made = entries[0]
    status = release = approver = ended = made
    for entry in entries:
        if entry.action in AFTER or entry.data.get("status"):
            status = entry
        if entry.action in SAYS_STATUS:
            release = approver = entry
        if entry.action in (Action.SEND_CANCELLED, Action.SEND_REJECTED):
            ended = entry
    at = release.data.get("to") or release.data.get("release_at")
    found = {
        "status": (send.status, _status(status), status.seq),
        "time": (send.release_at, datetime.fromisoformat(at) if at else None, release.seq),
        "approver's name": (send.approved_by_name, _approver(send, approver), approver.seq),
        "who ended it": (
            [send.ended_by_name, send.end_note],
            ["", ""] if ended is made else [ended.actor_name, ended.data.get("reason", "")],
            ended.seq,
        ),
    }
    if "covered_by" not in approver.data:
        ref = approver.actor_ref if approver.action == Action.SEND_APPROVED else ""
        found["approver"] = (send.approved_by_ref, ref, approver.seq)
    return found


def _status(entry: AuditEntry) -> str:
    after = AFTER.get(Action(entry.action))
    return str(after) if after else str(entry.data.get("status"))


def _approver(send: Send, entry: AuditEntry) -> str:
    """Return who approved the send, by the entry that decided last about it."""
    if entry.action == Action.SEND_APPROVED:
        return entry.actor_name
    covered = str(entry.data.get("covered_by", ""))
    return _confirmer(send) if covered == "emergency" else covered


def _confirmer(send: Send) -> str:
    """Return who had confirmed an emergency when it made the send; "" if nobody had."""
    if not send.approved_by_ref:
        return ""
    confirmed = AuditEntry.objects.filter(
        action=Action.INCIDENT_CONFIRMED, target_kind="incident", target_ref=str(send.incident_id)
    )
    names = confirmed.filter(actor_ref=send.approved_by_ref).values_list("actor_name", flat=True)
    return names.first() or ""


def declare() -> None:
    """Add these comparisons to a run."""
    compare_also(Sends())
    compare_also(SendsTold())
