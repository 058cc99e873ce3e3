"""Opening files in folders that may come from anybody.

A run or a model can be a gift from a stranger. In it, a file of a well-known name may be a link to something of the
person's, a pipe that is never written to, or as large as the disk. What opens such files goes through here: links
are not followed, nothing waits, and only ordinary files are opened.
"""

import errno
import os
import stat
from pathlib import Path

_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # without effect on ordinary files; a pipe would wait for its other end
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

LINK = "is a link, and links are not followed here"
NOT_A_FILE = "is not an ordinary file"


def open_plain(path: Path, flags: int = os.O_RDONLY, *, follow_link: bool = False) -> int:
    """Open an ordinary file, and return its descriptor.

    Args:
        path: of the file.
        flags: as for ``os.open``.
        follow_link: for files that a person has named, and for model folders, whose files are often links.

    Raises:
        OSError: it cannot be opened, is a link, or is a folder, a pipe or a device.
    """
    if not follow_link and (not hasattr(os, "O_NOFOLLOW")) and path.is_symlink():
        raise OSError(errno.ELOOP, LINK, str(path))
    try:
        descriptor = os.open(path, flags | (_FLAGS & ~getattr(os, "O_NOFOLLOW", 0) if follow_link else _FLAGS), 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_link:
            raise OSError(errno.ELOOP, LINK, str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise OSError(errno.ENXIO, NOT_A_FILE, str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, NOT_A_FILE, str(path))
    return descriptor


def read_plain(path: Path, most: int, *, follow_link: bool = False) -> bytes:
    """Return what an ordinary file holds.

    Raises:
        OSError: it cannot be read, or holds more than ``most`` bytes (``EFBIG``).
    """
    with os.fdopen(open_plain(path, follow_link=follow_link), "rb") as file:
        content = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if content is None or len(content) > most:
        raise OSError(errno.EFBIG, f"holds more than {most:,} bytes", str(path))
    return content


def is_plain_folder(path: Path) -> bool:
    """Tell whether a folder is one itself, and not a link to one."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and not _is_junction(status)


def _is_junction(status: os.stat_result) -> bool:
    """Tell whether this is one of Windows' links between folders."""
    reparse = getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0)
    return bool(getattr(status, "st_file_attributes", 0) & reparse)
