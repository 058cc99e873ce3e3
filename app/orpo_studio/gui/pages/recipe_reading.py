"""What the memory card needs of model and pairs, read in the background whenever others are chosen."""

from typing import TYPE_CHECKING, cast, get_args

from PySide6.QtCore import QObject, Signal

from orpo_studio.config import RunSpec
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.pages.recipe_machine import RoomWatch
from orpo_studio.gui.pages.recipe_probe import Probe
from orpo_studio.gui.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.fit.memory import Case, MemoryEstimate
    from orpo_studio.fit.rows import PairLengths
    from orpo_studio.fit.shape import ModelShape
    from orpo_studio.models.card import ModelCard

_REMEMBERED = 8
"""Pairs of model and data whose lengths are kept."""


class FitReading(QObject):
    """The chosen model's shape, the lengths of the chosen pairs, and the room there is."""

    changed = Signal()
    """Something more is known."""

    def __init__(self, bench: Workbench, parent: QObject) -> None:
        super().__init__(parent)
        self._bench = bench
        self.probe = Probe(bench, self)
        self.watch = RoomWatch(self)
        self.watch.changed.connect(self.changed)
        self.shape: ModelShape | None = None
        self.lengths: PairLengths | None = None
        self._shape_of: ModelCard | None = None
        self._lengths_of: tuple[ModelCard | None, PreparedData | None] = (None, None)
        self._known: dict[tuple[Path, int, Path], PairLengths | None] = {}
        self._shape_task: Task | None = None
        self._lengths_task: Task | None = None

    @property
    def is_busy(self) -> bool:
        """Whether headers or pairs are being read."""
        return self._shape_task is not None or self._lengths_task is not None

    def refresh(self) -> None:
        """Begin to read what is chosen now, where it is another than before."""
        card, prepared = self._bench.model.card, self._bench.data.prepared
        if card is not self._shape_of:
            self._shape_of, self.shape = card, None
            _cancel(self._shape_task)
            self._shape_task = None
            if card is not None:
                self._read_shape(card)
        if (card, prepared) != self._lengths_of:
            self._lengths_of, self.lengths = (card, prepared), None
            _cancel(self._lengths_task)
            self._lengths_task = None
            if card is not None and prepared is not None:
                self._count(card, prepared)

    def case(self, spec: RunSpec) -> "Case | None":
        """Return what is to be estimated; None before model and machine are known."""
        from orpo_studio.fit.memory import Case
        from orpo_studio.fit.rows import Way

        room = self.watch.room
        if self.shape is None or room is None:
            return None
        found = self.probe.found(spec.recipe)
        way: Way = "packed" if found is None or found.way not in get_args(Way) else cast("Way", found.way)
        free = room.total if self._bench.read_only else room.free
        return Case(
            spec.recipe,
            self.shape,
            on_gpu=room.on_gpu,
            way=way,
            lengths=self.lengths,
            free=free,
            has_bf16=room.has_bf16,
        )

    def memory(self, case: "Case") -> "MemoryEstimate":
        """Return the peak memory of a case: as two steps measured it where they were tried, else the sum by headers.

        Steps that were made elsewhere than the case is about, on the CPU beside a card that torch cannot use, say
        nothing about it.
        """
        from orpo_studio.fit.measured import MeasuredSteps, measured_memory

        found = self.probe.found(case.recipe)
        measured = MeasuredSteps.of(found) if found is not None else None
        if measured is None or measured.on_gpu != case.on_gpu:
            return self.estimated(case)
        return measured_memory(measured, self.estimated(case))

    @staticmethod
    def estimated(case: "Case") -> "MemoryEstimate":
        """Return the sum by headers."""
        from orpo_studio.fit.memory import estimate

        return estimate(case)

    def _read_shape(self, card: "ModelCard") -> None:
        def work(_task: Task) -> "ModelShape":
            from orpo_studio.fit.shape import read_shape

            return read_shape(card)

        self._shape_task = run_in_background(self, work, self._on_shape, lambda _error: self._on_shape(None))

    def _on_shape(self, shape: "ModelShape | None") -> None:
        self._shape_task, self.shape = None, shape
        self.changed.emit()

    def _count(self, card: "ModelCard", prepared: "PreparedData") -> None:
        name = (card.path, card.size_bytes, prepared.folder)
        if name in self._known:
            self.lengths = self._known[name]
            return

        def work(task: Task) -> "PairLengths | None":
            from orpo_studio.gui.pages.recipe_lengths import count_lengths

            return count_lengths(card, prepared, task.is_cancelled)

        def done(lengths: "PairLengths | None") -> None:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[name] = lengths
            self._on_lengths(lengths)

        # Without lengths the estimate goes by the maximum length; what is wrong with the data is told elsewhere.
        self._lengths_task = run_in_background(self, work, done, lambda _error: self._on_lengths(None))

    def _on_lengths(self, lengths: "PairLengths | None") -> None:
        self._lengths_task, self.lengths = None, lengths
        self.changed.emit()


def _cancel(task: Task | None) -> None:
    if task is not None:
        task.cancel()
