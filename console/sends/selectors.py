"""Reads of sends and deliveries, filtered by what the actor may see."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import reduce
from operator import or_

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    prefetch_related_objects,
)
from django.db.models.expressions import RawSQL

from console.accounts.own_work import is_own, own_refs
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.selectors import audit_entries
from console.catalogue.models import NoticeVersion
from console.errors import NotFound
from console.sends.evidence_models import Evidence, Resolution, Verdict
from console.sends.history.facets import Facets, facets_of
from console.sends.history.search import BESIDE, Found, Limits, history_found
from console.sends.history_filter import DeliveryFilter
from console.sends.history_models import Origin
from console.sends.models import (
    LIVE_STATUSES,
    Delivery,
    DeliveryStatus,
    LateAnswer,
    Send,
    SendingStop,
    SendStatus,
)
from console.sends.proof.ledger import ENDED
from console.sends.sends_listed import Listed

# Who may say what became of an unknown delivery.
WITNESSES = (Permission.SEND, Permission.APPROVE_SENDS)
READERS = (Permission.VIEW_HISTORY, Permission.SEND, Permission.APPROVE_SENDS)


def readable(actor: Actor, path: str = "") -> Q:
    """Return the condition for sends whose texts the actor may read, reached by `path`: one's own;
    for approvers, sends that await them or that they approved; for readers of the history, all."""
    return reduce(or_, _reasons(actor, path))


def _reasons(actor: Actor, path: str = "") -> list[Q]:
    """Return the conditions of which any one makes a send readable."""
    if actor.may(Permission.VIEW_HISTORY):
        return [Q()]
    reasons = [Q(**{f"{path}actor_ref": actor.ref})]
    if actor.may(Permission.APPROVE_SENDS):
        # They can't approve what their own API clients send, but see that it waits.
        others = [ref for ref in own_refs(actor) if ref != actor.ref]
        reasons += [Q(**{f"{path}actor_ref": ref}) for ref in others]
        reasons += [Q(**{f"{path}approved_by_ref": actor.ref}), _to_approve(actor, path)]
    return reasons


def _to_approve(actor: Actor, path: str = "") -> Q:
    """Return the condition for others' sends that await approval and whose notices belong to no
    team or to one of the actor's."""
    waiting = Q(**{f"{path}status": SendStatus.AWAITING_APPROVAL})
    waiting &= ~Q(**{f"{path}actor_ref__in": own_refs(actor)})
    if not actor.sees_all_teams:
        team = f"{path}version__notice__team"
        waiting &= Q(**{f"{team}__isnull": True}) | Q(**{f"{team}__in": actor.team_ids})
    return waiting


def _seen(actor: Actor) -> Q:
    """Return the condition for sends that the actor sees. Administrators see whose each send is and
    its progress, since they may stop any; they may not read the texts and their customers."""
    actor.require(*READERS, Permission.ADMINISTER)
    return Q() if actor.may(Permission.ADMINISTER) else readable(actor)


def send_of_key(actor: Actor, idempotency_key: str) -> Send | None:
    """Return the send that this actor made with this key, if any."""
    actor.require(Permission.SEND)
    if not idempotency_key or not idempotency_key.isprintable():
        return None
    own = Send.objects.filter(actor_ref=actor.ref, idempotency_key=idempotency_key)
    return own.first()


def sends_visible(actor: Actor, *, tests: bool = False) -> QuerySet[Send]:
    """Return sends, newest first, with the number of their deliveries by status and whether the
    actor may read what their sender wrote (`is_readable`). Tests are among them only if asked
    for."""
    seen = Send.objects.filter(_seen(actor))
    seen = seen if tests else seen.filter(is_test=False)
    return _with_readable(actor, _with_counts(seen)).order_by("-pk")


