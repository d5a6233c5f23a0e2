"""The live board's columns: their labels and sort orders."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.interactions.models import Interaction


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the board and the fields that sort it.

    A longer waiting time means an earlier arrival, hence the minus in that column. A column without
    `fields` sorts nothing.
    """

    name: str
    label: str | Promise
    fields: tuple[str, ...]
    numeric: bool = False


COLUMNS = (
    Column("customer", _("Customer"), ("customer_name", "id")),
    Column("queue", _("Queue"), ("queue", "received_at", "id")),
    Column("locale", _("Language"), ("locale", "received_at", "id")),
    Column("waiting", _("Waiting"), ("-received_at", "-id"), numeric=True),
    Column("last", _("Last notice"), ()),
    Column("agent", _("Agent"), ("agent", "received_at", "id")),
    Column("chat_server", _("Chat Server"), ("chat_server_name", "received_at", "id")),
)
BY_NAME = {column.name: column for column in COLUMNS if column.fields}
DEFAULT_SORT = "-waiting"


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head for the template."""

    name: str
    label: str | Promise
    numeric: bool
    direction: str
    query: str

    @property
    def drawing(self) -> str:
        """The arrow of the column that sorts the rows."""
        return {"ascending": "sort-up", "descending": "sort-down"}.get(self.direction, "")


def known_sort(asked: str) -> str:
    """Return `asked` if it names a column, else the default: the longest waiting first."""
    return asked if asked.removeprefix("-") in BY_NAME else DEFAULT_SORT


def sorted_chats(chats: QuerySet[Interaction], sort: str) -> QuerySet[Interaction]:
    fields = BY_NAME[sort.removeprefix("-")].fields
    if sort.startswith("-"):
        fields = tuple(f.removeprefix("-") if f.startswith("-") else f"-{f}" for f in fields)
    return chats.order_by(*fields)


def heads(sort: str, query: dict[str, Any]) -> list[Head]:
    """Return the heads. Each links to its own order, and the present one to its reverse."""
    found = []
    for column in COLUMNS:
        descending = sort == f"-{column.name}"
        in_use = descending or sort == column.name
        first = f"-{column.name}" if column.numeric else column.name
        after = (column.name if descending else f"-{column.name}") if in_use else first
        direction = ("descending" if descending else "ascending") if in_use else ""
        found.append(
            Head(
                column.name,
                column.label,
                column.numeric,
                direction,
                urlencode({**query, "sort": after}) if column.fields else "",
            )
        )
    return found


def board_url(query: dict[str, Any], name: str = "board", *args: int) -> str:
    address = reverse(name, args=args)
    return f"{address}?{urlencode(query)}" if query else address
