"""How much memory the machine that trains has, and how much of it is free."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.gui.background import run_in_background

if TYPE_CHECKING:
    from orpo_studio.runs.machine import MachineSampler

AGAIN_MS = 5000
_NOTICEABLE = 0.005
"""A change of what is free by less than this share of the whole is not told."""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory for a training.

    Attributes:
        name: of the card; empty without one.
        total: bytes it has.
        free: bytes of it that nobody uses now.
        on_gpu: it is a card's; else main memory.
        has_bf16: what computes there does so in bfloat16 where it is asked to.
    """

    name: str
    total: float
    free: float
    on_gpu: bool
    has_bf16: bool = True

    @property
    def place(self) -> str:
        """What has the memory, in words."""
        return f"on {self.name}" if self.on_gpu else "in main memory"

    @property
    def note(self) -> str:
        """What to know of training there."""
        if self.on_gpu:
            return ""
        if sys.platform == "darwin":
            return "It trains in main memory, which this machine's GPU shares."
        return "No NVIDIA GPU is found: it trains on the CPU, in main memory."


class RoomWatch(QObject):
    """Looks at the machine's memory now and then, while it is on; the first look is in the background."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.room: Room | None = None
        self._sampler: MachineSampler | None = None
        self._is_made = False
        self._timer = QTimer(self, interval=AGAIN_MS)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Look from now on."""
        self._timer.start()
        if self._sampler is not None:
            self._look()
        elif not self._is_made:
            self._is_made = True
            run_in_background(self, lambda _task: _make_sampler(), self._on_sampler, lambda _error: None)

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def _on_sampler(self, sampler: "MachineSampler") -> None:
        self._sampler = sampler
        self._look()

    def _look(self) -> None:
        if self._sampler is None:
            return
        before, found = self.room, _room(self._sampler)
        if before is None or (before.name, before.total) != (found.name, found.total) or _differs(before, found):
            self.room = found
            self.changed.emit()


def _differs(before: Room, found: Room) -> bool:
    return abs(found.free - before.free) > _NOTICEABLE * found.total


def _make_sampler() -> "MachineSampler":
    from orpo_studio.runs.machine import MachineSampler  # psutil and NVML: not on the way to the first paint

    return MachineSampler()


def _room(sampler: "MachineSampler") -> Room:
    from orpo_studio.runs.machine import GIB

    values = sampler.sample().values
    if "gpu_memory_gib" in values and sampler.gpu_total_gib:
        total, used = sampler.gpu_total_gib * GIB, values["gpu_memory_gib"] * GIB
        return Room(sampler.gpu_name, total, max(0.0, total - used), on_gpu=True, has_bf16=sampler.gpu_has_bf16)
    total = sampler.memory_total_gib * GIB
    return Room("", total, max(0.0, total - values["memory_gib"] * GIB), on_gpu=False)
