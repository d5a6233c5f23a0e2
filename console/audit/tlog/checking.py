"""Checks the tree beside the entries that the verification follows, in the same parts.

Each entry is compared with its leaf, each full tile with the hash in the level above and with the
published file, each signed head with the tree. Memory does not grow with the ledger.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from console.audit.export import sealed_to
from console.audit.models import AuditEntry, AuditTreeHead
from console.audit.tlog import leaves
from console.audit.tlog.merkle import HASH_BYTES, root_at
from console.audit.tlog.notes import BadNote, Checkpoint
from console.audit.tlog.outside import folder, head_outside
from console.audit.tlog.tiles import (
    ENTRIES,
    TILES_IN_MEMORY,
    WIDTH,
    NoTile,
    bundle,
    hash_reader,
    hashes_of,
    tile_path,
    tile_root,
    tiles_between,
)
from console.audit.tlog.tree import (
    current_log,
    head_said,
    newest_head,
    read_tile,
    stored,
    stored_leaves,
    tree_size,
)
from console.audit.verify import Report

# A head takes as long as some hundred entries, a tile as long as some dozens.
HEADS_A_PART = 500
TILES_A_PART = 2000


class TreeCheck:
    """One part of the verification. Of the tiles of archived entries `place` have been checked."""

    def __init__(self, report: Report, place: int) -> None:
        self.report, self.place = report, place
        self._log, self._size = current_log(), tree_size()
        self._tile = lru_cache(TILES_IN_MEMORY)(read_tile)
        self._read = hash_reader(self._tile)
        self._outside = self._published()

    def reach(self, after: int, upto: int) -> list[int]:
        """Return up to which entry a part can go without more heads than it has time for, if there
        are so many."""
        heads = AuditTreeHead.objects.filter(size__gt=after, size__lte=upto).order_by("size")
        return [*heads.values_list("size", flat=True)[HEADS_A_PART - 1 : HEADS_A_PART]]

    # --- Entries and tiles -----------------------------------------------------------------------

    def lines(self, said: Iterable[tuple[AuditEntry, bytes, bytes]]) -> Iterator[bytes]:
        """Yield each entry's line, and compare the entry with its leaf once the chain has passed
        it. `said` has the entries with their canonical form and their line."""
        own = bytes(self._log.secret) if self._log else b""
        tile, key, data = -1, b"", list[bytes]()
        seq = self.report.head.seq
        for entry, canonical, line in said:
            yield line
            seq += 1
            if seq > self._size or not self.report.holds:
                continue
            if (seq - 1) // WIDTH != tile:
                tile = (seq - 1) // WIDTH
                key, data = leaves.tile_key(own, tile), stored_leaves(tile)
            leaf = leaves.leaf_data(canonical, entry.hash, leaves.entry_key(key, seq))
            if data[(seq - 1) % WIDTH :][:1] != [leaf]:
                self.report.fault(seq, "Entry {seq} is not the one that the tree has in its place.")
            elif seq % WIDTH == 0:
                self._full(tile)

    def archived(self) -> bool:
        """Check tiles whose entries are all in archives. Return whether none is left."""
        end = sealed_to().seq // WIDTH
        for index in range(self.place, min(end, self.place + TILES_A_PART)):
            self._full(index)
            self.place = index + 1
        return self.place >= end

    def _full(self, index: int) -> None:
        """Compare a full tile of leaves with the levels above it, and with what is published."""
        self._compare_levels(index)
        self._compare_files(index, WIDTH)

    def _compare_levels(self, index: int) -> None:
        level, last = 0, (index + 1) * WIDTH
        while self.report.holds:
            try:
                root = tile_root(self._tile(level, index))
            except NoTile:
                self.report.fault(last, "The tree lacks entries before entry {seq}.")
                return
            above, inside = divmod(index, WIDTH)
            if [*hashes_of(stored(level + 1, above))][inside : inside + 1] != [root]:
                self.report.fault(
                    last,
                    "Tile {index} of level {level} of the tree, which ends with entry {seq}, is "
                    "not the one that the level above has: one of the two was changed.",
                    index=index,
                    level=level,
                )
            if inside != WIDTH - 1:
                return
            level, index = level + 1, above

    def _compare_files(self, index: int, width: int) -> None:
        """Compare a tile of leaves with the published files, if they must be there."""
        place = folder()
        if place is None or self._outside is None or self._outside.size < index * WIDTH + width:
            return
        tile = self._tile(0, index)[: width * HASH_BYTES]
        data = bundle(stored_leaves(index)[:width])
        for name, expected in (
            (tile_path(0, index, width), tile),
            (tile_path(ENTRIES, index, width), data),
        ):
            self._compare_file(name, expected, index * WIDTH + width)

    def _compare_file(self, name: str, expected: bytes, seq: int) -> None:
        place = folder()
        try:
            there = (place / name).read_bytes() if place else b""
        except OSError as error:
            self.report.fault(
                seq, "The published file {name} can't be read: {error}.", name=name, error=error
            )
            return
        if there != expected:
            self.report.fault(
                seq, "The published file {name} is not the tile of the tree here.", name=name
            )

    # --- Heads -----------------------------------------------------------------------------------

    def heads(self, after: int, upto: int) -> None:
        """Compare the signed heads of these sizes with the tree."""
        found = AuditTreeHead.objects.filter(size__gt=after, size__lte=upto).order_by("size")
        for head in found:
            try:
                said = head_said(head)
            except BadNote as error:
                self.report.fault(
                    head.size,
                    "The head of the tree of {seq} entries is worth nothing: {error}.",
                    error=error,
                )
                return
            if not self._stands(said):
                return
            self.report.treed = head.size

    def end(self) -> None:
        """Check what is left: heads of more entries than there are, and the published head."""
        last, newest = self.report.head.seq, newest_head()
        if newest is not None and newest.size > last:
            self.report.fault(
                last + 1,
                "The ledger ends with entry {last}, and a signed head of the tree has {size} "
                "entries: the newest are gone.",
                last=last,
                size=newest.size,
            )
        outside = self._outside
        if outside is None or not self.report.holds:
            return
        if self._log is None or outside.origin != self._log.origin:
            self.report.fault(
                None,
                "The published tree is of the log {found}, and not of {origin}.",
                found=outside.origin,
                origin=self._log.origin if self._log else "-",
            )
        elif self._stands(outside):
            self._rest_of_files(outside.size)

    def _stands(self, said: Checkpoint) -> bool:
        """Return whether a signed head fits the tree. If not, it is in the report."""
        if said.size > self._size:
            self.report.fault(
                self._size + 1,
                "The tree has {size} entries, and a signed head has {head}: the newest are gone.",
                size=self._size,
                head=said.size,
            )
            return False
        try:
            root = root_at(self._read, said.size)
        except NoTile as error:
            self.report.fault(said.size, "The tree is damaged: {error}.", error=error)
            return False
        if root != said.root:
            self.report.fault(
                said.size,
                "The first {seq} entries of the tree are not those of its signed head: the tree "
                "was written anew somewhere before.",
            )
        return root == said.root

    def _rest_of_files(self, size: int) -> None:
        """Compare the published files that no full tile of leaves stands for."""
        for level, index, width in tiles_between(0, size):
            if level == 0 and width < WIDTH:
                self._compare_files(index, width)
            elif level:
                data = stored(level, index)[: width * HASH_BYTES]
                self._compare_file(tile_path(level, index, width), data, size)

    def _published(self) -> Checkpoint | None:
        try:
            return head_outside()
        except (BadNote, OSError) as error:
            self.report.fault(
                None, "The published head of the tree is worth nothing: {error}.", error=error
            )
            return None
