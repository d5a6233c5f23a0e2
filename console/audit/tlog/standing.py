"""Whether the tree in the database goes on from what was signed, and is not another one."""

from console.audit.tlog.merkle import root_at
from console.audit.tlog.notes import BadNote, Checkpoint
from console.audit.tlog.outside import head_outside
from console.audit.tlog.tiles import NoTile
from console.audit.tlog.tree import current_log, head_said, newest_head, reader, tree_size
from console.errors import Conflict


class TreeRefused(Conflict):
    """The tree can't go on. Whoever would let it all the same would make a second history."""


def tree_require_going_on() -> None:
    """Raise TreeRefused unless the tree goes on from the last head in the database, and from the
    one that is published.

    Raises OSError if the folder outside can't be read.
    """
    size, log, last = tree_size(), current_log(), newest_head()
    try:
        outside = head_outside()  # after the tree, which only grows meanwhile
        if last is not None:
            _require_begins_with(head_said(last), size)
        if outside is None:
            return
        if log is None or outside.origin != log.origin:
            raise TreeRefused(
                "tree_of_another",
                "In the folder of the published tree is that of the log {found}, and this one is "
                "{origin}. Nothing is signed or published: set another CONSOLE_LOG_TO, or move "
                "that tree to elsewhere.",
                found=outside.origin,
                origin=log.origin if log else "-",
            )
        _require_begins_with(outside, size)
    except (BadNote, NoTile) as error:
        raise TreeRefused(
            "tree_damaged",
            "The tree is damaged: {error}. Nothing is signed or published. Run: manage.py "
            "audit_verify",
            error=error,
        ) from error


def _require_begins_with(head: Checkpoint, size: int) -> None:
    if head.size > size:
        raise TreeRefused(
            "tree_older",
            "This database has a tree of {size} entries, and a head of {head} entries is signed: "
            "it is older than what was done. Nothing is signed or published. If it was restored on "
            "purpose run: manage.py restored (docs/backup.md)",
            size=size,
            head=head.size,
        )
    if root_at(reader(), head.size) != head.root:
        raise TreeRefused(
            "tree_forked",
            "The tree does not go on from the signed head of {head} entries: of these at least one "
            "is another one now. Nothing is signed or published. Run: manage.py audit_verify",
            head=head.size,
        )
