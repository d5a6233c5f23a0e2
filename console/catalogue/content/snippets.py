"""Snippets: named parts of notices' texts, referred to by key.

A snippet is a kind of notice, so it has versions, languages and a review like all others. The
version of each snippet in a text is fixed when the text is submitted: what is reviewed is what is
sent, and a newer snippet needs a new version of the notice. So no text changes after its approval,
and no circular reference can arise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from console.catalogue.kinds import traits
from console.catalogue.models import CannedNotice, NoticeKind, NoticeVersion, VersionStatus
from console.catalogue.states import is_narrower
from console.catalogue.templating.language import Snippet, use
from console.errors import Conflict, Unprocessable
from console.text.sentences import term

SNIPPET_DEPTH = 3
# Versions of snippets by key and number.
Loaded = Mapping[tuple[str, int], NoticeVersion]


@dataclass(frozen=True, slots=True)
class Outdated:
    """A snippet in a text whose version differs from the one published now."""

    key: str
    number: int
    published: int | None
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """A snippet that appears in the text of `locale` in another language, `chosen`."""

    locale: str
    key: str
    chosen: str


def named(version: NoticeVersion) -> set[str]:
    """Return the keys of the snippets that a version's texts name directly."""
    return {key for body in version.bodies.values() for key in _keys(version.notice.kind, body)}


def _keys(kind: str, body: str) -> frozenset[str] | set[str]:
    return use(traits(kind).is_url, body).snippets


def loaded(pinned: Iterable[Mapping[str, int]]) -> Loaded:
    """Load these snippets and the ones inside them, with one query for each level."""
    found: dict[tuple[str, int], NoticeVersion] = {}
    wanted = {pin for pins in pinned for pin in pins.items()}
    while wanted:
        condition = Q()
        for key, number in wanted:
            condition |= Q(notice__key=key, number=number)
        level = NoticeVersion.objects.filter(condition).select_related("notice")
        new = {(version.notice.key, version.number): version for version in level}
        found |= new
        wanted = {pin for version in new.values() for pin in version.snippets.items()} - set(found)
    return found


def words(pins: Mapping[str, int], locale: str, among: Loaded) -> dict[str, Snippet]:
    """Return the snippets in one language, each with the same fallback as a notice."""
    texts = {}
    for key, number in pins.items():
        version = among.get((key, number))
        if version is not None:
            chosen, text = version.body_for(locale)
            texts[key] = Snippet(text, words(version.snippets, chosen, among), chosen)
    return texts


def current(keys: Iterable[str]) -> dict[str, int]:
    """Return the published version number of each of these snippets that is in use."""
    return _numbers(_in_use().filter(notice__key__in=list(keys)))


def usable(keys: Iterable[str], notice: CannedNotice) -> dict[str, int]:
    """Return the same for those that a text of `notice` can use from now on."""
    now = timezone.now()
    found = _in_use().filter(fitting(notice, "notice__team"), notice__key__in=list(keys))
    return _numbers(found.filter(Q(valid_until=None) | Q(valid_until__gt=now)))


def fitting(notice: CannedNotice, path: str = "team") -> Q:
    """Return the condition for snippets that fit: global ones, and those of the notice's team."""
    return Q(**{f"{path}__isnull": True}) | Q(**{path: notice.team_id})


def _in_use() -> QuerySet[NoticeVersion]:
    return NoticeVersion.objects.in_effect(timezone.now()).filter(
        notice__kind=NoticeKind.SNIPPET, notice__retired_at=None
    )


def _numbers(found: QuerySet[NoticeVersion]) -> dict[str, int]:
    return dict(found.order_by("notice__key").values_list("notice__key", "number"))


def settle(version: NoticeVersion) -> dict[str, int]:
    """Return the version number of each snippet that `version` uses from its submission on.

    Call it in a transaction. Raises Unprocessable for a snippet that does not exist, is not
    published, is retired, has ended, is another team's or is for fewer people than the text; for a
    circle, and for snippets nested more than SNIPPET_DEPTH deep.
    """
    keys = named(version)
    if not keys:
        return {}
    # The lock keeps others from retiring one of them meanwhile.
    held = CannedNotice.objects.select_for_update(no_key=True).filter(key__in=keys)
    notices = {notice.key: notice for notice in held.order_by("pk")}
    pins = usable(keys, version.notice)
    for key in sorted(keys - set(pins)):
        raise _unusable(key, notices.get(key), version.notice)
    among = loaded([pins])
    require_no_circle(version.notice.key, pins, among)
    require_as_wide(version, pins, among)
    return pins


