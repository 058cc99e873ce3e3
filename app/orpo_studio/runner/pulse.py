"""How long the trainer has been without a sign of life, and how long is unusual for it."""

from collections import deque
from pathlib import Path
from typing import Protocol

from orpo_studio.runner.trainer_process import Doing
from orpo_studio.runs.heartbeat import SILENT_SECONDS

LONGEST_PATIENCE = 1800.0
"""Seconds after which silence is told, however slow the trainer was before."""
_TIMES_SLOWER = 5
"""A trainer may be so many times slower than it has been so far before that is unusual."""
_MOST_ELAPSED = 1.0
"""Seconds that count at most between two looks. More have passed when the machine slept, or this process stood still;
the trainer did so as well.
"""
_LOOK_CLOSER = 5.0
"""Seconds of silence from which the processor, and what is read and written, are looked at as well."""
_MOVED_BYTES = 1 << 20
"""Read or written in between, this is progress: a model is loaded from a slow disk, or a checkpoint is saved."""
_CPU_EVERY, _CPU_SECONDS = 1.0, 10.0
"""Seconds between two samples of the processor time, and those over which its load is taken."""


class Process(Protocol):
    """What is looked at of the trainer's process."""

    def moved_bytes(self) -> int:
        """Return how much it has read and written so far."""

    def cpu_seconds(self) -> float:
        """Return its processor time so far."""

    def doing(self, cpu_share: float) -> Doing:
        """Tell what it does."""


class Pulse:
    """Watches the heartbeat file, and the disk where the file stands still.

    Processor time is no sign of life, since an endless loop uses it as well; it is told, and nothing more.

    Args:
        process: the trainer's.
        heartbeat: the file that the trainer touches.
        silent: least seconds of silence that are told.
    """

    def __init__(self, process: Process, heartbeat: Path, silent: float = SILENT_SECONDS) -> None:
        self._process, self._heartbeat, self._silent = process, heartbeat, silent
        self._last_beat: int | None = None
        self._moved: int | None = None
        self._clock = 0.0
        self._cpu: deque[tuple[float, float]] = deque([(0.0, process.cpu_seconds())])
        self.silence = 0.0
        """Seconds since the last sign of life."""
        self.longest = 0.0
        """Longest silence that a sign of life has ended, in seconds."""

    @property
    def patience(self) -> float:
        """Seconds of silence that are not unusual for this trainer."""
        return min(max(self._silent, _TIMES_SLOWER * self.longest), max(self._silent, LONGEST_PATIENCE))

    @property
    def has_beaten(self) -> bool:
        """Whether this trainer has shown its heartbeat at all."""
        return self._last_beat is not None

    @property
    def cpu_share(self) -> float:
        """Processor time used over the last seconds, as a share of one core."""
        (began, first), (now, last) = self._cpu[0], self._cpu[-1]
        return (last - first) / (now - began) if now > began else 0.0

    @property
    def doing(self) -> Doing:
        """What the trainer's process does at present."""
        return self._process.doing(self.cpu_share)

    def look(self, elapsed: float) -> None:
        """Look again, ``elapsed`` seconds after the last time."""
        elapsed = min(elapsed, _MOST_ELAPSED)
        self._clock += elapsed
        self.silence += elapsed
        beat = self._touched()
        if beat != self._last_beat:
            if self._last_beat is None:  # loading Python's packages says nothing of the work's pace
                self.silence = 0.0
            self._last_beat = beat
            self._is_alive()
        elif self.silence >= min(_LOOK_CLOSER, self._silent / 2):
            self._look_closer()

    def _look_closer(self) -> None:
        if self._clock - self._cpu[-1][0] >= _CPU_EVERY:
            self._cpu.append((self._clock, self._process.cpu_seconds()))
            while self._clock - self._cpu[0][0] > _CPU_SECONDS:
                self._cpu.popleft()
        moved = self._process.moved_bytes()
        if self._moved is None:
            self._moved = moved
        elif moved - self._moved >= _MOVED_BYTES:
            self._is_alive()

    def _is_alive(self) -> None:
        self.longest = max(self.longest, self.silence)
        self.silence = 0.0
        self._moved = None

    def _touched(self) -> int | None:
        try:
            return self._heartbeat.stat().st_mtime_ns
        except OSError:
            return None
