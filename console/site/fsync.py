"""Makes sure that written data survives a power failure."""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Write a file, or the names in a folder, to disk (fsync). Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
