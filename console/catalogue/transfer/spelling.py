"""Unifies names in a file that read the same to people (console.text.naming).

The spelling of this installation wins, or else that of the file's first row.
"""

from collections.abc import Iterable

from console.catalogue.models import CATEGORY_SEPARATOR
from console.catalogue.transfer.plans import Known
from console.catalogue.transfer.reading import Row
from console.text.naming import folded

Key = tuple[str, str]


def spell_as_known(rows: list[Row], there: Known) -> None:
    teams = _Spelling(there.teams)
    presets = _Spelling([*there.presets, *there.proposed])
    categories = _Spelling()
    for path in there.categories:
        above, _between, last = path.rpartition(CATEGORY_SEPARATOR)
        categories.know(above, last)
    for row in rows:
        for cell, known in (("team", teams), ("preset", presets)):
            if row.cells.get(cell):
                row.cells[cell] = known.of("", row.cells[cell])
        if row.cells.get("category"):
            path = ""
            for name in row.cells["category"].split(CATEGORY_SEPARATOR):
                spelled = categories.of(path, name)
                path = f"{path}{CATEGORY_SEPARATOR}{spelled}" if path else spelled
            row.cells["category"] = path


class _Spelling:
    """The spelling of names, each within its parent."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.exact: set[Key] = set()
        self.first: dict[Key, str] = {}
        for name in names:
            self.know("", name)

    def know(self, within: str, name: str) -> None:
        self.exact.add((within, name))
        self.first.setdefault((within, folded(name)), name)

    def of(self, within: str, name: str) -> str:
        if (within, name) in self.exact:
            return name
        return self.first.setdefault((within, folded(name)), name)
