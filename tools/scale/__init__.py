"""`make scale`: years of history, skewed as that of a real site, to measure searches with."""
