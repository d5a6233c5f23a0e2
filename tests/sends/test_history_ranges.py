"""Parts of the history that lie beside each other are read as one."""

import random
from itertools import pairwise

from console.sends.history.search import ranges


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
