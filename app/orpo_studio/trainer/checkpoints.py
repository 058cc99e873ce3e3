"""Checkpoints of which only complete ones count.

A checkpoint is written in a folder of its own beside the others, flushed to the disk, given ``COMPLETE.json`` with
the size of each file, and only then renamed to its place. What a killed trainer leaves has no such file, and at no
moment is the last complete checkpoint gone before the next one has its place.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orpo_studio.trainer.durable import rename_durably, sync_folder

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
        course: what the steps after it depend on besides its files: how losses were computed.
    """

    path: Path
    step: int
    seconds: float
    size_bytes: int
    course: dict[str, Any] = field(default_factory=dict)


def seal(written: Path, home: Path, *, step: int, seconds: float, course: dict[str, Any] | None = None) -> Checkpoint:
    """Make a written checkpoint count: flush it, note its files, move it to ``home/checkpoint-<step>``.

    Raises:
        OSError: the disk is full, say. Earlier checkpoints are untouched.
    """
    sizes = sync_folder(written)
    note = {"step": step, "seconds": seconds, "files": sizes, "course": course or {}}
    (written / COMPLETE).write_text(json.dumps(note), encoding="utf-8")
    sync_folder(written)
    target = home / f"checkpoint-{step}"
    known = read(target)
    if known is not None:  # no step was made since, so it holds the same; deleting it first would risk both
        shutil.rmtree(written)
        return known
    if target.exists():
        shutil.rmtree(target)
    rename_durably(written, target)
    return Checkpoint(target, step, seconds, sum(sizes.values()), course or {})


def read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in a folder, or None where it is not complete."""
    name = _NAME.fullmatch(folder.name)
    try:
        note = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        sizes = {str(file): int(size) for file, size in note["files"].items()}
        whole = all((folder / file).stat().st_size == size for file, size in sizes.items())
        course = dict(note.get("course", {}))
        checkpoint = Checkpoint(folder, int(note["step"]), float(note["seconds"]), sum(sizes.values()), course)
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
    """Delete what killed trainers left half written; what lacked nothing but its place is given it."""
    if home.is_dir():
        for checkpoint in complete_checkpoints(home / WRITING):
            if read(home / checkpoint.path.name) is None:
                shutil.rmtree(home / checkpoint.path.name, ignore_errors=True)
                rename_durably(checkpoint.path, home / checkpoint.path.name)
        for folder in home.iterdir():
            if folder.is_dir() and (folder.name == WRITING or _NAME.fullmatch(folder.name)) and read(folder) is None:
                shutil.rmtree(folder)


def keep_last(home: Path, count: int) -> None:
    """Delete complete checkpoints but the last ``count``."""
    for checkpoint in complete_checkpoints(home)[:-count]:
        shutil.rmtree(checkpoint.path)
