"""The lock that says a run's supervisor is alive."""

import os
import sys
import time
from pathlib import Path

from orpo_studio.events import file_lock
from orpo_studio.plain_files import open_plain


class RunLock:
    """Held by the supervisor from its first breath to its last; the system frees it when the process dies.

    On POSIX the lock belongs to the open file, so a child that is handed its descriptor keeps it held until it has
    ended as well.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, patience: float = 1.0) -> bool:
        """Try to take the lock for ``patience`` seconds, since a probe by :func:`is_held` holds it for a moment.

        Returns:
            Whether it was taken.
        """
        self._descriptor = open_plain(self._path, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + patience
        while not file_lock.acquire(self._descriptor, block=False):
            if time.monotonic() > deadline:
                os.close(self._descriptor)
                self._descriptor = None
                return False
            time.sleep(0.02)
        return True

    def inheritable(self) -> tuple[int, ...]:
        """Return the descriptors to hand to a child that shall hold the lock too; Windows cannot share a lock."""
        return () if self._descriptor is None or sys.platform == "win32" else (self._descriptor,)

    def release(self) -> None:
        """Give the lock back; a child that holds it too keeps it."""
        if self._descriptor is not None:
            if sys.platform == "win32":
                file_lock.release(self._descriptor)  # elsewhere that would take it from a child as well
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Tell whether a living process holds the lock at ``path``."""
    try:
        descriptor = open_plain(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # on a disk that only others may write to, a run may be going on all the same
        try:
            descriptor = open_plain(path)
        except OSError:
            return False
    try:
        return file_lock.is_locked(descriptor)
    finally:
        os.close(descriptor)
