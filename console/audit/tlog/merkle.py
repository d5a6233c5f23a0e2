"""The Merkle tree of RFC 6962 and RFC 9162 over SHA-256. Pure: no database, no Django.

A `Reader` returns the hash of a complete subtree: of the leaves from `index << level` on, which are
`1 << level` many. Proofs are made from such hashes alone.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY = hashlib.sha256(b"").digest()

Reader = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Peaks:
    """The hashes of the complete subtrees that a growing tree consists of, the largest first.

    They are all that is needed to go on and to name the root: one hash for each 1 in the binary
    form of `size`.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has not {len(hashes)} peaks")
        if any(len(each) != HASH_BYTES for each in hashes):
            raise ValueError(f"a peak has not {HASH_BYTES} bytes")
        self.size, self.hashes = size, list(hashes)

    def push(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        hashes, rest = self.hashes, self.size
        while rest & 1:
            leaf = node_hash(hashes.pop(), leaf)
            rest >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over these leaf hashes."""
    peaks = Peaks()
    for leaf in leaves:
        peaks.push(leaf)
    return peaks.root()


def peaks_at(read: Reader, size: int) -> Peaks:
    """Return the peaks of the tree's first `size` leaves."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return Peaks(size, hashes)


def root_at(read: Reader, size: int) -> bytes:
    """Return the root of the tree's first `size` leaves."""
    return peaks_at(read, size).root()


def _range_hash(read: Reader, start: int, size: int) -> bytes:
    """Return the hash of leaves of which the first is a multiple of what they split at."""
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read(level, start >> level)
    left = _split(size)
    return node_hash(
        read(left.bit_length() - 1, start // left), _range_hash(read, start + left, size - left)
    )


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is 2 at least."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_path(read: Reader, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of the first `size` leaves.

    Raises ValueError if it is not.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, start = [], 0
    while size > 1:
        left = _split(size)
        if index < left:
            path.append(_range_hash(read, start + left, size - left))
            size = left
        else:
            path.append(_range_hash(read, start, left))
            start, index, size = start + left, index - left, size - left
    return path[::-1]


def consistency_path(read: Reader, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with that of `old` leaves.

    It is empty for 0 or equal sizes. Raises ValueError if `new` is the smaller one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not begin with one of {old}")
    if old in (0, new):
        return []
    path, start, is_whole = [], 0, True
    while old != new:
        left = _split(new)
        if old <= left:
            path.append(_range_hash(read, start + left, new - left))
            new = left
        else:
            path.append(_range_hash(read, start, left))
            start, old, new, is_whole = start + left, old - left, new - left, False
    if not is_whole:
        path.append(_range_hash(read, start, old))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Return whether `proof` shows that the leaf hash `leaf` is number `index`, from 0 on, in the
    tree of `size` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    number, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(each, found)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, each)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether `proof` shows that the tree of `new` leaves with `new_root` begins with the
    tree of `old` leaves with `old_root` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == 0:
        return old_root == EMPTY and not proof and (new > 0 or new_root == EMPTY)
    if old == new:
        return old_root == new_root and not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else [*proof]
    return bool(path) and _joins(old - 1, new - 1, path) == (old_root, new_root)


def _joins(number: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of the old and the new tree that the path gives; None if it is none."""
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if last == 0:
            return None
        if number & 1 or number == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, each)
        number, last = number >> 1, last >> 1
    return (old, new) if last == 0 else None


def _are_hashes(*values: bytes) -> bool:
    return all(len(each) == HASH_BYTES for each in values)