def sends_listed(actor: Actor, *, status: str = "", among: Collection[int] | None = None) -> Listed:
    """Return what `sends_visible` returns, in parts. `among` restricts to some."""
    shown = sends_visible(actor)
    sees_all = actor.may(Permission.ADMINISTER)
    found = Listed(shown, [Q()] if sees_all or among is not None else _reasons(actor))
    # Not by a column of theirs: their index has few, and all others need no row to be read.
    found = found.filter(~Q(pk__in=Send.objects.filter(is_test=True).values("pk")))
    if status:
        found = found.filter(status=status)
    return found if among is None else found.filter(pk__in=among)


def sends_awaiting_approval(actor: Actor) -> QuerySet[Send]:
    """Return sends that the actor may approve, the longest waiting first, with their counts."""
    actor.require(Permission.APPROVE_SENDS)
    return _with_counts(Send.objects.filter(_to_approve(actor))).order_by("pk")


def sends_paused_by_themselves(actor: Actor) -> QuerySet[Send]:
    """Return the actor's own sends that have paused themselves and wait, the longest first."""
    actor.require(Permission.SEND)
    paused = Send.objects.filter(
        status=SendStatus.PAUSED, actor_ref=actor.ref, is_unconfirmed=False
    )
    return paused.exclude(pause_reason="").order_by("pk")


def leaves_at(send: Send, now: datetime) -> datetime:
    """Return when a send that awaits approval would leave: at its time, but not before now."""
    return max(send.scheduled_at or now, now)


def send_with_counts(actor: Actor, send: Send) -> Send:
    """Return a send as it is now, for an actor who has just changed it. The change may have put it
    out of their sight; then it is not readable."""
    return _with_readable(actor, _with_counts(Send.objects.filter(pk=send.pk))).get()


def _with_readable(actor: Actor, sends: QuerySet[Send]) -> QuerySet[Send]:
    may_read = readable(actor)
    always = Value(True)
    return sends.annotate(
        is_readable=Case(When(may_read, then=always), default=False) if may_read else always
    )


# The numbers of COUNTED, in its order. Ended deliveries are not read for that, and the resolutions
# only of a send that has unknown ones. Claims are few and name all deliveries on the wire.
COUNTS = RawSQL(
    """
    (SELECT ARRAY[ended.delivered, ended.failed, ended.unknown, ended.skipped, ended.cancelled,
        CASE WHEN sends_send.target_count > ended.number THEN
            (SELECT count(*)::int FROM sends_claim c
             CROSS JOIN LATERAL unnest(c.delivery_ids) AS claimed(id)
             JOIN ONLY sends_delivery d
                 ON d.id = claimed.id AND d.claim = c.id AND d.status = 'sending'
             WHERE d.send_id = sends_send.id)
        ELSE 0 END,
        known.delivered, known.not_delivered, known.contested]
     FROM (SELECT
            coalesce(sum(number) FILTER (WHERE status = 'delivered'), 0)::int AS delivered,
            coalesce(sum(number) FILTER (WHERE status = 'failed'), 0)::int AS failed,
            coalesce(sum(number) FILTER (WHERE status = 'unknown'), 0)::int AS unknown,
            coalesce(sum(number) FILTER (WHERE status = 'skipped'), 0)::int AS skipped,
            coalesce(sum(number) FILTER (WHERE status = 'cancelled'), 0)::int AS cancelled,
            coalesce(sum(number), 0)::int AS number
           FROM sends_sendoutcome WHERE send_id = sends_send.id) AS ended
     CROSS JOIN LATERAL (SELECT
            (count(*) FILTER (WHERE verdict = 'delivered'))::int AS delivered,
            (count(*) FILTER (WHERE verdict = 'not_delivered'))::int AS not_delivered,
            (count(*) FILTER (WHERE is_contested))::int AS contested
           FROM sends_resolution
           WHERE ended.unknown > 0 AND send_id = sends_send.id) AS known)
""",
    [],
    output_field=ArrayField(IntegerField()),
)


def _with_counts(sends: QuerySet[Send]) -> QuerySet[Send]:
    """Add what `Send.counts` says, as attributes."""
    return sends.select_related("version__notice").annotate(counts=COUNTS)  # type: ignore[no-redef]


