"""Which versions an author may try out in test chats."""

from console.accounts.own_work import is_own
from console.actors import Actor, Permission
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion, VersionStatus

# Statuses of versions that their author may try out.
TESTABLE = (
    VersionStatus.DRAFT,
    VersionStatus.IN_REVIEW,
    VersionStatus.REJECTED,
    VersionStatus.SCHEDULED,
)


def may_test(actor: Actor, version: NoticeVersion) -> bool:
    """Return whether the actor may send this version to test chats."""
    return (
        actor.may(Permission.EDIT_CATALOGUE)
        and version.status in TESTABLE
        and version.notice.retired_at is None
        and traits(version.notice.kind).is_sent
        and is_own(actor, version.author_ref)
    )
