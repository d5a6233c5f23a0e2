"""Names and widths of tiles, and bundles, as c2sp.org/tlog-tiles has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.audit.tlog.merkle import node_hash
from console.audit.tlog.tiles import (
    WIDTH,
    NoTile,
    bundle,
    bundled,
    hash_reader,
    parse_path,
    tile_path,
    tile_root,
    tiles_between,
)

levels = st.one_of(st.just("entries"), st.integers(min_value=0, max_value=63))


def test_the_examples_of_the_specification() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 12) == "tile/entries/005.p/12"
    found = list(tiles_between(0, 70_000))
    assert found.count((0, 273, 112)) == 1
    assert sum(level == 0 and width == 256 for level, _index, width in found) == 273
    assert [each for each in found if each[0]] == [(1, 0, 256), (1, 1, 17), (2, 0, 1)]
    assert list(tiles_between(0, 256)) == [(0, 0, 256), (1, 0, 1)]


@given(level=levels, index=st.integers(0, 2**63), width=st.integers(1, 256))
def test_a_path_is_read_as_it_was_written(level: int | str, index: int, width: int) -> None:
    assert parse_path(tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        *("tile/64/000", "tile/00/000", "tile/-1/000", "tile/0/0", "tile/0/1000"),
        *("tile/0/x000/001", "tile/0/001/002", "tile/0/x001", "tile/0/000.p/0"),
        *("tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/257", "tile/0/000.p/", "tile/0/"),
        *("/tile/0/000", "tile/0/000\n", "tile/0/../000", "tile/entry/000", "tile/0/٠٠٠", ""),
        "tile/0/" + "x001/" * 40 + "000",
    ],
)
def test_other_paths_are_none(path: str) -> None:
    with pytest.raises(NoTile):
        parse_path(path)


@pytest.mark.parametrize(("index", "width"), [(-1, 1), (0, 0), (0, 257)])
def test_there_is_no_path_of_what_is_no_tile(index: int, width: int) -> None:
    with pytest.raises(NoTile):
        tile_path(0, index, width)


@given(old=st.integers(0, 200_000), more=st.integers(0, 140_000))
def test_new_tiles_are_those_that_the_old_tree_has_not(old: int, more: int) -> None:
    new = old + more
    before = set(tiles_between(0, old))
    assert set(tiles_between(old, new)) == set(tiles_between(0, new)) - before


@given(entries=st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert bundled(bundle(entries)) == entries


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x02a", b"\x00\x01ab", b"\x00\x00" * 257])
def test_other_bytes_are_no_bundle(data: bytes) -> None:
    with pytest.raises(NoTile):
        bundled(data)


@pytest.mark.parametrize("tile", [b"", b"x" * 31, b"x" * 32, b"x" * 33])
def test_a_short_tile_is_no_whole_one(tile: bytes) -> None:
    with pytest.raises(NoTile, match="full tile"):
        tile_root(tile)
    with pytest.raises(NoTile, match="which are not 2 hashes"):
        hash_reader(lambda _level, _index: tile)(1, 0)


def test_a_tile_is_read_once_for_all_its_hashes() -> None:
    asked: list[tuple[int, int]] = []

    def tile(level: int, index: int) -> bytes:
        asked.append((level, index))
        return b"".join(bytes([number]) * 32 for number in range(WIDTH))

    read = hash_reader(tile)
    hashes = {(level, place): read(level, place) for level in range(8) for place in range(2)}
    assert asked == [(0, 0)]
    assert hashes[0, 1] == b"\x01" * 32
    assert hashes[1, 0] == node_hash(hashes[0, 0], hashes[0, 1])
    assert hashes[7, 0] != hashes[7, 1]
    read(8, 0)
    read(0, WIDTH)
    assert asked == [(0, 0), (1, 0), (0, 1)]
