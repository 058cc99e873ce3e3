"""Telling that the trainer has fallen silent, with its stack in the log, and that it is heard again."""

from collections.abc import Callable
from typing import Protocol

from orpo_studio.events import TrainerHeard, TrainerSilent
from orpo_studio.events.types import Event
from orpo_studio.runner.console import note
from orpo_studio.runner.pulse import Pulse


class HasStack(Protocol):
    """What can print its stack."""

    def print_stack(self) -> None:
        """Have the stacks of all threads printed into the log."""


class SilenceWatch:
    """Looks at the pulse and says what is unusual about it.

    Args:
        pulse: of the trainer.
        process: the trainer's.
        say: appends an event.
    """

    def __init__(self, pulse: Pulse, process: HasStack, say: Callable[[Event], object]) -> None:
        self._pulse, self._process, self._say = pulse, process, say
        self._told: TrainerSilent | None = None
        self._silence = 0.0
        self._next_stack = 0.0

    def look(self) -> None:
        """Look again."""
        pulse = self._pulse
        if self._told is not None and pulse.silence < self._silence:
            self._say(TrainerHeard(seconds=self._silence))
            note(f"The trainer shows progress again, after {self._silence:.0f} s.")
            self._told = None
        self._silence = pulse.silence
        if self._told is None and pulse.silence < pulse.patience:
            return
        doing = pulse.doing
        if self._told is None:
            self._next_stack = pulse.silence
        if self._told is None or doing != self._told.doing:
            self._told = TrainerSilent(seconds=pulse.silence, doing=doing, cpu_percent=round(100 * pulse.cpu_share))
            self._say(self._told)
        if pulse.silence >= self._next_stack:
            self._next_stack = 2 * pulse.silence  # a second one tells whether it moves
            self._print_stack(doing)

    def _print_stack(self, doing: str) -> None:
        head = f"No progress of the trainer for {self._silence:.0f} s ({doing})."
        if self._pulse.has_beaten:
            note(f"{head} Its stack{' follows when it goes on' if doing == 'suspended' else ''}:")
            self._process.print_stack()
        else:
            note(f"{head} It has not come so far that it could print its stack.")
