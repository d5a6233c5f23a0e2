"""Tiles in the form of c2sp.org/tlog-tiles: names, widths, bundles. Pure: no database, no Django.

A tile has up to 256 hashes of one level; each hash at level 1 and above is that of a full tile of
the level below.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from console.audit.tlog.merkle import HASH_BYTES, Reader, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
LEVELS = 8  # what an index of 64 bits needs
ENTRIES = "entries"
# What a proof needs, and more; 8 KB each as stored.
TILES_IN_MEMORY = 64

# Returns a tile as wide as it is known, by level and index.
TileReader = Callable[[int, int], bytes]

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9]\d?)/(?P<index>(?:x\d{3}/)*\d{3})"
    r"(?:\.p/(?P<width>[1-9]\d{0,2}))?",
    re.ASCII,
)
# More groups of digits have no index of 64 bits.
_LONGEST_PATH = 64


class NoTile(ValueError):
    """Something is not the name of a tile, or is no tile."""


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return where a tile is served. `level` is a number, or ENTRIES for a bundle of entries."""
    if index < 0 or not 1 <= width <= WIDTH:
        raise NoTile(f"there is no tile {index} of width {width}")
    rest, groups = index // 1000, [f"{index % 1000:03d}"]
    while rest:
        groups.append(f"x{rest % 1000:03d}")
        rest //= 1000
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> tuple[int | str, int, int]:
    """Return level, index and width of the tile with this path. Raises NoTile."""
    found = _PATH.fullmatch(path) if len(path) <= _LONGEST_PATH else None
    if found is None:
        raise NoTile(f"{path[:_LONGEST_PATH]!r} is not the path of a tile")
    level = found["level"] if found["level"] == ENTRIES else int(found["level"])
    index = int(found["index"].replace("/", "").replace("x", ""))
    width = int(found["width"] or WIDTH)
    # Also what a number is written as, with superfluous groups, is not its path.
    if tile_path(level, index, min(width, WIDTH)) != path or level not in (ENTRIES, *range(64)):
        raise NoTile(f"{path!r} is not the path of a tile")
    return level, index, width


def tiles_between(old: int, new: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, index, width) of the tiles of the tree of `new` leaves that the tree of `old`
    leaves has not, level by level."""
    level = 0
    while new >> HEIGHT * level:
        before, after = old >> HEIGHT * level, new >> HEIGHT * level
        for index in range(before // WIDTH, after // WIDTH):
            yield level, index, WIDTH
        if after % WIDTH and after > before:
            yield level, after // WIDTH, after % WIDTH
        level += 1


def hash_reader(read_tile: TileReader) -> Reader:
    """Return a reader of the hashes of complete subtrees out of tiles: for one proof or piece.

    Of the tiles that it read last it keeps what it computed: the hashes of a tile's own tree, by
    the level in it.
    """

    @lru_cache(TILES_IN_MEMORY)
    def hashes_in(level: int, index: int) -> list[list[bytes]]:
        tile = read_tile(level, index)
        return [[] if len(tile) % HASH_BYTES else [*hashes_of(tile)]]

    def read(level: int, index: int) -> bytes:
        tile_level, inside = divmod(level, HEIGHT)
        number, place = divmod(index, WIDTH >> inside)
        levels = hashes_in(tile_level, number)
        while len(levels) <= inside:
            levels.append(_level_above(levels[-1]))
        if place >= len(levels[inside]):
            raise NoTile(
                f"tile {number} of level {tile_level} has {len(levels[0])} whole hashes, "
                f"which are not {place + 1 << inside} hashes"
            )
        return levels[inside][place]

    return read


def hashes_of(tile: bytes) -> Iterator[bytes]:
    for start in range(0, len(tile), HASH_BYTES):
        yield tile[start : start + HASH_BYTES]


def tile_root(tile: bytes) -> bytes:
    """Return the hash of a full tile, which stands in the level above."""
    if len(tile) != WIDTH * HASH_BYTES:
        raise NoTile(f"a full tile has {WIDTH * HASH_BYTES} bytes, not {len(tile)}")
    return _subtree([*hashes_of(tile)])


def _subtree(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = _level_above(hashes)
    return hashes[0]


def _level_above(hashes: list[bytes]) -> list[bytes]:
    """Return the hashes of pairs. The last one has no pair in a tile that is not full."""
    return [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return a bundle of log entries: each after its length in two bytes."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def bundled(data: bytes) -> list[bytes]:
    """Return the log entries of a bundle. Raises NoTile."""
    found: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if place + 2 > len(data) or end > len(data):
            raise NoTile(f"a bundle ends within its entry {len(found)}")
        found.append(data[place + 2 : end])
        place = end
    if not 1 <= len(found) <= WIDTH:
        raise NoTile(f"a bundle has 1 to {WIDTH} entries, not {len(found)}")
    return found
