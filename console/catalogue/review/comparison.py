"""Two versions of a notice side by side."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from console.actors import Permission
from console.catalogue.content.version_content import VersionContent
from console.catalogue.models import NoticeVersion
from console.catalogue.review.side_by_side import review_of
from console.catalogue.selectors import notice_get, version_get, versions
from console.site.access import actor_of, require


@require_GET
@require(Permission.VIEW_CATALOGUE)
def notice_compare(request: HttpRequest, key: str) -> HttpResponse:
    """`?from=1&to=3`. The default is the newest version and the one before it."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    known = list(versions(actor, notice))
    newest = [version.number for version in known[:2]]
    chosen = [
        _number(request.GET.get(name, ""), default)
        for name, default in (("from", min(newest, default=0)), ("to", max(newest, default=0)))
    ]
    context: dict[str, Any] = {"notice": notice, "versions": known}
    if known:
        old, new = (version_get(actor, notice, number) for number in chosen)
        review = review_of(actor, old, new)
        context |= {"old": old, "new": new, "review": review, **comparison(old, new)}
    return render(request, "catalogue/notice_compare.html", context)


def comparison(old: NoticeVersion, new: NoticeVersion) -> dict[str, Any]:
    """Return both versions' texts by locale, the new default first, and the other differences: the
    notice's names and how it is sent."""
    locales = sorted(
        {*old.bodies, *new.bodies}, key=lambda name: (name != new.default_locale, name)
    )
    texts = [(name, old.bodies.get(name), new.bodies.get(name)) for name in locales]
    before, after = VersionContent.of(old).shown(), VersionContent.of(new).shown()
    facts = [(label, was, after[label]) for label, was in before.items() if was != after[label]]
    return {
        "texts": [
            {"locale": name, "old": was, "new": now, "same": was == now} for name, was, now in texts
        ],
        "names": _names(new),
        "facts": facts,
    }


def _names(new: NoticeVersion) -> list[Any]:
    """Return the notice's current and proposed names, where `new` would change them."""
    called = new.notice
    titles = (_("New title"), called.title, new.new_title)
    shortcuts = (_("New shortcut"), called.shortcut, new.new_shortcut)
    return [
        (label, "" if was == brought else was, brought)
        for label, was, brought in (titles, shortcuts)
        if brought
    ]


def _number(given: str, default: int) -> int:
    return int(given) if given.isdecimal() and len(given) < 10 else default
