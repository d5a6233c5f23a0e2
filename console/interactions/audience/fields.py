"""The fields of the audience language. Each is declared once, here or by the app that has the data
(`field_add`), for the text form, JSON, pages and OpenAPI."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    BooleanField,
    DateTimeField,
    DecimalField,
    F,
    Func,
    Lookup,
    Q,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import (
    GreaterThan,
    GreaterThanOrEqual,
    IContains,
    In,
    IStartsWith,
    LessThan,
    LessThanOrEqual,
)
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Team
from console.actors import Actor
from console.database.clock import near_now
from console.errors import InvalidInput
from console.interactions.audience.values import COMPARISONS, VALUES_MOST, Condition, Op
from console.interactions.models import Interaction
from console.interactions.selectors import present_name
from console.text.language_tags import is_same, read
from console.text.moments import on_clocks, read_iso
from console.text.visible import is_blank

LENGTH = 255
SECONDS_MOST = 10**9
WORDS = {"true": True, "yes": True, "false": False, "no": False}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:[0-9]{1,10}[smhd]){1,4}", re.ASCII)
PART = re.compile(r"([0-9]{1,10})([smhd])", re.ASCII)
NUMBER = re.compile(r"[+-]?[0-9]{1,25}(?:\.[0-9]{1,10})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a chat.

    `read` turns a value of JSON or of the text form into the condition's value and raises
    InvalidInput; `write` turns that into what JSON has. `condition` is the query's condition.
    `has_keys` is for fields of which a condition names a key, `has_objects` for those whose values
    are objects in JSON. `in_text` turns a written value into the text form.
    """

    name: str
    label: str | Promise
    ops: tuple[Op, ...]
    read: Callable[[Any, str, Op], Any]
    condition: Callable[[Condition, Actor], Q]
    write: Callable[[Any], Any] = lambda value: value
    in_text: Callable[[Any], str] = str
    has_keys: bool = False
    has_objects: bool = False

    @property
    def plain_op(self) -> Op | None:
        """What a value without an operator means; None if one has to be said."""
        if Op.IS in self.ops:
            return Op.IS
        return self.ops[0] if len(self.ops) == 1 else None


FIELDS: dict[str, Field] = {}


def field_add(field: Field) -> None:
    """Declare a field of the language."""
    FIELDS[field.name] = field


def invalid(message: str, /, **params: Any) -> InvalidInput:
    """Return the refusal of an audience."""
    return InvalidInput("invalid_audience", message, {"field": "audience"}, **params)


# --- Values --------------------------------------------------------------------------------------


def read_text(raw: Any, where: str, op: Op) -> str:
    """Read a text. An empty one is a variable that nobody has filled in, so it is refused."""
    if isinstance(raw, bool):
        raw = str(raw).lower()
    if isinstance(raw, int | float | Decimal):
        raw = str(raw)
    if not isinstance(raw, str) or "\0" in raw or len(raw) > LENGTH:
        raise invalid(
            "{where}: use a text of at most {limit} characters.", where=where, limit=LENGTH
        )
    if is_blank(raw):
        raise invalid("{where} is empty: give a value, or leave it out.", where=where)
    return raw.strip()


def _read_boolean(raw: Any, where: str, op: Op) -> bool:
    word = read_text(raw, where, op).lower()
    if word not in WORDS:
        raise invalid("{where}: use true or false.", where=where)
    return WORDS[word]


def _read_duration(raw: Any, where: str, op: Op) -> int:
    """Read seconds, or a text such as 90s, 5m, 1h30m, 2d."""
    written = read_text(raw, where, op)
    if re.fullmatch("[0-9]{1,10}", written, re.ASCII):
        seconds = int(written)
    elif DURATION.fullmatch(written):
        seconds = sum(int(number) * UNITS[unit] for number, unit in PART.findall(written))
    else:
        raise invalid("{where}: use a time such as 90s, 5m or 1h30m.", where=where)
    if seconds > SECONDS_MOST:
        raise invalid("{where}: use at most {limit:,} seconds.", where=where, limit=SECONDS_MOST)
    return seconds


def _duration_text(seconds: int) -> str:
    """Return a duration in its largest whole unit, as 5m."""
    for unit in "dhm":
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds // UNITS[unit]}{unit}"
    return f"{seconds}s"


