"""The chosen base model and the chosen pairs, read in the background whenever the draft names others."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio import paths
from orpo_studio.config import Issue
from orpo_studio.config.sections import DataSection
from orpo_studio.gui.background import Cancelled, Task, on_main_thread, run_in_background
from orpo_studio.gui.notice import notice_of
from orpo_studio.runs.inputs import data_files, model_folder

if TYPE_CHECKING:
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.models.card import ModelCard

SETTLE_MS = 250
"""A path is read once typing has paused this long."""


class ModelChoice(QObject):
    """The card of the chosen model folder, or why it cannot be used."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = ""
        self.card: ModelCard | None = None
        self.problem: Exception | None = None
        self._task: Task | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._read)

    @property
    def is_busy(self) -> bool:
        """Whether a folder is being read, or about to be."""
        return self._task is not None or self._settle.isActive()

    def choose(self, path: str) -> None:
        """Read the folder at ``path``; the empty string means none."""
        if path == self.path:
            return
        self.path, self.card, self.problem = path, None, None
        self.cancel()
        if path:
            self._settle.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop reading."""
        self._settle.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def issues(self) -> list[Issue]:
        """Return what the folder adds to the issues of the specification."""
        return [Issue("model.path", notice_of(self.problem).title)] if self.problem is not None else []

    def _read(self) -> None:
        folder = model_folder(self.path)
        self._task = run_in_background(self, lambda _task: _inspect(folder), self._done, self._failed)

    def _done(self, card: "ModelCard") -> None:
        self._task, self.card = None, card
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._task, self.problem = None, error
        self.changed.emit()


class DataChoice(QObject):
    """The chosen pairs, converted and split, or why they cannot be used."""

    changed = Signal()
    progressed = Signal(float)
    """Share of the reading that is done, 0 to 1."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.prepared: PreparedData | None = None
        self.problem: Exception | None = None
        self._data = DataSection()
        self._task: Task | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._read)

    @property
    def is_busy(self) -> bool:
        """Whether a file is being read, or about to be."""
        return self._task is not None or self._settle.isActive()

    def choose(self, data: DataSection) -> None:
        """Convert and split the file that is named; the empty string means none."""
        if data == self._data:
            return
        self._data = data
        self.cancel()
        self.prepared, self.problem = None, None
        if data.source:
            self._settle.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop reading."""
        self._settle.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def issues(self) -> list[Issue]:
        """Return what the file adds to the issues of the specification."""
        return [Issue("data.source", notice_of(self.problem).title)] if self.problem is not None else []

    def _read(self) -> None:
        (file, held_out), seed = data_files(self._data), self._data.split_seed

        def work(task: Task) -> "PreparedData":
            from orpo_studio.data.conversion import prepare
            from orpo_studio.data.problem import ConversionCancelled

            try:
                return prepare(
                    file,
                    held_out=held_out,
                    seed=seed,
                    cache=paths.cache_folder() / "data",
                    progress=lambda share: on_main_thread(self, self.progressed.emit, share),
                    cancel=task.is_cancelled,
                )
            except ConversionCancelled:
                raise Cancelled from None

        self._task = run_in_background(self, work, self._done, self._failed)

    def _done(self, prepared: "PreparedData") -> None:
        self._task, self.prepared = None, prepared
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._task, self.problem = None, error
        self.changed.emit()


def _inspect(folder: Path) -> "ModelCard":
    from orpo_studio.models.card import inspect_model

    return inspect_model(folder)
