"""What can be exported. Each list says so itself, by a Subject that it declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.services import Target
from console.errors import InvalidInput
from console.exports.files.cells import Row


def count_rows(rows: QuerySet[Any], most: int) -> int:
    """Return how many rows there are, at most `most`."""
    return rows.prefetch_related(None).order_by()[:most].count()


@dataclass(frozen=True, slots=True)
class Subject:
    """A list that can be exported.

    `read_filter` checks the values of a filter, and returns them as `rows` takes them. `rows`
    returns what the actor may see, as the list itself does: a QuerySet of `model`, or what can be
    filtered and read as one by its primary key, which grows with time. `planned` returns the same
    as a QuerySet, of which PostgreSQL estimates the rows. `count` says how many there are, up to a
    number. `action` and `target` are the ledger's entry of an order.
    """

    name: str
    label: Any  # lazily translated
    permission: Permission
    columns: Sequence[str]
    read_filter: Callable[[Mapping[str, Any]], dict[str, str]]
    model: type[Model]
    rows: Callable[[Actor, Mapping[str, str]], Any]
    planned: Callable[[Actor, Mapping[str, str]], QuerySet[Any]]
    row: Callable[[Any], Row]
    action: Action
    target: Target
    count: Callable[[Any, int], int] = count_rows


_subjects: dict[str, Subject] = {}


def declare(subject: Subject) -> None:
    """Make a list known. Its app calls this when it is ready."""
    _subjects[subject.name] = subject


def subject_named(name: str) -> Subject:
    """Return a subject. Raises InvalidInput."""
    if name not in _subjects:
        raise InvalidInput(
            "unknown_subject",
            "{name} can't be exported; use {known}.",
            {"field": "subject"},
            name=name,
            known=sorted(_subjects),
        )
    return _subjects[name]


def subjects_of(actor: Actor) -> list[Subject]:
    """Return what the actor may export."""
    return [each for each in _subjects.values() if actor.may(each.permission)]
