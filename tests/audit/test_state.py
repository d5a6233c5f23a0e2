"""What the database says now, held against what the ledger says it must be: it agrees after
everything that the console itself does."""

import pytest
from django.apps import apps

from console.audit.state.kinds import ELSEWHERE, KINDS, PASSED_OVER
from console.audit.state.running import Progress, compare_all
from tests.audit.every_service import CALLS
from tests.audit.small_world import World
from tests.audit.test_every_service import taken_back


def said(progress: Progress) -> list[str]:
    return [str(each.sentence) for each in progress.named]


@pytest.mark.django_db
def test_it_agrees_after_each_service(world: World) -> None:
    """A false alarm would be the end of it: nobody would look at the next one."""
    differing, unproved = {}, {}
    for service, prepare in CALLS.items():
        with taken_back():
            prepare(world)()
            progress = compare_all()
            if not progress.holds:
                differing[service] = said(progress)
            unproved[service] = dict(progress.unproved)
    assert differing == {}
    assert {key for found in unproved.values() for key in found} <= ALLOWED, unproved


# What may not be proved of a small world whose ledger is new.
ALLOWED = {"erased:deliveries", "erased:answers", "lacks:send", "archived:send"}


def test_each_column_is_decided_about() -> None:
    """A new model or column? Say in its app's `told` module what becomes of it."""
    compared = {kind.model._meta.label: (kind.fields, kind.passed_over) for kind in KINDS.values()}
    compared |= {label: (it.fields, it.passed_over) for label, it in ELSEWHERE.items()}
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label
        if (label in compared) == (label in PASSED_OVER):
            wrong.append(label)
        elif label in compared:
            fields, passed_over = compared[label]
            columns = {item.attname for item in model._meta.concrete_fields}
            key = model._meta.pk.attname
            decided = {*fields, *passed_over, key}
            wrong += [f"{label}.{name}" for name in sorted(columns ^ decided)]
            wrong += [f"{label}.{name} twice" for name in fields if name in passed_over]
    assert wrong == []
    assert all(PASSED_OVER.values())
