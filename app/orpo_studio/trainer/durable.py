"""Flushing to the disk, so that a power cut leaves what a killed process leaves: the old or the new, never half of it.

A file's content and its name are flushed apart: content by the file, the name by the folder that holds it.
"""

import errno
import os
import shutil
import sys
from pathlib import Path

_CANNOT = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM}
"""What file systems answer that flush no folders, such as some network drives."""


def sync_folder(folder: Path) -> dict[str, int]:
    """Flush every file of a folder, and their names, to the disk. Returns sizes in bytes by name relative to it.

    Raises:
        OSError: the disk is full or broken.
    """
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_names(path)
        if not path.is_file():
            continue
        # Windows flushes only descriptors that may write.
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    sync_names(folder)
    return sizes


def sync_names(folder: Path) -> None:
    """Flush which files and folders a folder holds; Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a flushed file or folder within its disk, and flush that as well.

    Raises:
        OSError: it cannot be renamed.
    """
    source.replace(target)
    sync_names(target.parent)


def replace_folder(beside: Path, target: Path) -> None:
    """Put a flushed folder in the place of an older one; at no moment is a half-written one there.

    Raises:
        OSError: it cannot be renamed.
    """
    shutil.rmtree(_older(target), ignore_errors=True)
    if target.exists():
        target.replace(_older(target))
    rename_durably(beside, target)
    shutil.rmtree(_older(target), ignore_errors=True)


def recover_folder(target: Path) -> None:
    """Give an older folder its place back where a process was killed while it replaced it."""
    older = _older(target)
    if older.is_dir() and not target.exists():
        rename_durably(older, target)


def _older(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
