"""One target: where it goes, how large it is, its export, and afterwards the proof and how to load it."""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout

from orpo_studio import words
from orpo_studio.events import ExportFinished, Stage
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.ship.targets import Kind, Place, how_to_load, look_at, proof_in_words
from orpo_studio.gui.runs.actions import show_in_files
from orpo_studio.gui.theme import em, fixed_font
from orpo_studio.gui.widgets.bar import SlimBar, show_share
from orpo_studio.gui.widgets.basic import button, label, set_kind
from orpo_studio.runs.ending import Ending

SETTLE_MS = 250
"""A place is looked at once typing has paused this long."""
SLOW_MS = 500
"""A disk that has not answered after this long is waited for in words."""
MOST_LOOKS = 2
"""Places looked at at once: network drives that do not answer must not take every thread."""

_WORDS = {
    "adapter": (
        "Adapter",
        "The trained LoRA weights alone, as PEFT safetensors. Small; needs the base model beside it.",
        "Export adapter",
    ),
    "merged": (
        "Merged model",
        "One model that stands alone, with tokenizer, chat template and model card. It is loaded again and compared.",
        "Export merged model",
    ),
}


class ExportCard(QFrame):
    """A card for one kind of export. The page tells it what it may do; it tells the page what is wanted."""

    export_wanted = Signal(str)
    """The target folder."""
    cancel_wanted = Signal()

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.kind: Kind = kind
        title, purpose, verb = _WORDS[kind]
        self.setAccessibleName(title)
        self.title, self.purpose = label(title, "heading"), label(purpose, "muted", wrap=True)
        self.state = label("")
        self.target = QLineEdit()
        self.target.setAccessibleName(f"Folder for the {title.lower()}")
        self.browse = button("Browse…", self._browse, name=f"Choose a folder for the {title.lower()}")
        self.room = label("", "muted", wrap=True)
        self.export = button(verb, lambda: self.export_wanted.emit(self.target.text().strip()), "main")
        self.cancel = button("Cancel", self._cancel, name=f"Cancel the export of the {title.lower()}")
        self.reason = label("", "muted", wrap=True)
        self.bar = SlimBar(f"Progress of the export of the {title.lower()}")
        self.stage = label("", "muted", wrap=True)
        self.result = _Result()
        self._notice: NoticeCard | None = None
        self._ending: Ending | None = None
        self._size, self._place = 0, Place(None)
        self._looked_at: Path | None = None
        self._looks = 0
        self._is_allowed = self._is_busy = False
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._slow = QTimer(self, singleShot=True, interval=SLOW_MS)
        self._slow.timeout.connect(self._refresh)
        self.target.textChanged.connect(self._on_target)
        self._arrange()

    # --- what the page tells

    def show_target(self, target: Path) -> None:
        """Suggest a folder."""
        self.target.setText(str(target))
        self.target.setCursorPosition(0)

    def show_size(self, size: int) -> None:
        """Tell the estimated size in bytes; 0 where it is not known."""
        self._size = size
        self._refresh()

    def allow(self, *, allowed: bool, reason: str = "") -> None:
        """Say whether an export can be started, and if not, why."""
        self._is_allowed = allowed
        self.reason.setText(reason)
        self._refresh()

    def show_progress(self, stage: Stage | None, *, is_busy: bool) -> None:
        """Show how far the export of this card is."""
        if is_busy and not self._is_busy:
            self.cancel.setEnabled(True)
        self._is_busy = is_busy
        if is_busy:
            show_share(self.bar, stage.done if stage else 0, stage.total if stage else 0)
            self.stage.setText(f"{stage.title}…" if stage else "Starting…")
        self._refresh()

    def show_result(self, done: ExportFinished | None, base: str, run: Path) -> None:
        """Show what was exported last."""
        self.result.show_export(done, base, run)
        self.state.setText("✓  exported" if done else "")
        set_kind(self.state, "chosen")

    def show_failure(self, ending: Ending | None) -> None:
        """Show why the last attempt failed."""
        if ending == self._ending:
            return
        self._ending = ending
        if self._notice is not None:
            self._notice.hide()
            self._notice.deleteLater()
            self._notice = None
        if ending is not None:
            notice = Notice("error", ending.title, ending.detail, ending.hint, ending.more)
            self._notice = NoticeCard(notice, closable=False)
            self._column.addWidget(self._notice)

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the place again: it may have filled or emptied since."""
        super().showEvent(event)
        self._settle.start()

    # --- inside

    def _arrange(self) -> None:
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(em(1), em(1), em(1), em(1))
        self._column.setSpacing(em(0.6))
        head, place, go = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.state)
        place.addWidget(self.target, 1)
        place.addWidget(self.browse)
        for widget in (self.export, self.cancel):
            go.addWidget(widget)
        go.addWidget(self.reason, 1)
        go.addStretch(0)
        self._column.addLayout(head)
        self._column.addWidget(self.purpose)
        self._column.addLayout(place)
        self._column.addWidget(self.room)
        self._column.addLayout(go)
        for part in (self.bar, self.stage, self.result):
            self._column.addWidget(part)
        self._refresh()

    def _refresh(self) -> None:
        too_large = self._place.free_bytes is not None and self._size > self._place.free_bytes
        is_known = bool(self.target.text().strip()) and self._looked_at == self._target()
        good_place = is_known and not self._place.problem and not too_large
        self.export.setEnabled(self._is_allowed and not self._is_busy and good_place)
        self.export.setVisible(not self._is_busy)
        self.cancel.setVisible(self._is_busy)
        self.bar.setVisible(self._is_busy)
        self.stage.setVisible(self._is_busy)
        self.reason.setVisible(bool(self.reason.text()) and not self._is_busy)
        for widget in (self.target, self.browse):
            widget.setEnabled(self._is_allowed and not self._is_busy)
        self.room.setText(self._place.problem if self._is_allowed and self._place.problem else self._room(too_large))
        set_kind(self.room, "attention" if self._is_allowed and (self._place.problem or too_large) else "muted")
        self.room.setVisible(bool(self.room.text()) and not self._is_busy)

    def _room(self, too_large: bool) -> str:
        if self._looks and self._looked_at != self._target() and not self._slow.isActive():
            return "Waiting for the disk of this folder to answer…"
        parts = [f"About {words.size(self._size)}"] if self._size else []
        if self._place.free_bytes is not None:
            parts.append(f"{words.size(self._place.free_bytes)} free on this disk")
        text = ", ".join(parts)
        return f"{text}: not enough. Choose a folder on another disk." if too_large else text

    def _target(self) -> Path:
        return Path(self.target.text().strip()).expanduser()

    def _on_target(self) -> None:
        self._settle.start()
        self._refresh()

    def _look(self) -> None:
        if self._looks >= MOST_LOOKS:
            return
        target = self._target()
        self._slow.start()
        self._looks += 1
        run_in_background(
            self,
            lambda _task: look_at(target),
            lambda place: self._looked(target, place),
            lambda error: self._looked(target, Place(None, f"This place cannot be used: {error}.")),
        )

    def _looked(self, target: Path, place: Place) -> None:
        self._looks -= 1
        if target == self._target():
            self._slow.stop()
            self._looked_at, self._place = target, place
        elif not self._looks:
            self._look()
        self._refresh()

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Choose an empty folder", str(Path(self.target.text()).parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.finished.connect(dialog.deleteLater)
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, folder: str) -> None:
        """Take a chosen folder; inside one that holds other things, a new folder is proposed."""
        place = Path(folder)
        self.show_target(place if not any(place.iterdir()) else place / f"orpo-{self.kind}")

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel_wanted.emit()


class _Result(QFrame):
    """What was exported: where, how large, the proof, and how to load it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path()
        self.where = label("", wrap=True, selectable=True)
        self.proof = label("", "muted", wrap=True, selectable=True)
        self.code = QPlainTextEdit(readOnly=True)
        self.code.setAccessibleName("How to load it")
        self.code.setFont(fixed_font())
        self.code.setTabChangesFocus(True)
        self.code.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.code.setFixedHeight(em(5.2))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.5))
        links = QHBoxLayout()
        links.setSpacing(em(1.2))
        links.addWidget(button("Open folder", lambda: show_in_files(self._folder), "link"))
        links.addWidget(button("Copy path", lambda: _copy(str(self._folder)), "link"))
        links.addWidget(button("Copy code", lambda: _copy(self.code.toPlainText()), "link"))
        links.addStretch(1)
        for part in (self.where, self.proof, self.code):
            column.addWidget(part)
        column.addLayout(links)
        self.hide()

    def show_export(self, done: ExportFinished | None, base: str, run: Path) -> None:
        """Show an export, or nothing."""
        self.setVisible(done is not None)
        if done is None:
            return
        self._folder = run / done.folder
        self.where.setText(f"{words.size(done.size_bytes)} in {self._folder}")
        self.proof.setText("\n".join(proof_in_words(done.kind, done.proof)))
        self.proof.setVisible(bool(self.proof.text()))
        code = how_to_load(done.kind, str(self._folder), base)
        if code != self.code.toPlainText():
            self.code.setPlainText(code)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
