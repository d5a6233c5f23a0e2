"""Keeps what full-text search looks into: called by every service that changes words."""

from console.catalogue.models import CannedNotice, NoticeWords, VersionStatus
from console.catalogue.words import as_vector

IN_USE = (VersionStatus.PUBLISHED, VersionStatus.SCHEDULED)


def words_keep(notice: CannedNotice) -> None:
    """Note anew by what words a notice is found."""
    names = [
        ("A", notice.key),
        ("A", notice.shortcut),
        ("A", notice.title),
        *(("B", tag) for tag in notice.tags),
    ]
    versions = list(notice.versions.order_by("-number").values_list("status", "bodies"))
    used = [
        bodies for place, (status, bodies) in enumerate(versions) if place == 0 or status in IN_USE
    ]
    texts = [("D", text) for bodies in used for text in bodies.values()]
    NoticeWords.objects.bulk_create(
        [NoticeWords(notice=notice, names=as_vector(names), words=as_vector([*names, *texts]))],
        update_conflicts=True,
        unique_fields=["notice"],
        update_fields=["names", "words"],
    )