def _read_data(raw: Any, where: str, op: Op) -> Any:
    """Read a value of user data: a text, and for comparisons a number or a time."""
    written = read_text(raw, where, op)
    if op not in COMPARISONS:
        return written
    if NUMBER.fullmatch(written):
        return Decimal(written)
    found = read_iso(written)
    if found is None or not 1970 <= found.year <= 9000:
        raise invalid(
            "{where}: compare with a number such as 12.5, or a time such as 2026-01-31 or "
            "2026-01-31T12:00:00Z.",
            where=where,
        )
    if not isinstance(found, datetime):
        return timezone.make_aware(datetime(found.year, found.month, found.day))
    zone = timezone.get_default_timezone()
    return found if found.tzinfo else on_clocks(found, zone, field="audience")


def _write_data(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return int(value) if whole and abs(value) < 2**53 else str(value)
    return value.isoformat() if isinstance(value, datetime) else value


# --- Conditions ----------------------------------------------------------------------------------

LOOKUPS: dict[Op, Any] = {
    Op.MORE_THAN: GreaterThan,
    Op.AT_LEAST: GreaterThanOrEqual,
    Op.LESS_THAN: LessThan,
    Op.AT_MOST: LessThanOrEqual,
}


class UserDataText(Func):
    """A value of user data as a text; NULL if the chat has none."""

    template = "(%(expressions)s)"
    arg_joiner = " ->> "
    output_field = TextField()

    def __init__(self, expression: Any, key: str) -> None:
        super().__init__(expression, Cast(Value(key), TextField()))


class _HasValue(Func):
    """Whether a text has more than blanks in it."""

    template = "(coalesce(btrim(%(expressions)s), '') <> '')"
    output_field = BooleanField()


class _AsNumber(Func):
    """The number that a text is; NULL if it is none."""

    function = "audience_number"
    output_field = DecimalField(max_digits=40, decimal_places=10)


class _AsMoment(Func):
    """The time that a text is, on the console's clocks if it names no zone; NULL if it is none."""

    function = "audience_moment"
    output_field = DateTimeField()


def _holds(lookup: "Lookup[Any]") -> Q:
    """Return a condition that is never NULL, so that `not` has its plain meaning."""
    return Q(Coalesce(lookup, False, output_field=BooleanField()))


def _column(name: str) -> Callable[[Condition, Actor], Q]:
    """Return the condition of a text column that is "" without a value."""

    def condition(asked: Condition, actor: Actor) -> Q:
        if asked.op is Op.EXISTS:
            return ~Q(**{name: ""})
        if asked.op is Op.IS:
            return Q(**{f"{name}__in": asked.values})
        lookup = "icontains" if asked.op is Op.CONTAINS else "istartswith"
        return Q(**{f"{name}__{lookup}": asked.values[0]})

    return condition


def _chat_server(asked: Condition, actor: Actor) -> Q:
    """Chats never carry a former name: those who still ask by it mean the present one."""
    if asked.op is Op.IS:
        return Q(chat_server_name__in=[present_name(name) for name in asked.values])
    return _column("chat_server_name")(asked, actor)


def live_locales() -> list[str]:
    known = Interaction.objects.filter(ended_at=None, is_test=False).exclude(locale="").order_by()
    return list(known.values_list("locale", flat=True).distinct())


def _language(asked: Condition, actor: Actor) -> Q:
    """`is` means the same tag in whatever spelling: iw is he, pt_BR is pt-br. `begins_with` means a
    language with whatever script and region: es is es-MX too."""
    if asked.op is Op.EXISTS:
        return ~Q(locale="")
    live = live_locales()
    if asked.op is Op.BEGINS_WITH:
        wanted = read(asked.values[0])
        return Q(locale__in=[one for one in live if wanted and _is_in(read(one), wanted)])
    same = [one for one in live if any(is_same(one, value) for value in asked.values)]
    return Q(locale__in=[*asked.values, *same])


def _is_in(tag: Any, wanted: Any) -> bool:
    return (
        tag is not None
        and tag.language == wanted.language
        and (not wanted.region or tag.region == wanted.region)
        and (wanted.script == tag.script)
    )


def _team(asked: Condition, actor: Actor) -> Q:
    if asked.op is Op.EXISTS:
        return Q(team__isnull=False)
    teams = Team.objects.filter(name__in=asked.values)
    if not actor.sees_all_teams:
        teams = teams.filter(pk__in=actor.team_ids)
    known = dict(teams.values_list("name", "pk"))
    missing = [name for name in asked.values if name not in known]
    if missing:
        raise invalid("There is no team {name}.", name=missing[0])
    return Q(team__in=list(known.values()))


def _online(asked: Condition, actor: Actor) -> Q:
    return Q(is_online__in=list(asked.values))


def _waiting(asked: Condition, actor: Actor) -> Q:
    since = near_now() - timedelta(seconds=asked.values[0])
    # Who waits longer came earlier.
    turned = {
        Op.MORE_THAN: "lt",
        Op.AT_LEAST: "lte",
        Op.LESS_THAN: "gt",
        Op.AT_MOST: "gte",
    }
    return Q(**{f"received_at__{turned[asked.op]}": since})


def _anywhere(asked: Condition, actor: Actor) -> Q:
    text = asked.values[0]
    return (
        Q(id__icontains=text)
        | Q(customer_name__icontains=text)
        | Q(queue__icontains=text)
        | Q(agent__icontains=text)
    )


def _data(asked: Condition, actor: Actor) -> Q:
    value: Any = UserDataText(F("user_data"), asked.key)
    if asked.op is Op.EXISTS:
        return Q(_HasValue(value))
    if asked.op is Op.IS:
        return _holds(In(value, list(asked.values)))
    if asked.op is Op.CONTAINS:
        return _holds(IContains(value, asked.values[0]))
    if asked.op is Op.BEGINS_WITH:
        return _holds(IStartsWith(value, asked.values[0]))
    compared = asked.values[0]
    if isinstance(compared, Decimal):
        return _holds(LOOKUPS[asked.op](_AsNumber(value), compared))
    zone = Value(timezone.get_default_timezone_name())
    return _holds(LOOKUPS[asked.op](_AsMoment(value, zone), compared))


_TEXT_OPS = (Op.IS, Op.CONTAINS, Op.BEGINS_WITH, Op.EXISTS)


def _text(name: str, label: Any, column: str) -> Field:
    return Field(name, label, _TEXT_OPS, read_text, _column(column))


def _declare(fields: Iterable[Field]) -> None:
    for each in fields:
        field_add(each)


_declare(
    (
        _text("queue", _("Queue"), "queue"),
        _text("agent", _("Agent"), "agent"),
        Field("language", _("Language"), (Op.IS, Op.BEGINS_WITH, Op.EXISTS), read_text, _language),
        Field(
            "chat_server", _("Chat Server (application name)"), _TEXT_OPS, read_text, _chat_server
        ),
        Field("team", _("Team"), (Op.IS, Op.EXISTS), read_text, _team),
        Field(
            "waiting",
            _("Waiting time"),
            COMPARISONS,
            _read_duration,
            _waiting,
            in_text=_duration_text,
        ),
        Field(
            "online",
            _("Online"),
            (Op.IS,),
            _read_boolean,
            _online,
            in_text=lambda value: str(value).lower(),
        ),
        _text("state", _("State"), "state"),
        _text("media_type", _("Media type"), "media_type"),
        _text("customer", _("Customer"), "customer_name"),
        _text("id", _("Chat id"), "id"),
        Field("text", _("Customer, chat id, queue or agent"), (Op.CONTAINS,), read_text, _anywhere),
        Field(
            "data",
            _("User data"),
            (*_TEXT_OPS, *COMPARISONS),
            _read_data,
            _data,
            _write_data,
            has_keys=True,
        ),
    )
)


def known_field(name: str) -> Field:
    """Return the field. Raises InvalidInput, which lists those that there are."""
    if name not in FIELDS:
        raise invalid(
            "There is no condition {name}; use {known}.", name=name[:100], known=list(FIELDS)
        )
    return FIELDS[name]


def make_condition(name: str, key: str, op: Op, raw: Sequence[Any]) -> Condition:
    """Return a condition of these values as JSON or the text form gives them. Raises
    InvalidInput."""
    field = known_field(name)
    where = f"{name}.{key}" if key else name
    if field.has_keys and not key:
        raise invalid("Say which key of {where}: {where}.KEY.", where=where)
    if key and not field.has_keys:
        raise invalid("{where} has no keys.", where=name)
    if op not in field.ops:
        raise invalid(
            "{where} can't be compared by {op!r}; use {known}.",
            where=where,
            op=op.value,
            known=[each.value for each in field.ops],
        )
    if len(key) > LENGTH or "\0" in key:
        raise invalid("A key has at most {limit} characters.", limit=LENGTH)
    return Condition(name, op, _read_all(field, where, op, raw), key)


def _read_all(field: Field, where: str, op: Op, raw: Sequence[Any]) -> tuple[Any, ...]:
    if op is Op.EXISTS:
        return ()
    if not raw:
        raise invalid("{where} is empty: give a value, or leave it out.", where=where)
    if len(raw) > VALUES_MOST:
        raise invalid("{where}: use at most {limit} values.", where=where, limit=VALUES_MOST)
    if op is not Op.IS and len(raw) > 1:
        raise invalid("{where}: compare with one value.", where=where)
    return tuple(dict.fromkeys(field.read(each, where, op) for each in raw))
