"""An edit conflict: two people edited one notice. The page shows both texts, and loses neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.actors import Actor
from console.catalogue.content.version_content import revision
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.selectors import versions
from console.errors import ConsoleError

CONFLICTS = {"changed_meanwhile", "version_open", "not_author", "wrong_status"}


@dataclass(frozen=True, slots=True)
class EditConflict:
    """What somebody else has saved meanwhile, and beside it what was typed, by locale. `passable`
    says whether saving again puts what was typed in its place."""

    version: NoticeVersion
    texts: list[tuple[str, str, str]]
    passable: bool


def edit_conflict(
    actor: Actor, notice: CannedNotice, refusal: ConsoleError, typed: Mapping[str, str]
) -> dict[str, Any]:
    """What the editor's page shows of a refusal: nothing, where nobody else was at it."""
    newest = versions(actor, notice).first() if refusal.code in CONFLICTS else None
    if newest is None:
        return {}
    locales = sorted({*newest.bodies, *typed})
    texts = [(name, newest.bodies.get(name, ""), typed.get(name, "")) for name in locales]
    passable = refusal.code == "changed_meanwhile"
    shown = {"theirs": EditConflict(newest, texts, passable)}
    # Whoever saves again after this has seen it.
    return shown | {"expected": revision(newest)} if passable else shown
