"""Checkpoints of which only complete ones count.

A checkpoint is written in a folder of its own beside the others, flushed to the disk, given ``COMPLETE.json`` with
the size of each file, and only then renamed to its place. What a killed trainer leaves has no such file.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

COMPLETE = "COMPLETE.json"
WRITING = ".writing"
"""Name of the folder inside ``checkpoints/`` in which the next checkpoint comes to be."""

_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        path: its folder.
        step: optimizer steps made.
        seconds: time spent training up to then, over all attempts.
        size_bytes: of all its files.
    """

    path: Path
    step: int
    seconds: float
    size_bytes: int


def sync_folder(folder: Path) -> dict[str, int]:
    """Flush every file of a folder to the disk. Returns their sizes in bytes by name relative to it."""
    sizes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        # Windows flushes only descriptors that may write.
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    return sizes


def seal(written: Path, home: Path, *, step: int, seconds: float) -> Checkpoint:
    """Make a written checkpoint count: flush it, note its files, move it to ``home/checkpoint-<step>``.

    Raises:
        OSError: the disk is full, say. Earlier checkpoints are untouched.
    """
    sizes = sync_folder(written)
    note = written / COMPLETE
    note.write_text(json.dumps({"step": step, "seconds": seconds, "files": sizes}), encoding="utf-8")
    sync_folder(written)
    target = home / f"checkpoint-{step}"
    if target.exists():
        shutil.rmtree(target)
    written.replace(target)
    return Checkpoint(target, step, seconds, sum(sizes.values()))


def read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in a folder, or None where it is not complete."""
    name = _NAME.fullmatch(folder.name)
    try:
        note = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        sizes = {str(file): int(size) for file, size in note["files"].items()}
        whole = all((folder / file).stat().st_size == size for file, size in sizes.items())
        checkpoint = Checkpoint(folder, int(note["step"]), float(note["seconds"]), sum(sizes.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return checkpoint if whole and name and checkpoint.step == int(name.group(1)) else None


def complete_checkpoints(home: Path) -> list[Checkpoint]:
    """Return the complete checkpoints in ``home``, by step."""
    if not home.is_dir():
        return []
    found = (read(folder) for folder in home.iterdir() if folder.is_dir())
    return sorted((checkpoint for checkpoint in found if checkpoint), key=lambda checkpoint: checkpoint.step)


def remove_incomplete(home: Path) -> None:
    """Delete what killed trainers left half written."""
    if home.is_dir():
        for folder in home.iterdir():
            if folder.is_dir() and (folder.name == WRITING or _NAME.fullmatch(folder.name)) and read(folder) is None:
                shutil.rmtree(folder)


def keep_last(home: Path, count: int) -> None:
    """Delete complete checkpoints but the last ``count``."""
    for checkpoint in complete_checkpoints(home)[:-count]:
        shutil.rmtree(checkpoint.path)
