"""An edit conflict in the editor of a notice: both people's texts, by language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.actors import Actor
from console.catalogue.content.version_content import revision
from console.catalogue.models import CannedNotice
from console.catalogue.selectors import versions
from console.editing.conflict import Difference, EditConflict
from console.editing.revision import CONFLICTS
from console.errors import ConsoleError


def edit_conflict(
    actor: Actor, notice: CannedNotice, refusal: ConsoleError, typed: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the editor's page shows of a refusal; nothing if it is not an edit conflict."""
    newest = versions(actor, notice).first() if refusal.code in CONFLICTS else None
    if newest is None:
        return {}
    locales = sorted({*newest.bodies, *typed})
    title = _("Version %(n)s by %(name)s, and what you typed")
    conflict = EditConflict(
        title % {"n": newest.number, "name": newest.author_name},
        [Difference(one, newest.bodies.get(one, ""), typed.get(one, "")) for one in locales],
        passable=CONFLICTS[refusal.code],
        status=newest.status,
    )
    # The page shows the newest version, so the next save may replace it.
    seen = {"expected": revision(newest)} if conflict.passable else {}
    return {"conflict": conflict, **seen}
