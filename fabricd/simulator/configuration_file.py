"""The file in which a switch keeps its configuration over a loss of power.

Called by the datastore, in a thread. Knows bytes only.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, config: bytes) -> None:
    """Replace the file's content, whole or not at all; it is on disk when this returns."""
    temporary = file.with_name(f".{file.name}.new")
    with temporary.open("wb") as handle:
        handle.write(config)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
