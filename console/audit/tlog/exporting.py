"""What an export has of the tree: the least by which anybody checks its entries against a head."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from console.audit.tlog import leaves
from console.audit.tlog.merkle import consistency_path, peaks_at
from console.audit.tlog.tiles import WIDTH
from console.audit.tlog.tree import newest_head, reader, secret


class TreeOfExport(Struct, frozen=True):
    """Of an export of the entries `first` to `last`, the tree's head with what leads to it."""

    first: int
    last: int
    size: int
    note: str

    @property
    def covered(self) -> int:
        """The last entry of the export that the head covers."""
        return min(self.last, self.size)

    def said(self) -> dict[str, Any]:
        """Return the peaks of the tree before the first entry, the head, and, if that has more
        entries than the export, the proof that it goes on from them."""
        read = reader()
        path = consistency_path(read, self.last, self.size) if self.size > self.last else []
        return {
            "before": [each.hex() for each in peaks_at(read, self.first - 1).hashes],
            "head": self.note,
            "consistency": [each.hex() for each in path],
        }

    def keys(self) -> Iterator[dict[str, Any]]:
        """Yield the keys of the salts: one for each tile of which the export has all entries, and
        one for each other entry. They give the salts of no entry that is not in the export."""
        own, seq = secret(), self.first
        while seq <= self.covered:
            tile = (seq - 1) // WIDTH
            is_whole = seq == tile * WIDTH + 1 and seq + WIDTH - 1 <= self.covered
            if is_whole:
                yield {"tile": tile, "key": leaves.tile_key(own, tile).hex()}
            else:
                yield {"seq": seq, "key": leaves.key_of_entry(own, seq).hex()}
            seq += WIDTH if is_whole else 1


def tree_of_export(first: int, last: int) -> TreeOfExport | None:
    """Return the tree for an export of these entries; None if no head covers any of them."""
    head = newest_head()
    if head is None or head.size < first:
        return None
    return TreeOfExport(first, last, head.size, head.note)
