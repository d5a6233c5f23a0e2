"""Writes the tree: adds the ledger's entries to it, and signs its heads.

The tree follows the checkpoints of the chain: it takes the entries up to the newest checkpoint that
the console signed, and only if they chain to it. So a head vouches for nothing that no checkpoint
vouches for. A head is signed only if the tree goes on from the last head, in the database and in
the folder outside: otherwise everything stops, and says so, since two signed trees that don't agree
can't be taken back.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import repeat

from django.conf import settings
from django.db import connection, transaction

from console.audit.chain import GENESIS, canonical
from console.audit.checkpoints import (
    Unsigned,
    newest_checkpoint,
    private_key,
    those_signed,
    trusted_keys,
)
from console.audit.models import (
    AuditCheckpoint,
    AuditEntry,
    AuditLog,
    AuditSeal,
    AuditTreeHead,
    as_hashed,
)
from console.audit.outside import receipt_of, receipt_write
from console.audit.tlog import leaves, notes
from console.audit.tlog.merkle import EMPTY, HASH_BYTES, leaf_hash, peaks_at, root_at
from console.audit.tlog.notes import Checkpoint
from console.audit.tlog.standing import TreeRefused, tree_require_going_on
from console.audit.tlog.tiles import WIDTH, NoTile, hashes_of, tile_root
from console.audit.tlog.tree import (
    LEAVES,
    current_log,
    head_said,
    leaves_of,
    newest_head,
    reader,
    stored,
    stored_leaves,
    tree_size,
)
from console.database.clock import near_now

# An arbitrary fixed number of the lock for growing. Those beside it are in console.audit.services.
TREE_LOCK = 0x4C45444745520003
# Of one transaction: a second of work. A multiple of a tile's width, so that pieces end with one.
ENTRIES_A_PIECE = 16 * WIDTH
ENTRIES_A_FETCH = 500
# The receipt of how far the tree has grown.
GROWN = "tree"

PUT = """
INSERT INTO audit_audittile (level, index, hashes) VALUES (%s, %s, %s)
ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
"""

Told = Callable[[int, int], object]


def tree_grow(
    *, pieces: int | None = None, told: Told = lambda _done, _of: None
) -> AuditTreeHead | None:
    """Add the entries up to the newest checkpoint to the tree, and sign its head.

    It takes `pieces` pieces at most, each in a transaction of its own, and `told` hears after each
    how many entries are in the tree and how many are to be. Return the new head; None if nothing is
    new, or if pieces are left. Raises TreeRefused, Unsigned, OSError if the folder outside can't be
    read.
    """
    if not settings.AUDIT_KEY:
        raise Unsigned
    target = _vouched()
    if target is None:
        return None
    log = log_begin()
    taken = 0
    while (size := _grow_piece(log, target)) < target.seq:
        told(size, target.seq)
        taken += 1
        if pieces is not None and taken >= pieces:
            return None
    return _sign_head(target)


def tree_is_grown() -> bool:
    """Return whether the tree has all entries up to the newest checkpoint."""
    newest = newest_checkpoint()
    return newest is None or tree_size() >= newest.seq


def log_begin() -> AuditLog:
    """Return the tree's name and secret, made with the first call."""
    with tree_locked():
        log = current_log()
        if log is None:
            log = AuditLog.objects.create(
                origin=settings.LOG_ORIGIN or f"notice-console/{secrets.token_hex(8)}",
                secret=secrets.token_bytes(leaves.SECRET_BYTES),
                begun_at=near_now(),
            )
    return log


def log_begin_anew() -> AuditLog | None:
    """Give the tree another name, in the caller's transaction, since entries of the ledger were
    lost: under the old name there would be two trees of one size.

    Return None if there is no name yet: the random one that it will get is another one.
    """
    first, at = AuditLog.objects.order_by("id").first(), near_now()
    base = first.origin if first else settings.LOG_ORIGIN
    if not base:
        return None
    return AuditLog.objects.create(
        origin=f"{base}/{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        secret=bytes(first.secret) if first else secrets.token_bytes(leaves.SECRET_BYTES),
        begun_at=at,
    )


