"""Try two steps: the button, how far it is, and what it found or why not."""

import time
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import RunSpec
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.pages.recipe_reading import FitReading
from orpo_studio.gui.pages.recipe_words import gib
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.bar import SlimBar, show_share
from orpo_studio.gui.widgets.basic import button, label, line, set_kind, tooltip
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import count

if TYPE_CHECKING:
    from orpo_studio.events import ProbeFinished

OFFER = "Two real steps with the longest pairs measure memory and time. Nothing of them is kept."
TIME_NOTE = (
    "The time counts the tokens of all pairs at the pace of the longest ones, usually the slowest: rather less than "
    "more. Measurements, samples and checkpoints come on top."
)
_JUST_NOW_S = 120.0


class ProbeBox(QWidget):
    """What is shown of a probe below the consequences of the recipe."""

    def __init__(self, bench: Workbench, reading: FitReading) -> None:
        super().__init__()
        self._bench, self._reading, self._probe = bench, reading, reading.probe
        self._spec: RunSpec | None = None
        self.figure = label("", wrap=True, selectable=True)
        self.figure.setAccessibleName("Result of the two steps")
        self.advice = label("", "attention", wrap=True)
        self.note = label("", "muted", wrap=True, selectable=True)
        self.bar = SlimBar("Two steps under way")
        self.try_it = button("Try two steps", self._start, hint=OFFER)
        self.stop = button("Cancel", self._probe.cancel, name="Cancel the two steps")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.4))
        column.addSpacing(em(0.2))
        for widget in (line(), self.figure, self.bar, self.advice, self.note):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.addWidget(self.try_it)
        row.addWidget(self.stop)
        row.addStretch(1)
        column.addLayout(row)
        self._probe.changed.connect(self.refresh)
        bench.runs.changed.connect(self.refresh)
        self.refresh()

    def show_spec(self, spec: RunSpec | None) -> None:
        """Show what is known of these settings; None while they cannot be used."""
        self._spec = spec
        self.refresh()

    def refresh(self) -> None:
        """Show it anew."""
        probe, spec = self._probe, self._spec
        found = probe.found(spec.recipe) if spec is not None else None
        problem = probe.problem(spec.recipe) if spec is not None else None
        self.setVisible(not self._bench.read_only or found is not None)
        self.bar.setVisible(probe.is_running)
        self.stop.setVisible(probe.is_running)
        self.stop.setEnabled(not probe.is_stopping)
        self.try_it.setVisible(not probe.is_running and not self._bench.read_only)
        hindrance = probe.hindrance()
        self.try_it.setEnabled(not hindrance)
        self.try_it.setToolTip(tooltip(hindrance or OFFER))
        self.try_it.setText("Try again" if found or problem else "Try two steps")
        if probe.is_running:
            self._show_progress()
        elif problem is not None:
            self._show_problem(problem)
        elif found is not None and spec is not None:
            self._show_found(found, spec)
        else:
            self._show("", "", hindrance or OFFER)

    def _start(self) -> None:
        spec = self._bench.draft.checked.spec
        if spec is not None:
            self._probe.start(spec)

    def _show_progress(self) -> None:
        stage = self._probe.stage
        doing = stage.title if stage is not None else "Start the trainer"
        show_share(self.bar, stage.done if stage else 0, stage.total if stage else 0)
        self._show("Stopping…" if self._probe.is_stopping else f"{doing}…", "", "")

    def _show_problem(self, problem: Notice) -> None:
        self._show(f"✕ {problem.title}", "", "\n".join(part for part in (problem.detail, problem.hint) if part))
        set_kind(self.figure, "failure")

    def _show_found(self, found: "ProbeFinished", spec: RunSpec) -> None:
        from orpo_studio.fit.measured import MeasuredSteps, seconds_in_words

        measured = MeasuredSteps.of(found)
        told = f"{gib(found.peak_bytes)} GiB, {seconds_in_words(measured.step_seconds)} a step"
        moment = "just now" if time.time() - found.time < _JUST_NOW_S else f"at {_clock(found.time)}"
        pace = f"{count(measured.tokens_per_second)} tokens a second, with up to {count(found.longest)} in a row."
        self._show(f"Measured {moment}: {told}", _advice(found, spec, self._reading), f"{pace}\n{TIME_NOTE}")

    def _show(self, figure: str, advice: str, note: str) -> None:
        set_kind(self.figure, "")
        for widget, text in ((self.figure, figure), (self.advice, advice), (self.note, note)):
            widget.setText(text)
            widget.setVisible(bool(text))


def _advice(found: "ProbeFinished", spec: RunSpec, reading: FitReading) -> str:
    """Return what to change, by what was seen."""
    room = reading.watch.room
    if room is not None and room.on_gpu and not found.device.startswith("cuda"):
        return f"▲ PyTorch does not use {room.name}: the steps ran on the CPU. Run the set-up again to install it anew."
    asked = min(spec.recipe.micro_batch, found.pairs)
    if found.pairs_at_once < asked:
        return (
            f"▲ Memory was short: it went with {found.pairs_at_once} at once instead of {asked} pairs, to the same "
            f"result. A micro-batch of {found.pairs_at_once} saves the search."
        )
    return ""


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%H:%M}"
