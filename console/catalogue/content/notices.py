"""Writes notices without their texts: creates, changes, retires and restores them."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.catalogue.content.categories import category_at, require_fitting
from console.catalogue.content.search_index import words_keep
from console.catalogue.content.snippets import require_unused
from console.catalogue.models import CannedNotice, NoticeKind, NoticeVersion, VersionStatus
from console.catalogue.told import NOTICE
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.text.inputs import read_line
from console.text.naming import folded
from console.text.sentences import term
from console.text.visible import is_blank

KEY = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
SHORTCUT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Pages of the catalogue have these names in the place of a key.
RESERVED_KEYS = frozenset({"new", "import", "export"})
TITLE_LIMIT = 200
SHORTCUT_LIMIT = 40
TAG_LIMIT = 40
TAGS_LIMIT = 20


def notice_create(
    actor: Actor,
    *,
    key: str,
    kind: str,
    title: str,
    category: str = "",
    team: Team | None = None,
    tags: Iterable[str] = (),
    shortcut: str = "",
) -> CannedNotice:
    """Create a notice without a version. `category` is a path, created if necessary.

    Raises InvalidInput, or Conflict for a key or a shortcut in use.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    _check_key(key)
    if kind not in NoticeKind.values:
        raise InvalidInput(
            "unknown_kind",
            "{kind!r} is no kind of notice: choose {known}.",
            {"field": "kind"},
            kind=kind,
            known=NoticeKind.values,
        )
    title = _read_title(title)
    _require_own_team(actor, team)
    names = {"key": key, "title": title, "shortcut": normal_shortcut(shortcut)}
    notice = CannedNotice(kind=kind, team=team, tags=normal_tags(tags), **names)
    try:
        with transaction.atomic():
            notice.category = category_at(actor, category, team)
            notice.save()
            words_keep(notice)
            audit.record(
                actor,
                Action.NOTICE_CREATED,
                target=("notice", notice.key, notice.title),
                data={
                    "kind": kind,
                    "category": category,
                    "team": team.name if team else "",
                    "tags": notice.tags,
                    "shortcut": notice.shortcut,
                    **told((NOTICE, notice.pk)),
                },
            )
    except IntegrityError as error:
        raise _taken(notice, error) from error
    return notice


def _check_key(key: str) -> None:
    if not KEY.fullmatch(key) or len(key) > 100:
        raise InvalidInput(
            "invalid_key",
            "Use small letters, digits and hyphens for the key, at most 100, for example "
            "delivery-delayed.",
            {"field": "key"},
        )
    if key in RESERVED_KEYS:
        raise InvalidInput(
            "invalid_key",
            "No notice can be called {key}: choose another key.",
            {"field": "key"},
            key=key,
        )


