"""The condition `received` of the audience language: what was sent to a chat before.

In JSON `{"send": 12}`, `{"notice": "delay"}` or `{"incident": 3}`, each with an `outcome` or a list
of them; in the text form `send/12=unknown+failed`. Without an outcome it means delivered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Q
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.catalogue.selectors import notices
from console.interactions.audience.fields import Field, field_add, invalid
from console.interactions.audience.values import Condition, Op
from console.sends.models import OPEN_STATUSES, DeliveryStatus, Send
from console.sends.selectors import READERS, sends_seen

SEND, NOTICE, INCIDENT = "send", "notice", "incident"
KINDS = (SEND, NOTICE, INCIDENT)
NUMBER = re.compile("[1-9][0-9]{0,17}", re.ASCII)
KEY_LENGTH = 100
WAITING = "waiting"
# What is open, under one name; and every outcome under that of the delivery.
STATUSES = {
    WAITING: tuple(str(status) for status in OPEN_STATUSES),
    **{str(status): (str(status),) for status in DeliveryStatus if status not in OPEN_STATUSES},
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """Earlier sends: of a `kind`, with its number or key, that ended in one of `outcomes`."""

    kind: str
    ref: str
    outcomes: tuple[str, ...] = (str(DeliveryStatus.DELIVERED),)


def _read(raw: Any, where: str, op: Op) -> Earlier:
    given = _of_text(raw, where) if isinstance(raw, str) else raw
    if not isinstance(given, dict):
        raise invalid("{where}: use {example}.", where=where, example='{"send": 12}')
    kinds = [kind for kind in KINDS if kind in given]
    unknown = sorted(set(given) - {*KINDS, "outcome"})
    if len(kinds) != 1 or unknown:
        raise invalid("{where}: name one of {known}.", where=where, known=list(KINDS))
    ref = _ref(kinds[0], given[kinds[0]], where)
    if "outcome" not in given:
        return Earlier(kinds[0], ref)
    return Earlier(kinds[0], ref, _outcomes(given["outcome"], where))


def _of_text(text: str, where: str) -> dict[str, Any]:
    """Return `send/12=unknown+failed` as JSON has it."""
    kind, slash, rest = text.partition("/")
    if not slash:
        raise invalid("{where}: use {example}.", where=where, example="send/12")
    ref, sign, outcomes = rest.partition("=")
    return {kind: ref, **({"outcome": outcomes.split("+")} if sign else {})}


def _ref(kind: str, raw: Any, where: str) -> str:
    ref = str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    if kind == NOTICE:
        if not isinstance(raw, str) or not ref or len(ref) > KEY_LENGTH or "\0" in ref:
            raise invalid("{where}: give the key of a notice.", where=where)
        return ref
    if not NUMBER.fullmatch(ref):
        raise invalid("{where}: give the number of a {kind}.", where=where, kind=kind)
    return ref


def _outcomes(raw: Any, where: str) -> tuple[str, ...]:
    given = [raw] if isinstance(raw, str) else raw
    if not isinstance(given, list) or not given or any(one not in STATUSES for one in given):
        raise invalid("{where}: outcome is one of {known}.", where=where, known=list(STATUSES))
    return tuple(name for name in STATUSES if name in given)


def _write(value: Earlier) -> dict[str, Any]:
    ref: Any = value.ref if value.kind == NOTICE else int(value.ref)
    if value.outcomes == (str(DeliveryStatus.DELIVERED),):
        return {value.kind: ref}
    outcomes: Any = value.outcomes[0] if len(value.outcomes) == 1 else list(value.outcomes)
    return {value.kind: ref, "outcome": outcomes}


def _in_text(written: dict[str, Any]) -> str:
    given = dict(written)
    outcome = given.pop("outcome", None)
    ((kind, ref),) = given.items()
    names = [outcome] if isinstance(outcome, str) else outcome
    return f"{kind}/{ref}" + (f"={'+'.join(names)}" if names else "")


# What evidence says of an unknown delivery counts instead of its first record.
ENDED_SO = """CASE WHEN d.status <> 'unknown' THEN d.status = ANY(%s::varchar[]) ELSE coalesce(
    (SELECT CASE r.verdict WHEN 'delivered' THEN 'delivered' ELSE 'failed' END
     FROM sends_resolution r WHERE r.delivery_id = d.id AND NOT r.is_contested),
    d.status) = ANY(%s::text[]) END"""
# LIMIT makes PostgreSQL begin with each chat's few deliveries, however long the history is, and
# together with ORDER BY read them by their index, which has this order. A bitmap would cost twice
# as much for each of 10,000 chats, and a join several times as much. No delivery of a live chat is
# at rest (console.sends.history.resting), and looking there would cost as much again.
FIRST = """(SELECT d.id FROM {table} d
    WHERE d.interaction_id = {{chat}} AND {{which}}
    ORDER BY d.id DESC LIMIT 1) IS NOT NULL"""
RECEIVED = f"""(CASE WHEN {{ended}} IS NULL THEN {FIRST.format(table="ONLY sends_delivery")}
    ELSE {FIRST.format(table="sends_delivery")} END)"""
# PostgreSQL takes it that nearly every row passes NULLIF … IS NOT NULL, which keeps it from a
# bitmap for rows that it would expect to read in vain.
PASSES = f"nullif(coalesce(d.send_id IN ({{sends}}), FALSE) AND {ENDED_SO}, FALSE) IS NOT NULL"
# Within coalesce the sends of a notice are read once, into a hash, and not joined for each chat.
WHICH = {
    SEND: f"d.send_id = %s AND {ENDED_SO}",
    NOTICE: PASSES.format(
        sends="""SELECT s.id FROM sends_send s JOIN catalogue_noticeversion v ON v.id = s.version_id
        WHERE v.notice_id = %s"""
    ),
    INCIDENT: PASSES.format(sends="SELECT s.id FROM sends_send s WHERE s.incident_id = %s"),
}


class _Received(Func):
    """Whether a chat has a delivery of these sends with one of these outcomes."""

    output_field = BooleanField()

    def __init__(self, kind: str, pk: int, outcomes: Sequence[str]) -> None:
        super().__init__(F("pk"), F("ended_at"))
        self.kind, self.pk, self.outcomes = kind, pk, list(outcomes)

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra_context: Any,
    ) -> tuple[str, Any]:
        # Neither is an expression with parameters: both are columns.
        chat, ended = (compiler.compile(each)[0] for each in self.source_expressions)
        sql = RECEIVED.format(chat=chat, ended=ended, which=WHICH[self.kind])
        of_one = (self.pk, self.outcomes, self.outcomes)
        return sql, (*of_one, *of_one)


def _received(asked: Condition, actor: Actor) -> Q:
    condition = Q()
    for value in asked.values:
        statuses = [status for name in value.outcomes for status in STATUSES[name]]
        received = _Received(value.kind, _pk(value, actor), statuses)
        condition |= Q(received)
    return condition


def _pk(value: Earlier, actor: Actor) -> int:
    """Return the row that is meant. Raises InvalidInput if this actor sees none: "did not get it"
    would mean everybody."""
    if value.kind == NOTICE:
        pk = notices(actor).filter(key=value.ref).values_list("pk", flat=True).first()
    elif value.kind == INCIDENT:
        of_incident = Send.objects.filter(incident_id=int(value.ref))
        pk = of_incident.values_list("incident_id", flat=True).first()
    else:
        pk = sends_seen(actor).filter(pk=int(value.ref)).values_list("pk", flat=True).first()
    if pk is None:
        raise invalid("There is no {kind} {ref}.", kind=value.kind, ref=value.ref)
    return pk


SUGGESTED_MOST = 20


def suggestions(actor: Actor, typed: str = "") -> list[tuple[str, str]]:
    """Return what the condition may name, with titles: the actor's last sends and their notices.
    Only what contains the text that is typed."""
    if not any(actor.may(permission) for permission in READERS):
        return []
    last = sends_seen(actor).select_related("version__notice").order_by("-pk")[:SUGGESTED_MOST]
    found: dict[str, str] = {}
    for send in last:
        notice = send.version.notice
        found[f"{SEND}/{send.pk}"] = notice.title
        found[f"{NOTICE}/{notice.key}"] = notice.title
    asked = typed.lower()
    return [pair for pair in found.items() if asked in " ".join(pair).lower()]


def declare() -> None:
    """Add the condition to the language."""
    field_add(
        Field(
            "received",
            _("Was sent before"),
            (Op.IS,),
            _read,
            _received,
            _write,
            _in_text,
            has_objects=True,
        )
    )
