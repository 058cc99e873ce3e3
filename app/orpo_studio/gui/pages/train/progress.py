"""How far the run is: its state in words, a bar, times, and what can be asked of it."""

import time

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout

from orpo_studio import words
from orpo_studio.events import (
    AnyEvent,
    CheckpointSaved,
    EvaluationMetrics,
    Problem,
    RunLaunched,
    RunState,
    SampleAnswer,
    Stage,
    TrainingStarted,
    TrainMetrics,
)
from orpo_studio.events.state import LIVE, StateName
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.runs.face import (
    BEING_ENDED,
    NEWER,
    RESULT_WAITS,
    SILENT,
    STATES,
    UNANSWERED,
    UNWATCHED,
    StateFace,
    fold_face,
)
from orpo_studio.gui.theme import em, figure_font
from orpo_studio.gui.widgets.bar import SlimBar, show_share
from orpo_studio.gui.widgets.basic import button, label, set_kind, tooltip
from orpo_studio.gui.widgets.elided import ElidedLabel
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs.queue import ordinal

TICK_MS = 1000
_SAMPLE_HINT, _CHECKPOINT_HINT = "Let the model answer as trained so far", "Save a point to resume from"
_ALL_IS_TRAINED = "All is trained: only the result is left to be saved"


class ProgressStrip(QFrame):
    """A card over the charts."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._bench = bench
        self._follower: RunFollower | None = None
        self.sign = label("")
        self.state = label("", "heading")
        self.stage = ElidedLabel("", "muted")
        self.figures = {name: _Figure(title) for name, title in _FIGURES}
        self.bar = SlimBar("Progress of the run")
        self.sample = button("Sample now", self._ask_sample, hint=_SAMPLE_HINT)
        self.checkpoint = button("Save checkpoint", self._ask_checkpoint, hint=_CHECKPOINT_HINT)
        self._arrange()
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self.refresh)

    def show_run(self, follower: RunFollower | None) -> None:
        """Show another run."""
        self._follower = follower
        self._stage: Stage | None = None
        self._launched = 0.0
        self._asked_sample = self._asked_checkpoint = False
        self._tick.stop()
        if follower is not None:
            self._tick.start()
        self.refresh()

    def take(self, events: list[AnyEvent]) -> None:
        """See what was asked for come true, and which stage is under way: the next figures end it."""
        for event in events:
            if isinstance(event, RunLaunched):
                self._launched = event.time
                self._asked_sample = self._asked_checkpoint = False
            elif isinstance(event, Stage):
                self._stage = event
            elif isinstance(event, TrainMetrics | TrainingStarted | EvaluationMetrics | CheckpointSaved):
                self._stage = None
            if isinstance(event, SampleAnswer) or (isinstance(event, Problem) and event.code == "no-sample"):
                self._asked_sample = False
            if isinstance(event, CheckpointSaved) or (
                isinstance(event, Problem) and event.code == "checkpoint-not-saved"
            ):
                self._asked_checkpoint = False

    def refresh(self) -> None:
        """Show the present state."""
        if self._follower is None:
            return
        state, fold = self._follower.state, self._follower.fold
        is_newer = state not in LIVE and self._bench.only_to_look_at() is not None
        face = NEWER if is_newer else fold_face(state, fold)
        self.sign.setText(face.sign)
        set_kind(self.sign, face.tint)
        self.state.setText("Made by a newer version" if is_newer else _state_words(state, fold, face))
        queue = self._bench.queue
        if is_newer:
            known = f"As far as is known here: {fold_face(state, fold).word}."
            self.stage.setText("How it ended is not known here." if state == "lost" else known)
        elif state == "waiting":
            place = queue.place(self._follower.folder)
            self.state.setText(f"Waiting, {ordinal(place)} in the queue" if place else "Waiting in the queue")
            self.stage.setText(f"{queue.reason[:1].upper()}{queue.reason[1:]}." if queue.reason else "")
        else:
            told = state in LIVE and not fold.waits_to_save  # its state says the same
            self.stage.setText(_stage_words(self._stage) if told else "")
        self.stage.setVisible(bool(self.stage.text()))
        self._show_bar(state, fold)
        self._show_figures(state, fold, goes_on=face is STATES["running"])
        running = self._follower.is_training
        hint = _ALL_IS_TRAINED if fold.waits_to_save else ""
        self.sample.setToolTip(tooltip(hint or _SAMPLE_HINT))
        self.checkpoint.setToolTip(tooltip(hint or _CHECKPOINT_HINT))
        self.sample.setEnabled(running and not self._asked_sample)
        self.sample.setText("Sampling…" if running and self._asked_sample else "Sample now")
        self.checkpoint.setEnabled(running and not self._asked_checkpoint)
        self.checkpoint.setText("Saving…" if running and self._asked_checkpoint else "Save checkpoint")
        for made in (self.sample, self.checkpoint):
            made.setVisible(state in LIVE)

    def ask_sample(self, prompts: list[str]) -> None:
        """Ask for answers to prompts, or to the held-out ones when there are none."""
        self._asked_sample = self._bench.request("sample", **({"prompts": prompts} if prompts else {}))
        self.refresh()

    def _ask_sample(self) -> None:
        self.ask_sample([])

    def _ask_checkpoint(self) -> None:
        self._asked_checkpoint = self._bench.request("checkpoint")
        self.refresh()

    def _show_bar(self, state: str, fold: RunState) -> None:
        stage = self._stage
        if fold.total_steps and not (state == "launching" and stage):
            show_share(self.bar, fold.latest.step, fold.total_steps)
        elif stage is not None and stage.total:
            show_share(self.bar, stage.done, stage.total)
        else:
            self.bar.setRange(0, 0 if state in LIVE else 1)  # a range of nothing is shown as "under way"
            self.bar.setValue(0)

    def _show_figures(self, state: str, fold: RunState, *, goes_on: bool) -> None:
        latest, total = fold.latest, fold.total_steps
        self.figures["step"].show_text(f"{words.count(latest.step)} / {words.count(total)}" if total else "–")
        epochs = fold.training.epochs if fold.training else 0.0
        self.figures["epoch"].show_text(
            f"{latest.epoch:.2f} / {f'{epochs:.2f}'.removesuffix('.00')}" if epochs else "–"
        )
        until = fold.ended.time if fold.ended else time.time() if state in LIVE else fold.last_time
        self.figures["elapsed"].show_text(words.duration(until - self._launched) if self._launched else "–")
        remaining = fold.remaining_seconds() if goes_on else None
        self.figures["remaining"].show_text("–" if remaining is None else words.duration(remaining))
        self.figures["remaining"].setVisible(state in LIVE)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1), em(0.8), em(1), em(0.8))
        layout.setSpacing(em(0.6))
        head = QHBoxLayout()
        head.setSpacing(em(0.6))
        head.addWidget(self.sign)
        head.addWidget(self.state)
        head.addWidget(self.stage)
        head.addStretch(1)
        head.addWidget(self.sample)
        head.addWidget(self.checkpoint)
        figures = QHBoxLayout()
        figures.setSpacing(em(2))
        for figure in self.figures.values():
            figures.addWidget(figure)
        figures.addStretch(1)
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addLayout(figures)


_TROUBLE = {
    UNWATCHED: "No word from this run",
    SILENT: "No progress",
    BEING_ENDED: "Being ended without saving",
    RESULT_WAITS: "Trained. Its result waits to be saved",
}
"""What is said of a live run that is not well; the card over it says more."""
_FIGURES = (("step", "Step"), ("epoch", "Epoch"), ("elapsed", "Elapsed"), ("remaining", "Remaining"))


class _Figure(QFrame):
    """A caption with a large figure under it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(em(0.1))
        grid.addWidget(label(title, "muted"), 0, 0)
        self.figure: QLabel = label("–")
        self.figure.setFont(figure_font(1.25))
        self.figure.setAccessibleName(title)
        grid.addWidget(self.figure, 1, 0)

    def show_text(self, text: str) -> None:
        self.figure.setText(text)
        self.figure.setAccessibleDescription(text)