def notice_update(
    actor: Actor, notice: CannedNotice, *, expected: str | None = None, **changes: Any
) -> CannedNotice:
    """Change `title`, `category` (a path, "" for none), `team`, `tags` or `shortcut`; what is not
    given stays as it is by now. `expected` is the revision of the notice_state that was changed.

    The key and kind are for ever. Raises InvalidInput, or Conflict for a shortcut in use, where the
    notice is not what was expected any more, and for another title or shortcut of a notice that
    people can send by these: that comes with a version, which somebody else approves. An operator's
    word is enough.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    values = {name: _normal(name, value) for name, value in changes.items()}
    _require_own_team(actor, changes.get("team"))
    try:
        with transaction.atomic():
            notice.refresh_from_db(
                from_queryset=CannedNotice.objects.select_for_update(no_key=True)
            )
            require_not_retired(notice)
            require_unchanged(notice_state(notice), expected, term("this notice"))
            if not actor.is_system:
                _require_names_kept(notice, values)
            category = values.pop("category", None)
            for name, value in values.items():
                setattr(notice, name, value)
            if "category" in changes:
                notice.category = category_at(actor, category, notice.team)
            require_fitting(notice.category, notice.team)
            notice.save(update_fields=list(changes))
            words_keep(notice)
            audit.record(
                actor,
                Action.NOTICE_CHANGED,
                target=("notice", notice.key, notice.title),
                data=_said_of(notice, changes),
            )
    except IntegrityError as error:
        raise _taken(notice, error) from error
    return notice


def names_are_reviewed(notice: CannedNotice) -> bool:
    """Return whether the notice has a published or scheduled version, so that people send it by its
    title and shortcut. From then on a new title or shortcut is approved with a version."""
    return notice.versions.filter(
        status__in=[VersionStatus.PUBLISHED, VersionStatus.SCHEDULED]
    ).exists()


def _require_names_kept(notice: CannedNotice, values: dict[str, Any]) -> None:
    """Raise Conflict if `values` has a new title or shortcut that needs a review.

    Removing a shortcut is allowed: the notice then has fewer names, and no new one.
    """
    before = {name: getattr(notice, name) for name in ("title", "shortcut")}
    others = [name for name, now in before.items() if values.get(name) and values[name] != now]
    if others and names_are_reviewed(notice):
        raise Conflict(
            "name_needs_review",
            "People send the notice {notice} by its {other}, so somebody else approves another "
            "one. Give the new {other} in the notice's next version, and submit that.",
            {"field": others[0]},
            notice=notice.key,
            other=term("title") if others[0] == "title" else term("shortcut"),
        )


def read_new_names(notice: CannedNotice, title: str, shortcut: str) -> tuple[str, str]:
    """Return a version's new title and shortcut in stored form; "" for one that the notice has
    already. Raises InvalidInput."""
    title = "" if is_blank(title) else _read_title(title)
    shortcut = normal_shortcut(shortcut)
    return (
        "" if title == notice.title else title,
        "" if shortcut == notice.shortcut else shortcut,
    )


def names_to_be(version: NoticeVersion) -> dict[str, str]:
    """Return the notice's title and shortcut once the version is published.

    For a version that was published, return the present ones.
    """
    notice = version.notice
    names = {"new_title": notice.title, "new_shortcut": notice.shortcut}
    if version.status in (VersionStatus.PUBLISHED, VersionStatus.SUPERSEDED):
        return names
    brought = {"new_title": version.new_title, "new_shortcut": version.new_shortcut}
    return names | {name: it for name, it in brought.items() if it}


def notice_rename(notice: CannedNotice, *, title: str, shortcut: str) -> None:
    """Rename the notice; "" changes nothing. A part of a version's publication, which records it.

    Raises Conflict for a shortcut in use, also if another notice takes it at this very moment.
    """
    names = {name: it for name, it in (("title", title), ("shortcut", shortcut)) if it}
    if not names:
        return
    try:
        with transaction.atomic():
            CannedNotice.objects.filter(pk=notice.pk).update(**names)
    except IntegrityError as error:
        raise _shortcut_taken(shortcut) from error
    for name, it in names.items():
        setattr(notice, name, it)


def require_shortcut_free(notice: CannedNotice, shortcut: str) -> None:
    """Raise Conflict if another notice in use has this shortcut."""
    others = CannedNotice.objects.filter(shortcut=shortcut, retired_at=None).exclude(pk=notice.pk)
    if shortcut and others.exists():
        raise _shortcut_taken(shortcut)


def _normal(name: str, value: Any) -> Any:
    """Return a changed value in stored form."""
    if name == "title":
        return _read_title(value)
    normal = {"tags": normal_tags, "shortcut": normal_shortcut}.get(name)
    return normal(value) if normal else value


def notice_state(notice: CannedNotice) -> State:
    """Return the editable columns of a notice as plain data."""
    return {
        "title": notice.title,
        "category": notice.category.path if notice.category else "",
        "team": notice.team.name if notice.team else "",
        "tags": list(notice.tags),
        "shortcut": notice.shortcut,
    }


def _said_of(notice: CannedNotice, changes: dict[str, Any]) -> dict[str, Any]:
    return {**{name: _said(value) for name, value in changes.items()}, **told((NOTICE, notice.pk))}


def _said(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else str(value or "")


def notice_retire(actor: Actor, notice: CannedNotice) -> CannedNotice:
    """Take a notice out of use until somebody restores it. Its sends remain provable.

    Raises Conflict if it is retired already, and for a snippet that texts still use.
    """
    actor.require(Permission.REVIEW_CATALOGUE)
    with transaction.atomic():
        now = timezone.now()
        if not CannedNotice.objects.filter(pk=notice.pk, retired_at=None).update(retired_at=now):
            raise Conflict(
                "already_retired", "The notice {notice} is retired already.", notice=notice.key
            )
        require_unused(notice)
        notice.retired_at = now
        target = ("notice", notice.key, notice.title)
        audit.record(actor, Action.NOTICE_RETIRED, target=target, data=told((NOTICE, notice.pk)))
    return notice


def notice_restore(actor: Actor, notice: CannedNotice) -> CannedNotice:
    """Restore a retired notice with its versions.

    Raises Conflict if it is not retired, or if another notice has its shortcut now.
    """
    actor.require(Permission.REVIEW_CATALOGUE)
    try:
        with transaction.atomic():
            retired = CannedNotice.objects.filter(pk=notice.pk, retired_at__isnull=False)
            if not retired.update(retired_at=None):
                raise Conflict(
                    "not_retired", "The notice {notice} is not retired.", notice=notice.key
                )
            notice.retired_at = None
            target = ("notice", notice.key, notice.title)
            data = told((NOTICE, notice.pk))
            audit.record(actor, Action.NOTICE_RESTORED, target=target, data=data)
    except IntegrityError as error:
        raise _taken(notice, error) from error
    return notice


def normal_tags(tags: Iterable[str]) -> list[str]:
    """Return tags in lower case and without commas.

    Of tags that read the same, the first stays; blank ones are dropped. Raises InvalidInput for too
    many, for commas alone, and for control characters.
    """
    kept: dict[str, str] = {}
    for tag in tags:
        words = (
            " ".join(unicodedata.normalize("NFC", part).lower().split()) for part in tag.split(",")
        )
        seen = [word for word in words if not is_blank(word)]
        if not seen and not is_blank(tag):
            raise InvalidInput(
                "invalid_tags",
                "There are commas and no tag between them. Fill it in, or leave them out.",
                {"field": "tags"},
            )
        for word in seen:
            kept.setdefault(folded(word), word)
    found = list(kept.values())
    for word in found:
        read_line(word, what=term("A tag"), field="tags")
    if len(found) > TAGS_LIMIT or any(len(word) > TAG_LIMIT for word in found):
        raise InvalidInput(
            "invalid_tags",
            "A notice has at most {tags} tags of at most {length} characters.",
            {"field": "tags"},
            tags=TAGS_LIMIT,
            length=TAG_LIMIT,
        )
    return found


def normal_shortcut(shortcut: str) -> str:
    """Return a shortcut in stored form: lower case, without the leading slash. "" means none.

    Raises InvalidInput, also for a slash alone.
    """
    typed = shortcut.strip()
    word = typed.removeprefix("/").lower()
    if typed and (len(word) > SHORTCUT_LIMIT or not SHORTCUT.fullmatch(word)):
        raise InvalidInput(
            "invalid_shortcut",
            "Use letters a to z, digits and dashes between them for the shortcut, at most "
            "{limit}, for example late.",
            {"field": "shortcut"},
            limit=SHORTCUT_LIMIT,
        )
    return word


def _taken(notice: CannedNotice, error: IntegrityError) -> Conflict:
    """Return the Conflict that names which of the notice's names is taken."""
    if "shortcut_unique_in_use" in str(error):
        return _shortcut_taken(notice.shortcut)
    return Conflict(
        "key_taken",
        "There is a notice with the key {notice} already. Choose another key.",
        {"field": "key"},
        notice=notice.key,
    )


