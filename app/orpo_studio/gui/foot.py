"""The foot of the window: what is missing, as links to the fields, and the main button."""

import time
from functools import partial

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QWidget

from orpo_studio.config import Issue
from orpo_studio.events.state import LIVE, RunState
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label, set_kind, tooltip
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs.ending import comes_again
from orpo_studio.runs.live_words import live_words, loss_of_waiting_result
from orpo_studio.words import count

TICK_MS = 250
"""Shorter than the second that is shown, so that two clocks on one screen do not disagree."""

_FULL = {
    "live": "The disk is full. The run goes on, and its figures wait for room.",
    "lost": "Ended. The disk is full, so how it ended could not be recorded yet. Make room.",
}
_PAUSE_HINT = "Save, end the process and free its memory (Ctrl+P)"
_PAUSE_LOSES = "The result is only in memory so far, and no checkpoint holds all of it: a pause would lose steps"


class Foot(QFrame):
    """Says what to fix before the start, and starts."""

    issue_chosen = Signal(str)
    """Full name of the option to show."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setProperty("kind", "foot")
        self._bench = bench
        layout = QHBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(0.6), em(1.5), em(0.6))
        layout.setSpacing(em(1))
        self.fix = button("", self._open_issues, "link")
        self.status = label("", "muted")
        self.use_settings = button("Use these settings", self._use_settings)
        self.pause = button("Pause", self._pause, hint=_PAUSE_HINT)
        self.take_out = button("Take out of the queue", self._take_out)
        self.main = button("Start training", self._act, "main")
        for widget in (self.fix, self.status):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self.use_settings)
        layout.addWidget(self.pause)
        layout.addWidget(self.take_out)
        layout.addWidget(self.main)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._has_trouble = False
        bench.queue.changed.connect(self.refresh)
        self.refresh()

    def in_order(self) -> tuple[QWidget, ...]:
        """Return what takes the focus, as it is read."""
        return self.fix, self.use_settings, self.pause, self.take_out, self.main

    def refresh(self) -> None:
        """Show the present state."""
        follower = self._bench.follower
        self.status.setToolTip("")
        self.use_settings.setVisible(self._bench.can_use_settings())
        self._tick.stop()
        self._has_trouble = False
        self.pause.setVisible(follower is not None and follower.state in LIVE)
        self.take_out.setVisible(follower is not None and follower.state == "waiting")
        loses = follower is not None and bool(loss_of_waiting_result(follower.fold))
        self.pause.setEnabled(follower is not None and follower.state == "running" and not loses)
        self.pause.setToolTip(tooltip(_PAUSE_LOSES if loses else _PAUSE_HINT))
        if follower is not None:
            self._show_run(follower.state, is_live=follower.is_live, is_resumable=bool(follower.fold.checkpoints))
            self._show_particulars(follower.state, follower.fold)
            self._show_trouble(follower)
            if (reason := self._bench.only_to_look_at()) is not None:
                self.status.setText(reason.title)
                self.status.setToolTip(tooltip(f"{reason.detail} {reason.hint}"))
                self.main.hide()
        else:
            self._show_draft()

    def _show_draft(self) -> None:
        errors = [issue for issue in self._bench.issues() if issue.severity == "error"]
        busy = self._bench.model.is_busy or self._bench.data.is_busy
        self.fix.setVisible(bool(errors))
        self.fix.setText(f"{len(errors)} {'thing' if len(errors) == 1 else 'things'} to fix before the start ›")
        set_kind(self.status, "muted")
        self.status.setText("" if errors else "Reading model and data…" if busy else "Ready to start.")
        set_kind(self.main, "main")
        self.main.setText("Start training")
        self.main.setToolTip("Ctrl+Enter")
        self.main.setVisible(True)
        self.main.setEnabled(self._bench.can_start())

    def _show_run(self, state: str, *, is_live: bool, is_resumable: bool) -> None:
        self.fix.hide()
        words = {
            "launching": "Starting…",
            "running": "Training. The run goes on when this window is closed.",
            "stopping": "Stopping after this step…",
            "pausing": "Pausing after this step…",
            "completed": "Finished.",
            "stopped": "Stopped and saved.",
            "paused": "Paused. Its memory is free again; the run goes on where it was.",
            "failed": "Ended with an error.",
            "lost": "Ended without a word: the machine or its processes were shut down.",
            "created": "Not started.",
            "waiting": f"Starts by itself {self._until()}, also while this window is closed.",
        }
        running = state in LIVE
        follower = self._bench.follower
        is_unrecorded = state == "lost" and follower is not None and follower.fold.ended is None
        full = self._bench.disk.is_full and (running or is_unrecorded)
        self.status.setText(_FULL["live" if running else "lost"] if full else words[state])
        set_kind(self.status, "attention" if full else "muted")
        resumable = not is_live and (state == "paused" or (state in {"stopped", "failed", "lost"} and is_resumable))
        restartable = not is_live and state in {"created", "failed", "lost"} and not is_resumable
        waiting = state == "waiting"
        self.main.setVisible(running or resumable or restartable or waiting)
        stop = "Stop" if state == "launching" else "Stop and save"
        other = "Start anyway" if waiting else "Resume" if resumable else "Start again"
        self.main.setText(stop if running else other)
        self.main.setToolTip("Ctrl+." if running else "")
        set_kind(self.main, "" if running or waiting or full else "main")
        self.main.setEnabled(state != "stopping")

    def _show_particulars(self, state: str, fold: RunState) -> None:
        """Say what the state alone does not tell."""
        if state == "running" and fold.waits_to_save:
            self._show_waiting_result()
        elif state in LIVE and fold.stop is not None and fold.stop.stage != "asked":
            self.main.setText("Stop")  # nothing is saved any more
        elif state == "failed" and fold.ended is not None and fold.ended.forced:
            saved = fold.saved_step
            self.status.setText(f"It can go on from step {count(saved)}." if saved else "Nothing of it is saved.")
        elif state == "failed" and comes_again(fold.ended, fold.error):
            self._show_repetition()

    def _show_repetition(self) -> None:
        """Offer as one way among others what most likely fails again; what may mend it stands on the Train page."""
        self.status.setText("Ended with an error that most likely comes again with the same settings.")
        if self.main.text() == "Start again":
            self.main.setText("Start again unchanged")
        self.main.setToolTip(tooltip("With the same settings. The Train page offers what may mend it."))
        set_kind(self.main, "")

    def _show_waiting_result(self) -> None:
        self.status.setText("All is trained. The result waits in memory until the disk takes it.")
        set_kind(self.status, "attention")
        self.main.setText("Stop")
        self.main.setToolTip("End the run without its result (Ctrl+.)")

    def _on_tick(self) -> None:
        had_trouble, follower = self._has_trouble, self._bench.follower
        if follower is not None:
            self._show_trouble(follower)
        if had_trouble and not self._has_trouble:
            self.refresh()

    def _show_trouble(self, follower: RunFollower) -> None:
        """Say of a stop how far it is, and of a live run whether all is well: time alone may change it."""
        told = live_words(follower.fold, time.time()) if follower.is_live else None
        self._has_trouble = told is not None
        if follower.is_live:
            self._tick.start()
        if told is not None:
            self.status.setText(told.title)
            set_kind(self.status, "muted" if told.is_calm else "attention")

    def _until(self) -> str:
        follower = self._bench.follower
        return self._bench.queue.until(follower.folder) if follower is not None else ""

    def _take_out(self) -> None:
        if self._bench.follower is not None:
            self._bench.queue.take_out(self._bench.follower.folder)

    def _pause(self) -> None:
        if self._bench.request("pause"):
            self.pause.setEnabled(False)

    def _act(self) -> None:
        follower = self._bench.follower
        if follower is None:
            self._bench.start()
        elif follower.state in {"launching", "running", "pausing"}:
            if self._bench.request("stop"):
                self.main.setEnabled(False)
        elif follower.state == "waiting":
            self._bench.start_anyway()
        else:
            self._bench.resume()

    def _use_settings(self) -> None:
        if self._bench.follower is not None:
            self._bench.use_settings(self._bench.follower.folder)

    def _open_issues(self) -> None:
        errors = [issue for issue in self._bench.issues() if issue.severity == "error"]
        if len(errors) == 1:
            self.issue_chosen.emit(errors[0].name)
            return
        menu = QMenu(self)
        for issue in errors:
            menu.addAction(_one_line(issue)).triggered.connect(partial(self.issue_chosen.emit, issue.name))
        menu.popup(self.fix.mapToGlobal(QPoint(0, -menu.sizeHint().height())))


def _one_line(issue: Issue) -> str:
    text = issue.message.splitlines()[0]
    return text if len(text) <= 100 else f"{text[:99]}…"