def _unusable(key: str, notice: CannedNotice | None, text: CannedNotice) -> Unprocessable:
    if notice is None or notice.kind != NoticeKind.SNIPPET:
        code, words = "snippet_missing", term("There is no such snippet; look for its key.")
    elif notice.retired_at is not None:
        code, words = "snippet_retired", term("It is retired. Take it out, or name another one.")
    elif notice.team_id not in (None, text.team_id):
        code, words = (
            "snippet_of_team",
            term("It is another team's. Take it out, or name another one."),
        )
    elif current([key]):
        code, words = (
            "snippet_ended",
            term("It is valid no longer. Have a new version of it approved."),
        )
    else:
        code, words = (
            "snippet_not_published",
            term("It has no published version. Have one approved."),
        )
    return Unprocessable(
        code, "The text names the snippet {key}. {words}", {"snippet": key}, key=key, words=words
    )


def require_no_circle(
    own: str, pins: Mapping[str, int], among: Loaded, above: tuple[str, ...] = ()
) -> None:
    """Raise Unprocessable if a snippet contains itself, or is nested too deep."""
    for key, number in pins.items():
        path = " → ".join([own, *above, key])
        if key == own or key in above:
            raise Unprocessable(
                "snippet_circle",
                "A snippet can't stand in itself: {path}.",
                {"snippet": key},
                path=path,
            )
        if len(above) >= SNIPPET_DEPTH:
            raise Unprocessable(
                "snippets_too_deep",
                "Snippets stand in snippets at most {limit} deep: {path}.",
                {"snippet": key},
                limit=SNIPPET_DEPTH,
                path=path,
            )
        if (key, number) in among:
            require_no_circle(own, among[key, number].snippets, among, (*above, key))


def require_as_wide(version: NoticeVersion, pins: Mapping[str, int], among: Loaded) -> None:
    """Raise Unprocessable if a snippet, at any depth, is for fewer people than `version`.

    A snippet has no visibility of its own, but some had one before that was refused.
    """
    for key, number in sorted(all_pins(pins, among)):
        piece = among.get((key, number))
        if piece is not None and is_narrower(piece.visibility, version.visibility):
            raise Unprocessable(
                "snippet_narrower",
                "The snippet {key} is not for all who would see this text ({visibility}, and the "
                "text {text_visibility}). Take it out, or let fewer see the text.",
                {"snippet": key},
                key=key,
                visibility=piece.visibility,
                text_visibility=version.visibility,
            )


def require_unused(notice: CannedNotice) -> None:
    """Raise Conflict while texts that are in use or in review contain this snippet."""
    if notice.kind != NoticeKind.SNIPPET:
        return
    users = NoticeVersion.objects.filter(
        snippets__has_key=notice.key,
        notice__retired_at=None,
        status__in=[
            VersionStatus.PUBLISHED,
            VersionStatus.SCHEDULED,
            VersionStatus.IN_REVIEW,
        ],
    )
    keys = list(users.order_by("notice__key").values_list("notice__key", flat=True).distinct()[:6])
    if keys:
        shown = term("{keys} and others", keys=keys[:5]) if len(keys) > 5 else keys
        raise Conflict(
            "snippet_in_use",
            "The snippet {notice} still stands in {shown}. Publish versions without it, or retire "
            "them first.",
            {"notices": keys},
            notice=notice.key,
            shown=shown,
        )


def outdated(versions: Iterable[NoticeVersion]) -> dict[int, list[Outdated]]:
    """Return the outdated snippets of each of these versions, at any depth, by version id."""
    rows = [version for version in versions if version.snippets]
    if not rows:
        return {}
    among = loaded(version.snippets for version in rows)
    keys = {key for key, _number in among}
    now = current(keys)
    retired = set(
        CannedNotice.objects.filter(key__in=keys, retired_at__isnull=False).values_list(
            "key", flat=True
        )
    )
    found: dict[int, list[Outdated]] = {}
    for version in rows:
        pins = sorted(all_pins(version.snippets, among))
        late = [
            Outdated(key, number, now.get(key), key in retired)
            for key, number in pins
            if now.get(key) != number
        ]
        if late:
            found[version.pk] = late
    return found


def foreign(version: NoticeVersion, among: Loaded) -> list[Foreign]:
    """Return the snippets that lack a language of this version's texts."""
    found = []
    for locale, body in version.bodies.items():
        for key, number in sorted(version.snippets.items()):
            snippet = among.get((key, number))
            if snippet is None or key not in _keys(version.notice.kind, body):
                continue
            chosen, is_own = snippet.match_for(locale)
            if not is_own:
                found.append(Foreign(locale, key, chosen))
    return found


def all_pins(pins: Mapping[str, int], among: Loaded) -> set[tuple[str, int]]:
    """Return the snippets of a version and those inside them."""
    found = set(pins.items())
    for pin in pins.items():
        if pin in among:
            found |= all_pins(among[pin].snippets, among)
    return found
