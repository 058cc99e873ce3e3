"""The lock that says a run's supervisor is alive."""

import os
import time
from pathlib import Path

from orpo_studio.events import file_lock


class RunLock:
    """Held by the supervisor from its first breath to its last; the system frees it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, patience: float = 1.0) -> bool:
        """Try to take the lock for ``patience`` seconds, since a probe by :func:`is_held` holds it for a moment.

        Returns:
            Whether it was taken.
        """
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        deadline = time.monotonic() + patience
        while not file_lock.acquire(self._descriptor, block=False):
            if time.monotonic() > deadline:
                os.close(self._descriptor)
                self._descriptor = None
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            file_lock.release(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Tell whether a living process holds the lock at ``path``."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if not file_lock.acquire(descriptor, block=False):
            return True
        file_lock.release(descriptor)
        return False
    finally:
        os.close(descriptor)
