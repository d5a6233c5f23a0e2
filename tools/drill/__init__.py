"""`make drill`: a backup of a large database, and the way back from it, timed and checked."""
