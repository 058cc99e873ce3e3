"""The chosen base model and the chosen pairs, read in the background whenever the draft names others."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio import paths
from orpo_studio.config import Issue
from orpo_studio.config.sections import DataSection
from orpo_studio.gui.background import Cancelled, Task, on_main_thread, run_in_background
from orpo_studio.gui.notice import notice_of
from orpo_studio.runs.inputs import model_folder

if TYPE_CHECKING:
    from orpo_studio.data.conversion import RowsRead
    from orpo_studio.data.plan import DataPlan
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.models.card import ModelCard

NOTHING_HELD_OUT = (
    "No pairs are held out to measure on: a prompt is never on both sides, and too few are different. "
    "Hold out a larger share, name a file of held-out pairs, or add pairs with other prompts."
)
SETTLE_MS = 250
"""A path is read once typing has paused this long."""


class _Choice(QObject):
    """What both choices do: wait until typing pauses, read in a thread, and keep what came of it."""

    changed = Signal()
    option: ClassVar[str]
    """The option that names what is chosen."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.problem: Exception | None = None
        self._task: Task | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._read)

    @property
    def is_busy(self) -> bool:
        """Whether something is being read, or about to be."""
        return self._task is not None or self._settle.isActive()

    def cancel(self) -> None:
        """Stop reading."""
        self._settle.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def issues(self) -> list[Issue]:
        """Return what was found wrong, as an addition to the issues of the specification."""
        return [Issue(self.option, notice_of(self.problem).title)] if self.problem is not None else []

    def _choose(self, *, is_named: bool) -> None:
        self.cancel()
        self._keep(None)
        self.problem = None
        if is_named:
            self._settle.start()
        self.changed.emit()

    def _read(self) -> None:
        self._task = run_in_background(self, self._work(), self._done, self._failed)

    def _done(self, result: Any) -> None:
        self._task = None
        self._keep(result)
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._task, self.problem = None, error
        self.changed.emit()

    def _work(self) -> Callable[[Task], Any]:
        raise NotImplementedError

    def _keep(self, result: Any) -> None:
        raise NotImplementedError


class ModelChoice(_Choice):
    """The card of the chosen model folder, or why it cannot be used."""

    option = "model.path"

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = ""
        self.card: ModelCard | None = None

    def choose(self, path: str) -> None:
        """Read the folder at ``path``; the empty string means none."""
        if path != self.path:
            self.path = path
            self._choose(is_named=bool(path))

    def _work(self) -> Callable[[Task], Any]:
        folder = model_folder(self.path)
        return lambda _task: _inspect(folder)

    def _keep(self, result: "ModelCard | None") -> None:
        self.card = result


class DataChoice(_Choice):
    """The chosen pairs, converted and split, or why they cannot be used."""

    option = "data.source"
    progressed = Signal(float)
    """Share of the reading that is done, 0 to 1."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.prepared: PreparedData | None = None
        self.rows_read: RowsRead | None = None
        """How many rows have been read, while rows are being read."""
        self.was_stopped = False
        """Whether the person stopped the reading of what is chosen."""
        self._data = DataSection()
        self._max_length, self._model = 0, ""
        self._of_run: Path | None = None

    def choose(self, data: DataSection, max_length: int, model: str = "", of_run: Path | None = None) -> None:
        """Convert, split and mend what is named; no source means none.

        Args:
            data: what is named.
            max_length: longest sequence, in tokens; some remedies go by it.
            model: path of the model whose tokenizer counts for them.
            of_run: folder of the pairs that a run was trained on, which are shown whatever became of the source.
        """
        is_other = (max_length, model) != (self._max_length, self._model)
        if data != self._data or of_run != self._of_run or (data.remedies and is_other):
            self._data, self._max_length, self._model, self._of_run = data, max_length, model, of_run
            self.was_stopped = False
            self._choose(is_named=bool(data.source))

    def stop(self) -> None:
        """Stop reading what is chosen; nothing of it is kept, and `read_again` begins anew."""
        if self.is_busy:
            self.cancel()
            self.was_stopped = True
            self.changed.emit()

    def read_again(self) -> None:
        """Read what is chosen anew, as its files are now."""
        self.cancel()
        self._keep(None)
        self.problem, self.was_stopped = None, False
        if self._data.source:
            self._read()
        self.changed.emit()

    @property
    def source(self) -> str:
        """What is named; empty for nothing."""
        return self._data.source

    def plan(self) -> "DataPlan":
        """Return what is chosen as a plan.

        Raises:
            DataProblem: an option makes no sense.
        """
        from orpo_studio.data.plan import plan_of

        return plan_of(self._data, self._max_length, self._model)

    def issues(self) -> list[Issue]:
        if self.was_stopped:
            return [Issue(self.option, "Reading the pairs was cancelled.")]
        if self.prepared is not None and not self.prepared.summary.held_out:
            return [Issue("data.held_out", NOTHING_HELD_OUT)]
        return super().issues()

    def _work(self) -> Callable[[Task], Any]:
        data, max_length, model, of_run = self._data, self._max_length, self._model, self._of_run
        self.rows_read = None

        def work(task: Task) -> "PreparedData":
            from orpo_studio.data.conversion import prepare_plan
            from orpo_studio.data.plan import plan_of
            from orpo_studio.data.prepared import PreparedData
            from orpo_studio.data.problem import ConversionCancelled, DataProblem

            if of_run is not None:
                with suppress(DataProblem):  # a run that has not come so far has none yet
                    return PreparedData.open(of_run)
            read: RowsRead | None = None

            def reading(rows: "RowsRead") -> None:
                nonlocal read
                read = rows

            def progress(share: float) -> None:
                nonlocal read
                on_main_thread(self, self._advance, task, share, read)
                read = None

            try:
                return prepare_plan(
                    plan_of(data, max_length, model),
                    paths.cache_folder() / "data",
                    progress=progress,
                    cancel=task.is_cancelled,
                    reading=reading,
                )
            except ConversionCancelled:
                raise Cancelled from None

        return work

    def _advance(self, task: Task, share: float, read: "RowsRead | None") -> None:
        if task is self._task:
            self.rows_read = read
            self.progressed.emit(share)

    def _keep(self, result: "PreparedData | None") -> None:
        self.prepared = result


def _inspect(folder: Path) -> "ModelCard":
    from orpo_studio.models.card import inspect_model
    from orpo_studio.models.token_counter import TokenCounter

    card = inspect_model(folder)
    if card.has_tokenizer:
        TokenCounter(folder)  # a broken tokenizer is to be told now, not when the trainer loads it
    return card
