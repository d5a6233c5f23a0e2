"""Proofs against a tree that is written down naively from RFC 6962."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.audit.tlog import merkle, tiles
from console.audit.tlog.merkle import verify_consistency, verify_inclusion

MOST = 1100  # four full tiles, and more


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, over the leaves' data."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    at = _split(len(leaves))
    both = naive_root(leaves[:at]) + naive_root(leaves[at:])
    return hashlib.sha256(b"\x01" + both).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*naive_path(index, leaves[:at]), naive_root(leaves[at:])]
    return [*naive_path(index - at, leaves[at:]), naive_root(leaves[:at])]


def naive_consistency(old: int, leaves: Sequence[bytes], is_whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if old == len(leaves):
        return [] if is_whole else [naive_root(leaves)]
    at = _split(len(leaves))
    if old <= at:
        return [*naive_consistency(old, leaves[:at], is_whole), naive_root(leaves[at:])]
    return [*naive_consistency(old - at, leaves[at:], False), naive_root(leaves[:at])]


def _split(number: int) -> int:
    at = 1
    while at * 2 < number:
        at *= 2
    return at


DATA = [b"leaf %d" % number for number in range(MOST)]


def tiles_of(size: int) -> dict[tuple[int, int], bytes]:
    """All tiles of a tree, as tlog-tiles defines them: MTH of the leaves that each hash spans."""
    found = {}
    for level, index, width in tiles.tiles_between(0, size):
        span = 256**level
        first = index * 256
        found[level, index] = b"".join(
            naive_root(DATA[number * span : (number + 1) * span])
            for number in range(first, first + width)
        )
    return found


ALL = tiles_of(MOST)
read = tiles.hash_reader(lambda level, index: ALL[level, index])
sizes = st.integers(min_value=1, max_value=MOST)


@given(size=st.integers(min_value=0, max_value=MOST))
def test_roots(size: int) -> None:
    expected = naive_root(DATA[:size])
    assert merkle.root_of(map(merkle.leaf_hash, DATA[:size])) == expected
    assert merkle.root_at(read, size) == expected


@given(data=st.data(), size=sizes)
def test_a_leaf_is_proved_in_its_place_and_in_no_other(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = merkle.inclusion_path(read, index, size)
    assert proof == naive_path(index, DATA[:size])
    leaf, root = merkle.leaf_hash(DATA[index]), naive_root(DATA[:size])
    assert verify_inclusion(leaf, index, size, proof, root)
    other = data.draw(st.integers(min_value=0, max_value=MOST))
    assert verify_inclusion(leaf, other, size, proof, root) == (other == index)
    assert not verify_inclusion(merkle.leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, [*proof, root], root)
    assert not verify_inclusion(leaf, index, size, proof, naive_root([*DATA[:size], b"more"]))
    for number in range(len(proof)):
        assert not verify_inclusion(leaf, index, size, proof[:number], root)
        assert not verify_inclusion(leaf, index, size, _flipped(proof, number), root)


@given(data=st.data(), new=sizes)
def test_a_tree_is_proved_to_go_on_from_another(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(min_value=1, max_value=new))
    proof = merkle.consistency_path(read, old, new)
    assert proof == naive_consistency(old, DATA[:new])
    before, after = naive_root(DATA[:old]), naive_root(DATA[:new])
    assert verify_consistency(old, before, new, after, proof)
    forged = naive_root([b"another", *DATA[1:old]])
    assert not verify_consistency(old, forged, new, after, proof)
    assert not verify_consistency(old, before, new, naive_root([b"x", *DATA[1:new]]), proof)
    assert not verify_consistency(old, before, new, after, [*proof, after])
    for number in range(len(proof)):
        assert not verify_consistency(old, before, new, after, proof[:number])
        assert not verify_consistency(old, before, new, after, _flipped(proof, number))


@given(old=sizes, new=sizes, claimed=sizes)
def test_the_size_is_part_of_what_is_proved(old: int, new: int, claimed: int) -> None:
    old, new = sorted((old, new))
    proof = merkle.consistency_path(read, old, new)
    if claimed != old and naive_root(DATA[:claimed]) != naive_root(DATA[:old]):
        root = naive_root(DATA[:claimed])
        assert not verify_consistency(old, root, new, naive_root(DATA[:new]), proof)


def _flipped(proof: list[bytes], number: int) -> list[bytes]:
    wrong = bytes([proof[number][0] ^ 1]) + proof[number][1:]
    return [*proof[:number], wrong, *proof[number + 1 :]]


def test_the_empty_tree() -> None:
    root = naive_root(DATA[:5])
    assert merkle.consistency_path(read, 0, 5) == []
    assert verify_consistency(0, merkle.EMPTY, 5, root, [])
    assert verify_consistency(0, merkle.EMPTY, 0, merkle.EMPTY, [])
    assert not verify_consistency(0, root, 5, root, [])
    assert not verify_consistency(0, merkle.EMPTY, 5, root, [root])
    assert not verify_consistency(0, merkle.EMPTY, 0, root, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, -1)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        merkle.inclusion_path(read, index, size)
    assert not verify_inclusion(merkle.EMPTY, index, size, [], merkle.EMPTY)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_a_tree_does_not_go_on_from_a_larger_one(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="does not begin with"):
        merkle.consistency_path(read, old, new)
    assert not verify_consistency(old, merkle.EMPTY, new, merkle.EMPTY, [])


def test_what_is_no_hash_proves_nothing() -> None:
    leaf, proof = merkle.leaf_hash(DATA[0]), merkle.inclusion_path(read, 0, 2)
    root = naive_root(DATA[:2])
    assert not verify_inclusion(leaf[:-1], 0, 2, proof, root)
    assert not verify_inclusion(leaf, 0, 2, [proof[0] + b"x"], root)
    assert not verify_consistency(1, leaf, 2, root, [b""])


@given(size=st.integers(min_value=0, max_value=MOST))
def test_peaks_are_enough_to_go_on(size: int) -> None:
    peaks = merkle.peaks_at(read, size)
    for data in DATA[size : size + 3]:
        peaks.push(merkle.leaf_hash(data))
    assert peaks.root() == naive_root(DATA[: size + 3])


def test_peaks_are_as_many_as_the_size_says() -> None:
    with pytest.raises(ValueError, match="not 1 peaks"):
        merkle.Peaks(3, [merkle.EMPTY])
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Peaks(1, [b"x"])


@given(data=st.data(), size=sizes, claimed=sizes)
def test_a_proof_of_another_length_proves_nothing(
    data: st.DataObject, size: int, claimed: int
) -> None:
    """Without the size an inner node would pass for a leaf, or a part for the whole."""
    index = data.draw(st.integers(min_value=0, max_value=min(size, claimed) - 1))
    proof, root = merkle.inclusion_path(read, index, size), naive_root(DATA[:size])
    if len(naive_path(index, DATA[:claimed])) != len(proof):
        assert not verify_inclusion(merkle.leaf_hash(DATA[index]), index, claimed, proof, root)
    old = index + 1
    goes_on = merkle.consistency_path(read, old, size)
    if old < claimed and len(naive_consistency(old, DATA[:claimed])) != len(goes_on):
        before = naive_root(DATA[:old])
        assert not verify_consistency(old, before, claimed, root, goes_on)
