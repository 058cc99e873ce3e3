"""Room on the disk where something lies, or would lie."""

import shutil
from dataclasses import dataclass
from pathlib import Path

FULL_BYTES = 8 * 1024
"""With less than this a disk counts as full: the system hands out room in blocks, mostly of 4 KiB."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk, or what the system shows as one.

    Attributes:
        free: bytes that this user may still write. A quota of the user alone is not seen here.
        total: bytes it has.
        device: tells it from other disks.
    """

    free: int
    total: int
    device: int

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be written to it."""
        return self.free < FULL_BYTES


def disk_of(path: Path) -> Disk:
    """Return the disk of a path, or of the nearest folder above it where nothing is there yet.

    It asks the system, which may take long where a network drive does not answer.

    Raises:
        OSError: the system does not tell.
    """
    place = next((place for place in (path, *path.parents) if place.exists()), None)
    if place is None:
        raise FileNotFoundError(2, "No such folder", str(path))
    usage = shutil.disk_usage(place)
    return Disk(usage.free, usage.total, place.stat().st_dev)


def free_bytes(path: Path) -> int | None:
    """Return what is free where a path lies; None where the system does not tell."""
    try:
        return disk_of(path).free
    except OSError:
        return None
