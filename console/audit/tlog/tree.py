"""Reads the tree in the database: hashes, proofs, salts, heads."""

from collections.abc import Iterable, Iterator

from console.audit.chain import canonical
from console.audit.checkpoints import trusted_keys
from console.audit.models import AuditEntry, AuditLog, AuditTile, AuditTreeHead, as_hashed
from console.audit.tlog import leaves, notes
from console.audit.tlog.merkle import (
    HASH_BYTES,
    Reader,
    consistency_path,
    inclusion_path,
    leaf_hash,
)
from console.audit.tlog.notes import Checkpoint, Verifier
from console.audit.tlog.tiles import WIDTH, NoTile, hash_reader, hashes_of

# The level at which the database has the leaves themselves.
LEAVES = -1


def current_log() -> AuditLog | None:
    """Return the tree's present name and secret; None before it was begun."""
    return AuditLog.objects.first()


def secret() -> bytes:
    """Return the secret of all salts. Raises NoTile if there is no tree yet."""
    log = current_log()
    if log is None:
        raise NoTile("there is no tree yet")
    return bytes(log.secret)


def tree_size() -> int:
    """Return how many entries the tiles in the database cover."""
    last = AuditTile.objects.filter(level=LEAVES).order_by("-index").first()
    return last.index * WIDTH + len(last.hashes) // HASH_BYTES if last else 0


def newest_head() -> AuditTreeHead | None:
    """Return the newest signed head in the database. `head_said` checks its signature."""
    return AuditTreeHead.objects.first()


def verifiers(origin: str) -> list[Verifier]:
    """Return the console's public keys, the present and the earlier ones, as keys of this log."""
    return [Verifier(origin, raw) for raw in trusted_keys().raw()]


def head_said(head: AuditTreeHead) -> Checkpoint:
    """Return what a head's note says. Raises BadNote if it is not signed by the console."""
    said = notes.checkpoint_of(head.note, verifiers(head.origin), head.origin)
    if (said.size, said.root) != (head.size, bytes(head.root)):
        raise notes.BadNote(f"the head of size {head.size} is not what its note says")
    return said


# --- Tiles and proofs --------------------------------------------------------------------------


def stored(level: int, index: int) -> bytes:
    """Return a tile as the database has it; b"" if it has none."""
    found = AuditTile.objects.filter(level=level, index=index)
    return bytes(found.values_list("hashes", flat=True).first() or b"")


def stored_leaves(index: int) -> list[bytes]:
    """Return the data of the leaves of a tile of level 0."""
    return [*hashes_of(stored(LEAVES, index))]


def read_tile(level: int, index: int) -> bytes:
    """Return a tile as it is published, as wide as the tree has it."""
    return stored(level, index) if level else b"".join(map(leaf_hash, stored_leaves(index)))


def reader() -> Reader:
    """Return a reader of the tree's hashes: for one proof or piece."""
    return hash_reader(read_tile)


def inclusion_proof(seq: int, size: int) -> list[bytes]:
    """Return the path of entry `seq` in the tree of the first `size` entries.

    Raises ValueError if it is not in it, NoTile if the tree has not grown so far.
    """
    return inclusion_path(reader(), seq - 1, size)


def consistency_proof(old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` entries begins with that of `old` entries.

    Raises ValueError if `new` is the smaller one, NoTile if the tree has not grown so far.
    """
    return consistency_path(reader(), old, new)


# --- Leaves ------------------------------------------------------------------------------------


def salt_of(seq: int) -> bytes:
    """Return the salt of an entry's leaf."""
    return leaves.leaf_salt(leaves.key_of_entry(secret(), seq))


def item_salt(seq: int, index: int) -> bytes:
    """Return the salt of a delivery: number `index`, from 0 on, of those in entry `seq`."""
    return leaves.item_salt(leaves.key_of_entry(secret(), seq), index)


def leaf_bytes(entry: AuditEntry) -> bytes:
    """Return what an entry says in the tree."""
    key = leaves.key_of_entry(secret(), entry.seq)
    return leaves.leaf_bytes(canonical(as_hashed(entry)), entry.hash, key)


def item_proof(entry: AuditEntry, index: int) -> list[bytes]:
    """Return the path of one delivery to the root of all in its entry, which `leaf_bytes` has."""
    key = leaves.key_of_entry(secret(), entry.seq)
    hashes = leaves.item_hashes(key, entry.data[leaves.DELIVERIES])
    return inclusion_path(leaves.reader_of(hashes), index, len(hashes))


def leaves_of(entries: Iterable[tuple[AuditEntry, bytes]], own: bytes) -> Iterator[bytes]:
    """Yield the data of the leaves of these entries, each given with its canonical form. `own` is
    the secret."""
    tile, key = -1, b""
    for entry, said in entries:
        if (entry.seq - 1) // WIDTH != tile:
            tile = (entry.seq - 1) // WIDTH
            key = leaves.tile_key(own, tile)
        yield leaves.leaf_data(said, entry.hash, leaves.entry_key(key, entry.seq))
