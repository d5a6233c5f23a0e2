"""The tree's files outside of the database: where they are, and which head is there.

What is outside is what counts: nothing in the database says what has left.
"""

from pathlib import Path

from django.conf import settings

from console.audit.tlog import notes
from console.audit.tlog.notes import Checkpoint
from console.audit.tlog.tree import verifiers

HEAD = "checkpoint"
TILES = "tile"
FOLDER = "log"


def folder() -> Path | None:
    """Return the folder of the published tree; None if there is none."""
    if settings.LOG_TO:
        return Path(settings.LOG_TO)
    if settings.CHECKPOINTS_TO and not settings.CHECKPOINTS_TO.startswith("https://"):
        return Path(settings.CHECKPOINTS_TO) / FOLDER
    return None


def head_outside() -> Checkpoint | None:
    """Return the head that is published; None if there is no folder or no head in it.

    Its origin may be another log's. Raises BadNote if the console did not sign it, OSError if the
    folder can't be read.
    """
    place = folder()
    if place is None:
        return None
    try:
        with (place / HEAD).open("rb") as file:
            data = file.read(notes.MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    origin = notes.parse_checkpoint(notes.parse(data).text).origin
    return notes.checkpoint_of(data, verifiers(origin), origin)
