"""Turns a file's rows into a plan and a report for each row."""

from collections.abc import Callable, Iterable

from tablib import Dataset

from console.actors import Actor
from console.catalogue.transfer.columns import CATEGORY, PRESET
from console.catalogue.transfer.drafting import plan_drafted
from console.catalogue.transfer.files.formats import format_of
from console.catalogue.transfer.pins import refuse_without_snippets
from console.catalogue.transfer.plans import Plan, known, plan_categories, plan_presets
from console.catalogue.transfer.reading import Row, read_rows
from console.catalogue.transfer.restoring import plan_restored
from console.catalogue.transfer.spelling import spell_as_known

# (phase, rows done, rows in total)
Progress = Callable[[str, int, int], None]
ROWS_A_STEP = 200


def no_progress(phase: str, done: int, total: int) -> None:
    """Ignore the progress."""


def plan_import(
    actor: Actor,
    dataset: Dataset,
    *,
    file_name: str,
    restore: bool,
    progress: Progress = no_progress,
) -> Plan:
    """Compare a file with the catalogue, and write nothing.

    Raises InvalidInput for a file whose columns are not those of a catalogue.
    """
    # As a spreadsheet numbers them, below the line of names.
    first = 1 if format_of(file_name) == "json" else 2
    rows = read_rows(dataset, first=first, restore=restore)
    groups = _by_key(row for row in rows if row.record not in (PRESET, CATEGORY))
    there = known(actor, file_name, groups, restore=restore)
    spell_as_known(rows, there)
    plan = Plan([row.report for row in rows])
    plan.presets = plan_presets([row for row in rows if row.record == PRESET], there)
    tree = [row for row in rows if row.record == CATEGORY]
    plan.categories = plan_categories(tree, there)
    plan_notice = plan_restored if restore else plan_drafted
    done = 0
    for group in groups.values():
        planned = plan_notice(group, there)
        if planned is not None:
            plan.notices.append(planned)
        before, done = done, done + len(group)
        if done // ROWS_A_STEP > before // ROWS_A_STEP:
            progress("checking", done, len(rows))
    if restore:
        plan.notices = refuse_without_snippets(plan.notices, groups)
    return plan


def _by_key(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key, []).append(row)
    return groups
