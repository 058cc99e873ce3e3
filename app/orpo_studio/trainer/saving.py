"""Writing checkpoints and the result to a disk that may be full, read-only or away for a while."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orpo_studio.fit.disk import SMALL_BYTES, tokenizer_bytes
from orpo_studio.runs.room import free_bytes
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.checkpoints import Checkpoint
from orpo_studio.trainer.problems import first_line, is_disk_full
from orpo_studio.words import size

_LOOK_SECONDS = 5.0
"""Between two looks whether there is room again."""
_MARGIN_BYTES = 64 * 1024
"""What the system rounds up, and events that are written meanwhile."""
_AGAIN_SECONDS = 60.0
"""Between two tries where something else than room is missing, such as a network drive."""


class NotSavedError(Exception):
    """A checkpoint or the result could not be written. What was there before is untouched, or room was made of it.

    Attributes:
        is_full: room is missing; else the disk is read-only, or away, say.
        needed: about how many bytes it takes.
        free: bytes that are free where it was to lie; None where that cannot be told.
        last: step of the last complete checkpoint; None where there is none.
        is_retry: it was tried because an earlier one is missing, and not because it was due or asked for.
    """

    def __init__(self, cause: BaseException, home: Path, needed: int, *, is_retry: bool = False) -> None:
        super().__init__(first_line(cause))
        self.home, self.needed, self.is_retry = home, needed, is_retry
        self.is_full = is_disk_full(cause)
        self.free = free_bytes(home)
        found = checkpoints.complete_checkpoints(home)
        self.last = found[-1].step if found else None

    @property
    def may_be_a_quota(self) -> bool:
        """Whether the disk refuses although it has room: what this user may fill of it is used up."""
        return self.is_full and (self.free is None or self.free >= self.needed)

    @property
    def why(self) -> str:
        """Why it could not be written, as a sentence."""
        if not self.is_full:
            return f"{self}"
        takes = f"It takes about {size(self.needed)}"
        if self.free is None:
            return f"{takes}, and the disk is full."
        if self.may_be_a_quota:
            return (
                f"{takes}, which the disk refused although {size(self.free)} are free: there may be a limit on what "
                "you may store."
            )
        return f"{takes}, and {size(self.free)} are free: {size(self.needed - self.free)} are missing."

    @property
    def from_where(self) -> str:
        """From where the run could go on now, as a sentence."""
        if self.last is None:
            return "There is no earlier checkpoint to go on from."
        return f"The run can go on from step {self.last}, its last complete checkpoint."

    @property
    def remedy(self) -> str:
        """What to do, as the beginning of a sentence."""
        return "Make room on that disk" if self.is_full else "Allow writing there"

    @property
    def in_full(self) -> str:
        """Why, from where the run could go on, and last, since it may be long, where the run lies."""
        place = f" The run lies in {self.home.parent}." if self.is_full else ""
        return f"{self.why} {self.from_where}{place}"


class CheckpointSaver:
    """Gives checkpoints their place, makes room for them, and knows when one that failed can be tried again.

    Args:
        home: the folder of the checkpoints.
        keep: complete checkpoints to keep. Where room is short older ones go first, but never the last complete one.
        seconds: returns the time spent training so far.
        course: returns what the steps behind a checkpoint depend on besides its files.
    """

    def __init__(
        self, home: Path, keep: int, seconds: Callable[[], float], course: Callable[[], dict[str, Any]] = dict
    ) -> None:
        self._home, self._keep, self._seconds, self._course = home, keep, seconds, course
        self._owed: NotSavedError | None = None
        self._look_at = 0.0
        self._is_retry = False

    def save(self, step: int, needed: int, write: Callable[[], object]) -> Checkpoint:
        """Have a checkpoint written beside, and give it its place when it is whole.

        Args:
            step: the step it is of.
            needed: bytes that it takes at least.
            write: writes ``checkpoint-<step>`` into the folder ``checkpoints.WRITING`` of ``home``.

        Raises:
            NotSavedError: it cannot be written; at least the last complete checkpoint is untouched.
        """
        is_retry, self._is_retry = self._is_retry, False
        known = checkpoints.complete_checkpoints(self._home)
        needed = known[-1].size_bytes if known else needed + SMALL_BYTES
        try:
            checkpoint = self._write(step, needed, write)
        except Exception as error:
            if not cannot_write(error):
                raise
            self._owed = NotSavedError(error, self._home, needed, is_retry=is_retry)
            by_room = self._owed.is_full and not self._owed.may_be_a_quota
            self._look_at = time.monotonic() + (_LOOK_SECONDS if by_room else _AGAIN_SECONDS)
            raise self._owed from error
        self._owed = None
        checkpoints.keep_last(self._home, self._keep)
        return checkpoint

    def can_catch_up(self) -> bool:
        """Tell whether the last checkpoint is missing and could be written now; looks at the disk now and then."""
        if self._owed is None or time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        free = free_bytes(self._home)
        self._is_retry = not self._owed.is_full or (free is not None and free >= self._owed.needed)
        return self._is_retry

    def _write(self, step: int, needed: int, write: Callable[[], object]) -> Checkpoint:
        try:
            require_room(self._home, needed)
            return self._write_once(step, write)
        except Exception as error:
            if not is_disk_full(error) or not make_room(self._home, needed):
                raise
        return self._write_once(step, write)

    def _write_once(self, step: int, write: Callable[[], object]) -> Checkpoint:
        writing = self._home / checkpoints.WRITING
        shutil.rmtree(writing, ignore_errors=True)
        try:
            write()
            return checkpoints.seal(
                writing / f"checkpoint-{step}",
                self._home,
                step=step,
                seconds=self._seconds(),
                course=self._course(),
            )
        finally:
            shutil.rmtree(writing, ignore_errors=True)


def require_room(folder: Path, needed: int) -> None:
    """Refuse to fill a disk to its brim with what cannot be whole there.

    Raises:
        OSError: less than ``needed`` bytes are free.
    """
    free = free_bytes(folder)
    if free is not None and free < needed:
        raise OSError(28, "No space left on device", str(folder))


def make_room(home: Path, needed: int) -> bool:
    """Delete older complete checkpoints, never the last, where that makes enough room. Returns whether it did."""
    needed += _MARGIN_BYTES
    older = checkpoints.complete_checkpoints(home)[:-1]
    free = free_bytes(home)
    if free is None or not older or free + sum(checkpoint.size_bytes for checkpoint in older) < needed:
        return False
    for checkpoint in older:
        shutil.rmtree(checkpoint.path)
        free = free_bytes(home)
        if free is None or free >= needed:
            break
    return True


def cannot_write(error: BaseException) -> bool:
    """Tell whether an error means that the disk did not take a file, whichever library says so."""
    return isinstance(error, OSError) or is_disk_full(error) or "I/O error" in str(error)


def bytes_to_save(model: Any, tokenizer: Any, optimizer: Any = None) -> int:
    """Return what the trained weights, the tokenizer and the optimizer's states take at least, in bytes."""
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    states = getattr(optimizer, "state", None) or {}
    tensors = (value for state in states.values() for value in state.values() if hasattr(value, "element_size"))
    return (
        trained
        + tokenizer_bytes(Path(str(tokenizer.name_or_path)))
        + sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    )
