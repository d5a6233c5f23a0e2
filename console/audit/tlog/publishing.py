"""Publishes the tree as plain files, which any web server can serve (c2sp.org/tlog-tiles).

Only salted digests leave. The file of the head, which is written last, says what is there: whoever
goes on begins after its size. A file that is there is never changed, except that of the head.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from console.audit.models import AuditTreeHead
from console.audit.outside import can_read, receipt_of, receipt_write
from console.audit.tlog.growing import tree_locked
from console.audit.tlog.merkle import HASH_BYTES, root_at
from console.audit.tlog.notes import BadNote
from console.audit.tlog.outside import HEAD, folder, head_outside
from console.audit.tlog.standing import TreeRefused, tree_require_going_on
from console.audit.tlog.tiles import ENTRIES, WIDTH, NoTile, bundle, tile_path, tiles_between
from console.audit.tlog.tree import (
    current_log,
    head_said,
    newest_head,
    read_tile,
    reader,
    stored_leaves,
    tree_size,
)
from console.site.fsync import to_disk


def tree_publish(*, most: int | None = None, whole: bool = False) -> bool:
    """Write what is not there yet of the newest head's tree, at most so many tiles. Return whether
    all is there.

    `whole` looks at each file, not only at those after the published head. Raises TreeRefused if
    the tree does not go on from what is there, OSError.
    """
    place, head, log = folder(), newest_head(), current_log()
    if place is None or head is None or log is None or head.origin != log.origin:
        return True
    tree_require_going_on()
    there = head_outside()
    begin = there.size if there is not None and not whole else 0
    changed: set[Path] = set()
    written = 0
    for level, index, width in tiles_between(begin, head.size):
        if most is not None and written >= most:
            break
        folders = [_put(place, name, data) for name, data in _files(level, index, width)]
        changed |= set[Path]().union(*folders)
        written += any(folders)
    else:
        most = None
    for path in sorted(changed, key=lambda each: len(each.parts), reverse=True):
        to_disk(path)
    if most is not None:
        return False
    _put_head(place, head)
    _drop_partial(place, begin, head.size)
    return True


def published_to() -> int:
    """Return how many entries the published tree has: by its files, or, where these can't be
    read, by the receipt of who wrote them. 0 if they are of another tree."""
    place, log, size = folder(), current_log(), tree_size()
    if place is None or log is None:
        return 0
    if not can_read(place):
        receipt = receipt_of(str(place))
        return receipt["seq"] if receipt else 0
    try:
        head = head_outside()
        is_ours = head is not None and head.origin == log.origin and head.size <= size
        is_ours = is_ours and head is not None and root_at(reader(), head.size) == head.root
    except (BadNote, NoTile, OSError):
        return 0
    return head.size if head is not None and is_ours else 0


def _files(level: int, index: int, width: int) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of a tile's files."""
    yield tile_path(level, index, width), read_tile(level, index)[: width * HASH_BYTES]
    if level == 0:
        yield tile_path(ENTRIES, index, width), bundle(stored_leaves(index)[:width])


def _put(place: Path, name: str, data: bytes) -> set[Path]:
    """Write a file that is not there yet. Return the folders that have changed.

    Raises TreeRefused if it is there with other contents.
    """
    path = place / name
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return _write(path, data)
    if there != data:
        raise TreeRefused(
            "tree_file_differs",
            "{path} is not the tile of this tree: it was changed, or is of another one. Nothing is "
            "published. Run: manage.py audit_verify",
            path=path,
        )
    return set()


def _write(path: Path, data: bytes) -> set[Path]:
    """Write a file as a whole or not at all. Return the folders that have changed."""
    folders = {path.parent}
    missing = path.parent
    while not missing.exists():
        missing = missing.parent
        folders.add(missing)
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with begun.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        begun.replace(path)
    except BaseException:
        begun.unlink(missing_ok=True)
        raise
    return folders


def _put_head(place: Path, head: AuditTreeHead) -> None:
    """Publish the head with its cosignatures, unless that of a larger tree is there meanwhile."""
    said, note = head_said(head), head.note.encode()
    with tree_locked():
        there = head_outside()
        if there is not None and there.size > said.size:
            return
        if there is None or (place / HEAD).read_bytes() != note:
            for path in _write(place / HEAD, note):
                to_disk(path)
    receipt_write(str(place), said.size, said.root.hex())


def _drop_partial(place: Path, begin: int, size: int) -> None:
    """Drop the partial tiles for which the full tile is there now, as the specification allows."""
    for level, index, width in tiles_between(begin, size):
        if width == WIDTH:
            for kind in (level, ENTRIES)[: 1 + (level == 0)]:
                path = place / tile_path(kind, index)
                shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)
