"""Notices by their keys, without the words."""

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.audit import services as audit
from console.catalogue.models import CannedNotice, Category, NoticeKind
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable

KEY = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
TITLE_LIMIT = 200
CATEGORY_LIMIT = 100


def notice_create(
    actor: Actor,
    *,
    key: str,
    kind: str,
    title: str,
    category: str = "",
    team: Team | None = None,
) -> CannedNotice:
    """Create a notice without words yet. Raises InvalidInput, or Conflict for a key in use."""
    actor.require(Permission.EDIT_CATALOGUE)
    if not KEY.fullmatch(key) or len(key) > 100:
        raise InvalidInput(
            "invalid_key",
            "Use small letters, digits and hyphens for the key, at most 100, "
            "for example delivery-delayed.",
        )
    if kind not in NoticeKind.values:
        raise InvalidInput(
            "unknown_kind", f"{kind!r} is no kind of notice: choose {', '.join(NoticeKind.values)}."
        )
    _require_title(title)
    _require_own_team(actor, team)
    try:
        with transaction.atomic():
            notice = CannedNotice.objects.create(
                key=key, kind=kind, title=title.strip(), category=_category(category), team=team
            )
            audit.record(
                actor,
                "notice.created",
                target=("notice", notice.key, notice.title),
                data={"kind": kind, "category": category, "team": team.name if team else ""},
            )
    except IntegrityError as error:
        raise Conflict(
            "key_taken", f"There is a notice with the key {key} already. Choose another key."
        ) from error
    return notice


def notice_update(actor: Actor, notice: CannedNotice, **changes: Any) -> CannedNotice:
    """Change `title`, `category` (a name, "" for none) or `team`. The key and kind are for ever."""
    actor.require(Permission.EDIT_CATALOGUE)
    require_not_retired(notice)
    if "title" in changes:
        _require_title(changes["title"])
        notice.title = changes["title"].strip()
    _require_own_team(actor, changes.get("team"))
    with transaction.atomic():
        if "category" in changes:
            notice.category = _category(changes["category"])
        if "team" in changes:
            notice.team = changes["team"]
        notice.save(update_fields=["title", "category", "team"])
        audit.record(
            actor,
            "notice.changed",
            target=("notice", notice.key, notice.title),
            data={name: str(value or "") for name, value in changes.items()},
        )
    return notice


def notice_retire(actor: Actor, notice: CannedNotice) -> CannedNotice:
    """Take a notice out of use for good. What was sent stays provable."""
    actor.require(Permission.REVIEW_CATALOGUE)
    with transaction.atomic():
        now = timezone.now()
        if not CannedNotice.objects.filter(pk=notice.pk, retired_at=None).update(retired_at=now):
            raise Conflict("already_retired", f"The notice {notice.key} is retired already.")
        notice.retired_at = now
        audit.record(actor, "notice.retired", target=("notice", notice.key, notice.title))
    return notice


def _require_title(title: str) -> None:
    if not title.strip():
        raise InvalidInput("title_missing", "Give the notice a title, by which people find it.")
    if len(title.strip()) > TITLE_LIMIT:
        raise InvalidInput("invalid_title", f"A title has at most {TITLE_LIMIT} characters.")


def _require_own_team(actor: Actor, team: Team | None) -> None:
    """Whoever gave a notice to another team could not see it any more."""
    if team is not None and not actor.sees_all_teams and team.pk not in actor.team_ids:
        raise PermissionRefused(
            "not_own_team",
            f"You are not in the team {team.name}, and would not see this notice any more. "
            "Choose one of your teams, or none.",
            {"field": "team"},
        )


def require_not_retired(notice: CannedNotice) -> None:
    """Raise Unprocessable for a notice that is out of use."""
    if notice.retired_at is not None:
        raise Unprocessable(
            "notice_retired", f"The notice {notice.key} is retired and can't be changed."
        )


def _category(name: str | None) -> Category | None:
    if not name or not name.strip():
        return None
    if len(name.strip()) > CATEGORY_LIMIT:
        raise InvalidInput(
            "invalid_category", f"A category's name has at most {CATEGORY_LIMIT} characters."
        )
    return Category.objects.get_or_create(name=name.strip())[0]
