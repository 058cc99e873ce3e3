"""Let one set-up of a checkout wait for another."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from setup_steps.progress import Step

WAIT = 0.3  # seconds between two tries


@contextmanager
def only_one(lock: Path) -> Iterator[tuple[int, ...]]:
    """Hold the lock file, waiting for whoever holds it and saying so.

    Yields:
        The descriptor of the lock, to be handed on to long-running children: should this process be killed,
        the lock stays taken until its child has ended too, so that no second installer starts beside it.
        (Windows has no such inheritance; there it is released with this process.)
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try_to_take(descriptor):
            step = Step("Another set-up of this folder is running; waiting for it to end")
            while not _try_to_take(descriptor):
                step.show("")
                time.sleep(WAIT)
            step.done("it has ended")
        yield (descriptor,)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_to_take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_to_take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