def send_get(actor: Actor, send_id: int) -> Send:
    """Return a send that the actor may see. Raises NotFound."""
    send = sends_visible(actor, tests=True).filter(pk=send_id).first()
    if send is None:
        raise NotFound("send_not_found", "There is no send {send}.", send=send_id)
    return send


def send_is_running(send_id: int) -> bool:
    """Return whether the send may still change by itself soon."""
    return Send.objects.filter(pk=send_id, status=SendStatus.RUNNING).exists()


def send_counts(send: Send) -> dict[str, int]:
    """Return a send's (with counts) deliveries by status, with every status, and the `total`."""
    return {name: getattr(send, name) for name in (*DeliveryStatus.values, "total")}


def not_retried(send: Send, status: str) -> QuerySet[Delivery]:
    """Return a send's deliveries in this status that have not been retried, without unknown ones of
    which some evidence says that they were delivered."""
    tried_again = Exists(Delivery.objects.filter(retry_of=OuterRef("pk")))
    return Delivery.objects.filter(
        ~tried_again, ~_may_have_arrived(), send=send, status=status
    ).order_by("pk")


def left_out_of_retry(send: Send) -> int:
    """Return of how many unknown deliveries some evidence says that they were delivered."""
    return send.deliveries.filter(_may_have_arrived(), status=DeliveryStatus.UNKNOWN).count()


def seen_missing(send: Send) -> int:
    """Return how many unknown deliveries that may be retried are resolved as not delivered."""
    missing = Resolution.objects.filter(
        delivery=OuterRef("pk"), verdict=Verdict.NOT_DELIVERED, is_contested=False
    )
    return not_retried(send, DeliveryStatus.UNKNOWN).filter(Exists(missing)).count()


def _may_have_arrived() -> Q:
    """Return the condition for deliveries of which some evidence says that they were delivered. A
    late answer from before there was evidence is enough."""
    resolved = Resolution.objects.filter(
        Q(verdict=Verdict.DELIVERED) | Q(is_contested=True), delivery=OuterRef("pk")
    )
    taken = LateAnswer.objects.filter(delivery=OuterRef("pk"), status=DeliveryStatus.DELIVERED)
    return Q(Exists(resolved)) | Q(Exists(taken))


def delivery_evidence(delivery: Delivery) -> QuerySet[Evidence]:
    """Return all evidence of an unknown delivery, in the order in which it came."""
    found = delivery.evidence.select_related("late_answer", "replaces", "replaced_by")
    return found.order_by("pk")


def prefetch_resolutions(deliveries: Iterable[Delivery]) -> None:
    """Read what evidence says of these. Only of unknown deliveries there is any."""
    unknown = [each for each in deliveries if each.status == DeliveryStatus.UNKNOWN]
    prefetch_related_objects(unknown, "resolution")


def send_deliveries(actor: Actor, send: Send, status: str = "") -> QuerySet[Delivery]:
    """Return a send's deliveries in the order of its targets; none if its texts are hidden."""
    actor.require(*READERS, Permission.ADMINISTER)
    found = Delivery.objects.filter(readable(actor, "send__"), send=send).order_by("pk")
    return found.filter(status=status) if status else found


def deliveries_visible(actor: Actor, *, tests: bool = False) -> QuerySet[Delivery]:
    """Return the history, newest first. Deliveries of tests are in it only if asked for."""
    actor.require(*READERS)
    # No join: to read the newest page, PostgreSQL may then simply follow the primary key.
    found = Delivery.objects.prefetch_related(*BESIDE).filter(readable(actor, "send__"))
    if not tests:  # they are few, and read by an index of their own
        found = found.exclude(send_id__in=Send.objects.filter(is_test=True).values("pk"))
    return found.order_by("-pk")


def history_search(actor: Actor, filter: DeliveryFilter) -> Found | QuerySet[Delivery]:
    """Return what of the history fits a filter, newest first, without tests: to be read in parts,
    from either end."""
    origins = _origins_seen(actor)
    sends = Send.objects.filter(readable(actor), is_test=False)
    limits = None if origins is None else Limits(origins, sends)
    return history_found(deliveries_visible(actor), limits, filter)