def _shortcut_taken(shortcut: str) -> Conflict:
    return Conflict(
        "shortcut_taken",
        "Another notice has the shortcut {shortcut} already. Choose another one, or take it from "
        "that notice first.",
        {"field": "shortcut"},
        shortcut=shortcut,
    )


def _read_title(title: str) -> str:
    title = read_line(title, what=term("A title"), field="title")
    if not title:
        raise InvalidInput(
            "title_missing",
            "Give the notice a title, by which people find it.",
            {"field": "title"},
        )
    if len(title) > TITLE_LIMIT:
        raise InvalidInput(
            "invalid_title",
            "A title has at most {limit} characters.",
            {"field": "title"},
            limit=TITLE_LIMIT,
        )
    return title


def _require_own_team(actor: Actor, team: Team | None) -> None:
    """Raise PermissionRefused for a team of others: the actor could no longer see the notice."""
    if team is not None and not actor.sees_all_teams and team.pk not in actor.team_ids:
        raise PermissionRefused(
            "not_own_team",
            "You are not in the team {team}, and would not see this notice any more. Choose one "
            "of your teams, or none.",
            {"field": "team"},
            team=team.name,
        )


def require_not_retired(notice: CannedNotice) -> None:
    """Raise Unprocessable for a retired notice."""
    if notice.retired_at is not None:
        raise Unprocessable(
            "notice_retired",
            "The notice {notice} is retired and can't be changed. An approver can restore it "
            "first.",
            notice=notice.key,
        )
