"""Room set aside beside a stream for its last words: a full disk must not keep anybody from hearing how a run ended.

A file and no allocation by the system: it works on every file system, and deleting it gives the room back.
"""

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 256 * 1024
"""About 600 events."""


def reserve_of(stream: Path) -> Path:
    """Return the place of a stream's reserve."""
    return stream.with_suffix(".reserve")


def make_reserve(stream: Path) -> None:
    """Set room aside, where there is room and none is set aside yet."""
    place = reserve_of(stream)
    try:
        with place.open("xb") as file:
            file.write(os.urandom(RESERVE_BYTES))  # zeros would take no room on disks that compress
    except FileExistsError:
        return
    except OSError:
        with suppress(OSError):
            place.unlink(missing_ok=True)


def free_reserve(stream: Path) -> bool:
    """Give the room back. Returns whether there was any."""
    try:
        reserve_of(stream).unlink()
    except OSError:
        return False
    return True