@contextmanager
def tree_locked() -> Iterator[None]:
    """A transaction that alone writes the tree."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
        yield


# --- Entries -----------------------------------------------------------------------------------


def _vouched() -> AuditCheckpoint | None:
    """Return the newest checkpoint that the console signed. Raises TreeRefused if none of those
    there is signed."""
    found = newest_checkpoint()
    if found is None and (newest := AuditCheckpoint.objects.first()) is not None:
        raise TreeRefused(
            "tree_unvouched",
            "The checkpoint of entry {seq} is worth nothing: {complaint}. The tree does not grow.",
            seq=newest.seq,
            complaint=trusted_keys().complaint("checkpoint", newest.said),
        )
    return found


def _grow_piece(log: AuditLog, target: AuditCheckpoint) -> int:
    """Add the next entries, at most a piece. Return how many are in the tree then."""
    with tree_locked():
        size = tree_size()
        _require_own(size, bytes(log.secret), target)
        if size >= target.seq:
            return size
        _require_same_end(size, bytes(log.secret))
        upto = min(target.seq, (size // ENTRIES_A_PIECE + 1) * ENTRIES_A_PIECE)
        new = [leaves.ABSENT] * (min(_archived(), upto) - size)
        begin = size + len(new)
        if begin < upto:
            chained = _chained(_entries(begin, upto), begin, target)
            new += leaves_of(chained, bytes(log.secret))
        if len(new) != upto - size:
            raise _missing(size + len(new) + 1)
        leaves_add(size, new)
        receipt_write(GROWN, upto, root_at(reader(), upto).hex())
    return upto


def _require_own(size: int, own: bytes, target: AuditCheckpoint) -> None:
    """Raise TreeRefused unless all leaves are of entries, as whoever grew the tree took them.

    A signed head or receipt says so, which nobody makes without the audit key. Otherwise, as after
    an upgrade, the leaves since the last head are compared with the entries.
    """
    head, receipt = newest_head(), receipt_of(GROWN)
    last = _said(head) if head is not None and head.size <= size else None
    root = root_at(reader(), size)
    known = {(last.size, last.root.hex())} if last else {(0, EMPTY.hex())}
    if receipt is not None:
        known.add((receipt["seq"], receipt["hash"]))
    if (size, root.hex()) in known:
        return
    begin = last.size if last else 0
    peaks = peaks_at(reader(), begin)
    if last and peaks.root() != last.root:
        return  # no head is signed beside another one
    tile = lru_cache(1)(stored_leaves)
    for seq, leaf in enumerate(_leaves_between(begin, size, own, target), start=begin + 1):
        peaks.push(leaf_hash(leaf))
        if leaf != tile((seq - 1) // WIDTH)[(seq - 1) % WIDTH]:
            raise _another_leaf(seq)
    if (peaks.size, peaks.root()) != (size, root):
        raise _another_leaf(peaks.size + 1)


def _said(head: AuditTreeHead) -> Checkpoint | None:
    try:
        return head_said(head)
    except notes.BadNote:
        return None


def _leaves_between(begin: int, size: int, own: bytes, target: AuditCheckpoint) -> Iterator[bytes]:
    """Yield the leaves that the entries after `begin` must have, up to the tree's size."""
    absent = max(0, min(_archived(), size) - begin)
    yield from repeat(leaves.ABSENT, absent)
    begin += absent
    if begin < size:
        yield from leaves_of(_chained(_entries(begin, size), begin, target), own)


def _another_leaf(seq: int) -> TreeRefused:
    return TreeRefused(
        "tree_another_leaf",
        "Leaf {seq} of the tree is not that of entry {seq}, and no signed head has it: it was put "
        "in. The tree does not grow. Run: manage.py audit_verify",
        seq=seq,
    )


