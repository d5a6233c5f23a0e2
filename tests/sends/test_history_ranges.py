"""Parts of the history that lie beside each other are read as one, and spans cover all ids."""

import random
from itertools import pairwise

import pytest

from console.sends.history.search import ranges
from console.sends.history.searchable import LEVELS, span_mark
from console.sends.history.sources import SPANS_MOST, _spans


def test_neighbours_are_one_range() -> None:
    assert list(ranges([])) == []
    assert list(ranges([(5, 9), (1, 2)], gap=1)) == [(1, 2), (5, 9)]
    assert list(ranges([(3, 9), (1, 2)], gap=1)) == [(1, 9)]
    assert list(ranges([(1, 20), (2, 3), (22, 22)], gap=2)) == [(1, 22)]


def test_they_cover_what_is_given_and_little_else() -> None:
    chance = random.Random(5)
    for _ in range(200):
        pairs = [(first, first + chance.randrange(9)) for first in chance.sample(range(300), 20)]
        gap = chance.randrange(1, 6)
        found = list(ranges(pairs, gap=gap))
        assert all(one[1] + gap < other[0] for one, other in pairwise(found))
        covered = {each for first, last in found for each in range(first, last + 1)}
        given = {each for first, last in pairs for each in range(first, last + 1)}
        assert given <= covered


@pytest.mark.parametrize("newest_first", [True, False])
def test_spans_cover_each_id_once(newest_first: bool) -> None:
    chance = random.Random(7)
    for _ in range(200):
        low, high = sorted(chance.sample(range(10_000_000), 2))
        while high - low > 1:
            wanted = chance.choice([0, 1, 5000, 70_000, 2_000_000, 90_000_000])
            marks, begin, end = _spans(low, high, wanted, newest_first=newest_first)
            assert low <= begin < end - 1 < high
            assert (end == high) if newest_first else (begin == low)
            assert len(marks) <= SPANS_MOST
            reaches_all = (begin == low) and (end == high)
            assert reaches_all or end - begin > min(wanted // 2, (SPANS_MOST - 1) << LEVELS[-1])
            for each in (begin + 1, (begin + end) // 2, end - 1):
                assert any(span_mark(level, each >> level) in marks for level in LEVELS)
            low, high = (low, begin + 1) if newest_first else (end - 1, high)
