"""An exclusive lock on an open file, freed by the system when its holder dies.

``flock`` on POSIX, ``msvcrt.locking`` on Windows. No pid is ever asked: a lock is free within 0.2 s of the
death of the last process that holds it.
"""

import sys

if sys.platform == "win32":
    import msvcrt
    import os
    import time

    _AGAIN_SECONDS = 0.002
    """Between two tries for a lock that is held for some microseconds."""

    _FAR = 2**30
    """Byte that is locked: past any content, since Windows forbids reading locked bytes."""

    def acquire(descriptor: int, *, block: bool) -> bool:
        """Lock an open file. Returns False when somebody else holds it and ``block`` is not set."""
        while True:  # not LK_LOCK, which looks again after a whole second, and gives up after ten
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:  # somebody holds it
                if not block:
                    return False
                time.sleep(_AGAIN_SECONDS)
            else:
                return True

    def release(descriptor: int) -> None:
        """Unlock a file locked by :func:`acquire`."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def is_locked(descriptor: int) -> bool:
        """Tell whether somebody holds the lock of an open file."""
        if not acquire(descriptor, block=False):
            return True
        release(descriptor)
        return False

else:
    import fcntl

    def acquire(descriptor: int, *, block: bool) -> bool:
        """Lock an open file. Returns False when somebody else holds it and ``block`` is not set."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(descriptor: int) -> None:
        """Unlock a file locked by :func:`acquire`."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def is_locked(descriptor: int) -> bool:
        """Tell whether somebody holds the lock of an open file; two who look at once do not see each other."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
