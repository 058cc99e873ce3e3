"""Where old values of long runs go: a file without a name that ends with the run's charts."""

import os
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QObject

from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.charts.arrays import Floats

_ITEM = 8


class _Wanted(NamedTuple):
    values: Floats
    written: Callable[[int], None]


class Spill:
    """Takes blocks of values, writes them in the background, and reads any stretch of them back.

    A million logged steps of fifteen curves are 120 MB, which would be memory that only grows. A block stays with its
    owner until it is written. Where the disk is full or slow, blocks stay in memory and nothing is lost.
    """

    def __init__(self, owner: QObject, folder: Path) -> None:
        """Prepare; a file is made with the first block.

        Args:
            owner: while it lives, blocks are taken.
            folder: where the file is made. Not ``/tmp``, which is memory on many machines.
        """
        self._owner = owner
        self._folder = folder
        self._descriptor = -1
        self._end = 0
        self._wanted: list[_Wanted] = []
        self._task: Task | None = None
        self._place = threading.Lock()
        self._is_broken = False

    def put(self, values: Floats, written: Callable[[int], None]) -> None:
        """Have a block written; ``written`` is called on the main thread with its place, or never."""
        if not self._is_broken:
            self._wanted.append(_Wanted(values, written))
            self._write_next()

    def read(self, place: int, count: int) -> Floats:
        """Return ``count`` values from a place on.

        Raises:
            OSError: the disk does not give them back.
        """
        raw = self._read_raw(place, count * _ITEM)
        if len(raw) != count * _ITEM:
            raise OSError(f"{self._folder}: a temporary file is shorter than what was written to it.")
        return np.frombuffer(raw, np.float64)

    def _write_next(self) -> None:
        if self._task is None and self._wanted:
            batch, self._wanted = self._wanted, []
            self._task = run_in_background(
                self._owner,
                lambda _task: [self._append(block.values) for block in batch],
                lambda places: self._on_written(batch, places),
                self._on_failed,
            )

    def _on_written(self, batch: list[_Wanted], places: list[int]) -> None:
        self._task = None
        for block, place in zip(batch, places, strict=True):
            block.written(place)
        self._write_next()

    def _on_failed(self, _error: Exception) -> None:
        self._task, self._is_broken = None, True
        self._wanted.clear()

    # In the background

    def _append(self, values: Floats) -> int:
        if self._descriptor < 0:
            self._descriptor = _nameless_file(self._folder)
            # Letting go of a large file takes the system a while.
            weakref.finalize(self, _close_in_thread, self._descriptor).atexit = False
        place, rest = self._end, memoryview(np.ascontiguousarray(values).tobytes())
        self._end += len(rest)
        at = place
        while rest:
            written = self._write_raw(at, rest)
            at, rest = at + written, rest[written:]
        return place

    if sys.platform == "win32":

        def _read_raw(self, place: int, count: int) -> bytes:
            with self._place:
                os.lseek(self._descriptor, place, os.SEEK_SET)
                return os.read(self._descriptor, count)

        def _write_raw(self, place: int, data: memoryview) -> int:
            with self._place:
                os.lseek(self._descriptor, place, os.SEEK_SET)
                return os.write(self._descriptor, data)

    else:

        def _read_raw(self, place: int, count: int) -> bytes:
            return os.pread(self._descriptor, count, place)

        def _write_raw(self, place: int, data: memoryview) -> int:
            return os.pwrite(self._descriptor, data, place)


def _nameless_file(folder: Path) -> int:
    """Return the descriptor of a file that is gone when it is closed, or when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, prefix="charts-", buffering=0) as file:
        return os.dup(file.fileno())


def _close_in_thread(descriptor: int) -> None:
    threading.Thread(target=os.close, args=(descriptor,), daemon=True).start()
