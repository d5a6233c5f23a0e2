"""The filters of the history. Each is declared once, as a field of DeliveryFilter, for the page,
the API, the export and the OpenAPI document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import Any, Self

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.errors import InvalidInput
from console.interactions.selectors import names_of_chat_server
from console.sends.evidence_models import Verdict
from console.sends.models import DeliveryStatus
from console.text.moments import on_clocks, read_iso
from console.text.visible import is_blank

LENGTH = 255


class Kind(Enum):
    """The type of a filter's value: a line, a whole number from 1, a choice, or a time."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Filter:
    """`condition` turns a value into a query condition. `name` is the query parameter if it differs
    from the field's name. `description` is for the API. `choices` begin with the label for all."""

    label: Any  # lazily translated
    condition: Callable[[Any], Q]
    kind: Kind = Kind.TEXT
    max_length: int = LENGTH
    name: str = ""
    description: str = ""
    choices: Sequence[tuple[str, Any]] = ()

    def read(self, name: str, value: str) -> Any:
        """Parse a query parameter's value. Raises InvalidInput."""
        if self.kind is Kind.TIME:
            return _time(name, value)
        text = value.strip()
        if "\0" in text or len(text) > LENGTH:
            raise InvalidInput(
                "invalid_filter",
                "{name}: use a text of at most {limit} characters.",
                name=name,
                limit=LENGTH,
            )
        known = [code for code, _label in self.choices if code]
        if self.kind is Kind.CHOICE and text not in known:
            raise InvalidInput("invalid_filter", "{name}: choose {known}.", name=name, known=known)
        if self.kind is Kind.NUMBER and not (
            text.isascii() and text.isdecimal() and len(text) < 10
        ):
            raise InvalidInput("invalid_filter", "{name}: use a whole number.", name=name)
        return text


def _declared(label: Any, condition: Callable[[Any], Q], *, default: Any = "", **facts: Any) -> Any:
    return field(default=default, metadata={"filter": Filter(label, condition, **facts)})


def _anywhere(text: str) -> Q:
    return (
        Q(interaction__id__icontains=text)
        | Q(customer_name__icontains=text)
        | Q(body__icontains=text)
        | Q(send__version__notice__key__icontains=text)
        | Q(send__version__notice__title__icontains=text)
        | Q(send__actor_name__icontains=text)
    )


UNRESOLVED, CONTESTED = "unresolved", "contested"
RESOLUTIONS: dict[str, Q] = {
    UNRESOLVED: Q(status=DeliveryStatus.UNKNOWN, resolution__isnull=True),
    Verdict.DELIVERED: Q(resolution__verdict=Verdict.DELIVERED),
    Verdict.NOT_DELIVERED: Q(resolution__verdict=Verdict.NOT_DELIVERED),
    CONTESTED: Q(resolution__is_contested=True),
}


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """The values to filter the history by; without any, all deliveries match. Times are aware."""

    q: str = _declared(_("Customer, chat id, text, notice or sender"), _anywhere)
    status: str = _declared(
        _("Outcome"),
        lambda value: Q(status=value),
        kind=Kind.CHOICE,
        choices=(("", _("All outcomes")), *DeliveryStatus.choices),
    )
    resolution: str = _declared(
        _("Unknown ones"),
        lambda value: RESOLUTIONS[value],
        kind=Kind.CHOICE,
        choices=(
            ("", _("Whatever evidence says")),
            (UNRESOLVED, _("Nothing is known of them")),
            (str(Verdict.DELIVERED), Verdict.DELIVERED.label),
            (str(Verdict.NOT_DELIVERED), Verdict.NOT_DELIVERED.label),
            (CONTESTED, _("The evidence differs")),
        ),
        description="What evidence says of deliveries that ended as `unknown`.",
    )
    notice: str = _declared(
        _("Notice (key)"),
        lambda value: Q(send__version__notice__key=value),
        max_length=100,
        description="A notice's key.",
    )
    version: str = _declared(
        _("Version"),
        lambda value: Q(send__version__number=int(value)),
        kind=Kind.NUMBER,
        description="The number of a version of `notice`.",
    )
    actor: str = _declared(
        _("Sent by"),
        lambda value: Q(send__actor_ref=value) | Q(send__actor_name__icontains=value),
        max_length=200,
        description="A name or reference.",
    )
    send: str = _declared(
        _("Send"),
        lambda value: Q(send_id=int(value)),
        kind=Kind.NUMBER,
        description="The number of a send.",
    )
    delivery: str = _declared(
        _("Delivery"),
        lambda value: Q(pk=int(value)),
        kind=Kind.NUMBER,
        description="The number of a delivery.",
    )
    interaction: str = _declared(_("Chat id"), lambda value: Q(interaction_id=value), max_length=64)
    chat_server: str = _declared(
        _("Chat Server"),
        lambda value: Q(chat_server_name__in=names_of_chat_server(value)),
        max_length=128,
        description="A name that the Chat Server has, or had before it was renamed.",
    )
    since: datetime | None = _declared(  # noqa: RUF009 - it is a field()
        _("From"),
        lambda value: Q(created_at__gte=value),
        default=None,
        kind=Kind.TIME,
        name="from",
    )
    until: datetime | None = _declared(  # noqa: RUF009 - it is a field()
        _("Until"), lambda value: Q(created_at__lt=value), default=None, kind=Kind.TIME
    )

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Self:
        """Read the filter from query parameters (`from` is `since`). Raises InvalidInput."""
        known = {declared.name or name: name for name, declared in FILTERS.items()}
        known |= {name: name for name in FILTERS}
        values: dict[str, Any] = {}
        for given, value in raw.items():
            if given not in known:
                raise InvalidInput("unknown_filter", "There is no filter {given}.", given=given)
            if value is None or is_blank(str(value)):
                raise InvalidInput(
                    "invalid_filter",
                    "{given} is empty: give a value, or leave it out.",
                    {"field": given},
                    given=given,
                )
            name = known[given]
            values[name] = FILTERS[name].read(given, str(value))
        return cls(**values)

    def to_mapping(self) -> dict[str, str]:
        """Return the values that are set, as strings."""
        set_ones = {name: value for name, value in asdict(self).items() if value}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in set_ones.items()
        }

    def to_condition(self) -> Q:
        condition = Q()
        for name, declared in FILTERS.items():
            if value := getattr(self, name):
                condition &= declared.condition(value)
        return condition


FILTERS: dict[str, Filter] = {each.name: each.metadata["filter"] for each in fields(DeliveryFilter)}


def _time(name: str, value: str) -> datetime:
    """Parse a time, in the console's zone if it names none; a date means its first moment."""
    found = read_iso(value.strip())
    # Times at either end of the calendar do not exist in every other zone.
    if found is None or not 1970 <= found.year <= 9000:
        raise InvalidInput(
            "invalid_filter",
            "{name}: use a time such as 2026-01-31T12:00:00Z.",
            {"field": name},
            name=name,
        )
    if not isinstance(found, datetime):
        return timezone.make_aware(datetime(found.year, found.month, found.day))
    zone = timezone.get_default_timezone()
    return found if found.tzinfo else on_clocks(found, zone, field=name)