def history_facets(actor: Actor, filter: DeliveryFilter) -> Facets:
    """Return how what the actor finds in the history is spread over outcomes, notices, senders and
    Chat Servers."""
    return facets_of(history_search(actor, filter))


def _origins_seen(actor: Actor) -> Q | None:
    """Return the condition for the origins of the history that the actor sees; None for all."""
    if actor.may(Permission.VIEW_HISTORY):
        return None
    origins = Q(actor_ref=actor.ref)
    if actor.may(Permission.APPROVE_SENDS):
        origins |= Q(actor_ref__in=own_refs(actor)) | Q(approver_ref=actor.ref)
    return origins


def origins_visible(actor: Actor) -> QuerySet[Origin]:
    """Return who sent what the actor sees of the history, as far as the search has it in parts."""
    actor.require(*READERS)
    seen = _origins_seen(actor)
    return Origin.objects.all() if seen is None else Origin.objects.filter(seen)


def name_of_origin(actor: Actor, ref: str) -> str:
    """Return under which name this reference sent last; itself if the actor sees nothing of it."""
    if ":" not in ref:
        return ref
    known = origins_visible(actor).filter(actor_ref=ref).order_by("-pk")
    return known.values_list("actor_name", flat=True).first() or ref


def delivery_get(actor: Actor, delivery_id: int) -> Delivery:
    found = deliveries_visible(actor, tests=True).filter(pk=delivery_id)
    delivery = found.prefetch_related(None).select_related(*BESIDE).first()
    if delivery is None:
        raise NotFound(
            "delivery_not_found", "There is no delivery {delivery}.", delivery=delivery_id
        )
    return delivery


def may_witness(actor: Actor, send: Send) -> bool:
    """Return whether the actor, who sees the delivery, may say what became of it.

    What needed a second person to leave also needs another person than its sender to be resolved.
    """
    if not any(actor.may(permission) for permission in WITNESSES):
        return False
    return not (send.approved_by_ref and is_own(actor, send.actor_ref))


def delivery_entries(actor: Actor, delivery: Delivery) -> QuerySet[AuditEntry]:
    """Return the ledger's entries about a delivery's end. Only for readers of the ledger."""
    entries = audit_entries(
        actor,
        target_kind="send",
        target_ref=str(delivery.send_id),
        actions=[*ENDED, Action.DELIVERIES_LATE_ANSWER, Action.DELIVERIES_RESOLVED],
    )
    return entries.filter(data__deliveries__contains=[{"id": delivery.pk}])


def sends_running(actor: Actor) -> QuerySet[Send]:
    """Return the actor's own sends that are not over, without tests."""
    return Send.objects.filter(actor_ref=actor.ref, status__in=LIVE_STATUSES, is_test=False)


def sends_seen(actor: Actor) -> QuerySet[Send]:
    """Return all sends that the actor sees, without tests and without counts of deliveries."""
    return Send.objects.filter(_seen(actor), is_test=False)


def sends_of(actor: Actor, ids: Collection[int]) -> QuerySet[Send]:
    """Return those of these sends that the actor sees, newest first, without counts."""
    found = sends_seen(actor).filter(pk__in=ids)
    return found.select_related("version__notice").order_by("-pk")


def sending_stopped() -> SendingStop | None:
    """Return who stopped all sending, when and why; None if it is not stopped."""
    return SendingStop.objects.first()


def tests_of(actor: Actor, version: NoticeVersion) -> QuerySet[Send]:
    """Return the actor's own tests of a version, newest first, with their deliveries."""
    actor.require(Permission.EDIT_CATALOGUE)
    own = Send.objects.filter(is_test=True, version=version, actor_ref__in=own_refs(actor))
    return own.select_related("version__notice").prefetch_related("deliveries").order_by("-pk")


def own_test(actor: Actor, send_id: int) -> bool:
    """Return whether this is a test of the actor's, who may then follow it."""
    if not actor.may(Permission.EDIT_CATALOGUE):
        return False
    return Send.objects.filter(pk=send_id, is_test=True, actor_ref__in=own_refs(actor)).exists()
