"""Writes the index of full-text search. Every service that changes a text calls it."""

from collections.abc import Sequence

from console.catalogue.content.search_words import as_vector
from console.catalogue.models import CannedNotice, NoticeVersion, NoticeWords, VersionStatus

NOTICES_AT_ONCE = 1000
IN_USE = (VersionStatus.PUBLISHED, VersionStatus.SCHEDULED)


def words_keep(notice: CannedNotice) -> None:
    """Update the search index of a notice."""
    words_keep_many([notice])


def words_keep_many(notices: Sequence[CannedNotice]) -> None:
    """Update the search index of many notices, a thousand at a time."""
    for start in range(0, len(notices), NOTICES_AT_ONCE):
        part = notices[start : start + NOTICES_AT_ONCE]
        versions: dict[int, list[tuple[str, dict[str, str]]]] = {}
        rows = NoticeVersion.objects.filter(notice__in=[notice.pk for notice in part])
        for pk, status, bodies in rows.order_by("-number").values_list(
            "notice_id", "status", "bodies"
        ):
            versions.setdefault(pk, []).append((status, bodies))
        NoticeWords.objects.bulk_create(
            [_words(notice, versions.get(notice.pk, [])) for notice in part],
            update_conflicts=True,
            unique_fields=["notice"],
            update_fields=["names", "words"],
        )


def _words(notice: CannedNotice, versions: list[tuple[str, dict[str, str]]]) -> NoticeWords:
    """Return a notice's index row: its names, and the texts of its newest and used versions."""
    names = [
        ("A", notice.key),
        ("A", notice.shortcut),
        ("A", notice.title),
        *(("B", tag) for tag in notice.tags),
    ]
    used = [
        bodies for place, (status, bodies) in enumerate(versions) if place == 0 or status in IN_USE
    ]
    texts = [("D", text) for bodies in used for text in bodies.values()]
    return NoticeWords(notice=notice, names=as_vector(names), words=as_vector([*names, *texts]))
