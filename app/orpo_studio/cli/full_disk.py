"""Telling whoever follows a run that its disk is full: what the run says waits for room, so it cannot say so itself."""

import time
from pathlib import Path

from orpo_studio.cli.progress import Progress
from orpo_studio.runs.room import FULL_BYTES, free_bytes

LOOK_SECONDS = 5.0


class FullDisk:
    """Looks at the disk of a run while the run is silent.

    Args:
        place: the run's folder.
        progress: where it is told, once each time that the disk fills.
    """

    def __init__(self, place: Path, progress: Progress) -> None:
        self._place, self._progress = place, progress
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._is_told = False

    def look(self, *, has_spoken: bool) -> None:
        """Look now and then; a run that has just spoken has room."""
        now = time.monotonic()
        if has_spoken:
            self._look_at = now + LOOK_SECONDS
        elif now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            free = free_bytes(self._place)
            is_full = free is not None and free < FULL_BYTES
            if is_full != self._is_told:
                self._is_told = is_full
                self._progress.note(
                    "The disk is full. The run goes on; what it says waits for room."
                    if is_full
                    else "The disk has room again."
                )