def _state_words(state: StateName, fold: RunState, face: StateFace) -> str:
    if face is UNANSWERED:
        return f"{STATES[state].word.capitalize()}, no answer yet"
    if face in _TROUBLE:
        return _TROUBLE[face]
    if state == "launching":
        return "Starting"
    if state == "running":
        return "Training"
    if state in {"stopping", "pausing"}:
        return STATES[state].word.capitalize()
    if state == "completed":
        before = fold.before.values.get("rewards/accuracies") if fold.before else None
        after = fold.after.values.get("rewards/accuracies") if fold.after else None
        if before is not None and after is not None:
            return f"Finished. Held-out accuracy {words.percent(before)} → {words.percent(after)}"
        return "Finished"
    if state == "stopped":
        return f"Stopped and saved at step {words.count(fold.ended.step if fold.ended else fold.latest.step)}"
    if state == "paused":
        return f"Paused at step {words.count(fold.ended.step if fold.ended else fold.latest.step)}"
    if state == "waiting":
        return "Waiting in the queue"
    if fold.ended is not None and fold.ended.forced:
        saved = f"saved up to step {words.count(fold.saved_step)}" if fold.saved_step else "nothing saved"
        return f"Ended at step {words.count(fold.ended.step)}, {saved}"
    return {"failed": "Ended with an error", "lost": "Lost", "created": "Not started"}[state]


def _stage_words(stage: Stage | None) -> str:
    if stage is None:
        return ""
    if not stage.total:
        return stage.title
    unit = f" {stage.unit}" if stage.unit else ""
    return f"{stage.title}: {words.count(stage.done)} of {words.count(stage.total)}{unit}"
