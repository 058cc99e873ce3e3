"""Write a folder beside its place, so that it appears only when it is complete."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_DAY = 86_400.0


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a folder beside the one to write, and put it in its place when all went well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(folder)
    stage = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    stage.mkdir()
    try:
        yield stage
        _put_in_place(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, folder: Path) -> None:
    old = stage.with_name(f"{stage.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        stage.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # another process has just written the same: its folder serves as well
    shutil.rmtree(old, ignore_errors=True)


def _remove_left_behind(folder: Path) -> None:
    """Remove what a conversion left that was killed a day ago or earlier."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """Give the name of a folder beside the one to write, and remove what was made there."""
    scratch = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
