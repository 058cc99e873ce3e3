"""A stop that is not answered goes on by itself: asked, then terminated, then killed, each with its deadline said."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from orpo_studio.events import StopStage
from orpo_studio.events.types import Event
from orpo_studio.runner.console import note
from orpo_studio.runner.pulse import Pulse
from orpo_studio.runs import RunFolder, ask, pending, take

Stage = Literal["asked", "terminated", "killed"]

_MOST_ELAPSED = 1.0
_TOLD_FROM = 10.0
"""Seconds of silence from which a deadline is told, or twice the longest silence so far: a trainer that works has none,
however long its step or its checkpoint takes.
"""
_MOVED = 2.0
"""Seconds by which a deadline must have moved to be told anew."""


class Process(Protocol):
    """What is done to the trainer's process."""

    def wake(self) -> None:
        """Let it go on where it is suspended."""

    def terminate(self) -> None:
        """Tell it to leave."""

    def kill(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class StopLimits:
    """How long each stage waits for an answer, in seconds.

    Attributes:
        asked: least time for a step to be finished and saved; more while there are signs of life.
        terminated: time to leave without saving.
    """

    asked: float = 60.0
    terminated: float = 30.0


class StopLadder:
    """Watches for a request to stop, and for how it is answered.

    Args:
        folder: the run.
        pulse: of its trainer.
        process: the trainer's.
        say: appends an event.
        limits: how long each stage waits.
    """

    def __init__(
        self,
        folder: RunFolder,
        pulse: Pulse,
        process: Process,
        say: Callable[[Event], object],
        limits: StopLimits | None = None,
    ) -> None:
        self._folder, self._pulse, self._process, self._say = folder, pulse, process, say
        self._limits = limits or StopLimits()
        self._in_stage = 0.0
        self._told: float | None = None
        self._to_pause = False
        self.stage: Stage | None = None
        """How far it has come; None while nobody asked."""

    @property
    def is_forced(self) -> bool:
        """Whether the trainer was told to end without saving."""
        return self.stage in {"terminated", "killed"}

    def look(self, elapsed: float, *, answered: Literal["", "stop", "pause"] = "") -> None:
        """Look again.

        Args:
            elapsed: seconds since the last time.
            answered: what the trainer has said that it does; it may have taken the request before it was seen here.
        """
        self._in_stage += min(elapsed, _MOST_ELAPSED)
        if pending(self._folder, "end_now") and take(self._folder, "end_now"):
            self._go_on()
        elif self.stage is None:
            is_stop = answered == "stop" or pending(self._folder, "stop")
            if is_stop or answered or pending(self._folder, "pause"):
                self._to_pause = not is_stop
                self._enter("asked")
                self._process.wake()
        elif self._to_pause and pending(self._folder, "stop"):  # it outweighs the pause
            self._to_pause = False
            self._enter("asked")
        elif self.stage != "killed":
            left = self._left()
            if left <= 0:
                self._go_on()
            else:
                self._tell(left)

    def _left(self) -> float:
        """Return the seconds that are left in this stage."""
        if self.stage == "terminated":
            return self._limits.terminated - self._in_stage
        return max(self._limits.asked - self._in_stage, self._pulse.patience - self._pulse.silence)

    def _tell(self, left: float) -> None:
        """Say the deadline where it is new, or has moved since the trainer was heard or the machine slept."""
        told_from = max(_TOLD_FROM, 2 * self._pulse.longest)
        shown = self.stage == "terminated" or self._pulse.silence >= min(told_from, self._limits.asked)
        deadline = time.time() + left if shown else None
        if deadline is None and self._told is None:
            return
        if deadline is not None and self._told is not None and abs(deadline - self._told) < _MOVED:
            return
        self._told = deadline
        if self.stage is not None:
            self._say(StopStage(stage=self.stage, next_at=deadline, to_pause=self._to_pause))

    def _go_on(self) -> None:
        match self.stage:
            case "terminated":
                note("The trainer has not left. It is killed.")
                self._enter("killed")
                self._process.kill()
            case None | "asked":
                note("The trainer is told to leave without saving.")
                self._enter("terminated")
                with contextlib.suppress(OSError):  # without it the trainer saves first, if it can
                    ask(self._folder, "leave")
                self._process.terminate()

    def _enter(self, stage: Stage) -> None:
        self.stage, self._in_stage = stage, 0.0
        self._to_pause = self._to_pause and stage == "asked"
        self._told = time.time() + self._limits.terminated if stage == "terminated" else None
        self._say(StopStage(stage=stage, next_at=self._told, to_pause=self._to_pause))