def _require_same_end(size: int, own: bytes) -> None:
    """Raise TreeRefused unless the tree's last entry is the ledger's: its hash covers all before
    it. An archived entry was compared before it went."""
    last = AuditEntry.objects.filter(seq=size).first()
    if last is None:
        return
    (leaf,) = leaves_of([(last, canonical(as_hashed(last)))], own)
    if leaf != [*hashes_of(stored(LEAVES, (size - 1) // WIDTH))][-1]:
        raise TreeRefused(
            "tree_rewritten",
            "Entry {seq} is not the one that the tree has: the chain was written anew. The tree "
            "does not grow. Run: manage.py audit_verify",
            seq=size,
        )


def _archived() -> int:
    """Return up to which entry all are in archives. Those that went before the tree began have no
    leaf of their own: the next entry has the hash of the last one, which covers them."""
    seal = AuditSeal.objects.last()
    if seal is not None and (complaint := trusted_keys().complaint("seal", seal.said)):
        raise TreeRefused(
            "tree_unsealed",
            "The seal of entries {first} to {last} is worth nothing: {complaint}. The tree does "
            "not grow.",
            first=seal.first,
            last=seal.last,
            complaint=complaint,
        )
    return seal.last if seal else 0


def _entries(after: int, upto: int) -> Iterator[AuditEntry]:
    for start in range(after, upto, ENTRIES_A_FETCH):
        end = min(start + ENTRIES_A_FETCH, upto)
        yield from list(AuditEntry.objects.filter(seq__gt=start, seq__lte=end).order_by("seq"))


def _chained(
    entries: Iterator[AuditEntry], size: int, target: AuditCheckpoint
) -> Iterator[tuple[AuditEntry, bytes]]:
    """Yield entries with their canonical form, as long as each follows the one before, and is what
    its hash was made of."""
    previous = _hash_of(size)
    for number, entry in enumerate(entries, start=size + 1):
        if entry.seq != number:
            raise _missing(number)
        said, is_end = canonical(as_hashed(entry)), entry.seq == target.seq
        if (
            entry.prev_hash != previous
            or entry.hash != hashlib.sha256(said).hexdigest()
            or (is_end and entry.hash != target.hash)
        ):
            raise TreeRefused(
                "tree_broken_chain",
                "The chain is broken at entry {seq}. The tree does not grow. Run: manage.py "
                "audit_verify",
                seq=entry.seq,
            )
        previous = entry.hash
        yield entry, said


def _hash_of(seq: int) -> str:
    if seq == 0:
        return GENESIS
    found = AuditEntry.objects.filter(seq=seq).values_list("hash", flat=True).first()
    found = found or AuditSeal.objects.filter(last=seq).values_list("hash", flat=True).first()
    if found is None:
        raise _missing(seq)
    return found


def _missing(seq: int) -> TreeRefused:
    return TreeRefused(
        "tree_missing_entry",
        "Entry {seq} is missing, and the tree has to take it next. The tree does not grow. Run: "
        "manage.py audit_verify",
        seq=seq,
    )


def leaves_add(size: int, new: Sequence[bytes]) -> None:
    """Add leaves to the tiles, and each full tile's hash to the level above."""
    level, start, hashes = LEAVES, size, list(new)
    with connection.cursor() as cursor:
        while hashes:
            full = []
            for index, tile in _filled(level, start, hashes):
                cursor.execute(PUT, [level, index, tile])
                if len(tile) == WIDTH * HASH_BYTES:
                    if level == LEAVES:
                        tile = b"".join(map(leaf_hash, hashes_of(tile)))
                    full.append(tile_root(tile))
            level, start, hashes = max(level, 0) + 1, start // WIDTH, full


def _filled(level: int, start: int, hashes: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the tiles, with their index, that these hashes from `start` on belong to."""
    index, width = divmod(start, WIDTH)
    before = stored(level, index) if width else b""
    if len(before) != width * HASH_BYTES:
        raise NoTile(f"tile {index} of level {level} has not {width} hashes")
    while hashes:
        room = WIDTH - len(before) // HASH_BYTES
        yield index, before + b"".join(hashes[:room])
        hashes, before, index = hashes[room:], b"", index + 1


# --- Heads -------------------------------------------------------------------------------------


def _sign_head(target: AuditCheckpoint) -> AuditTreeHead | None:
    """Sign the tree if it goes on from the last head, and ends where a checkpoint does."""
    with tree_locked():
        size, log = tree_size(), current_log()
        last = newest_head()
        if log is None or (last is not None and last.size == size):
            return None
        if not any(those_signed(AuditCheckpoint.objects.filter(seq=size))):
            return None  # somebody else is about to grow it on, and to sign it
        tree_require_going_on()
        _require_own(size, bytes(log.secret), target)
        said = Checkpoint(log.origin, size, root_at(reader(), size))
        signature = notes.sign(said.text(), log.origin, private_key())
        return AuditTreeHead.objects.create(
            size=size,
            origin=log.origin,
            root=said.root,
            at=near_now(),
            note=notes.written(said.text(), [signature]),
        )
