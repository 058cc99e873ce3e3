"""The console log behind a fold: its end, followed while it is open."""

import codecs
import os
import re
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from orpo_studio.gui.theme import em, fixed_font
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.plain_files import open_plain

MOST_LINES = 2000
FROM_END = 256 * 1024
"""Bytes before the end of the file where reading begins: about as much as the lines that are kept."""
SLICE = 16 * 1024
POLL_MS = 250
BEHIND_MS = 10

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
"""Terminal sequences and control characters but tab and line feed."""


class LogReader:
    """Reads what is new in a text file, in slices."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = -1
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> tuple[str, bool]:
        """Return the next piece of text, and whether more waits.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            with os.fdopen(open_plain(self._path), "rb") as file:
                end = file.seek(0, 2)
                if self._offset < 0:
                    self._offset = max(0, end - FROM_END)
                if end < self._offset:  # the file was begun anew
                    self._offset = 0
                file.seek(self._offset)
                piece = file.read(SLICE)
        except FileNotFoundError:
            return "", False
        self._offset += len(piece)
        text = self._decoder.decode(piece).replace("\r\n", "\n").replace("\r", "\n")
        return _CONTROL.sub("", text), self._offset < end


class ConsoleCard(QFrame):
    """A fold over the log; nothing is read while it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._reader: LogReader | None = None
        self._path: Path | None = None
        self.fold = button("Show console log", self.toggle, "link")
        self.where = label("", "muted", selectable=True)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setAccessibleName("Console log")
        self.text.setMaximumBlockCount(MOST_LINES)
        self.text.setFont(fixed_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setPlaceholderText("The processes of this run have printed nothing.")
        self.text.setFixedHeight(em(18))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1), em(0.7), em(1), em(0.7))
        layout.setSpacing(em(0.6))
        head = QHBoxLayout()
        head.addWidget(self.fold)
        head.addStretch(1)
        head.addWidget(self.where)
        layout.addLayout(head)
        layout.addWidget(self.text)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._read)
        self._show_open(is_open=False)

    def show_log(self, path: Path | None) -> None:
        """Show another log."""
        self._path, self._reader = path, LogReader(path) if path else None
        self.text.clear()

    def toggle(self) -> None:
        """Open or close the fold."""
        self._show_open(is_open=self.text.isHidden())

    def open(self) -> None:
        """Open the fold, and take the keyboard so that arrows move through the text."""
        self._show_open(is_open=True)
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_open(self, *, is_open: bool) -> None:
        self.text.setVisible(is_open)
        self.where.setVisible(is_open)
        self.where.setText(self._path.name if self._path else "")
        self.fold.setText("Hide console log" if is_open else "Show console log")
        self.fold.setAccessibleName(self.fold.text())
        if is_open:
            self._timer.start(BEHIND_MS)
        else:
            self._timer.stop()

    def _read(self) -> None:
        if self._reader is None or not self.isVisible():
            self._timer.setInterval(POLL_MS)
            return
        try:
            text, more = self._reader.read()
        except OSError as error:
            text, more = f"The log cannot be read: {error.strerror}.\n", False
            self._reader = None
        if text:
            self._append(text)
        self._timer.setInterval(BEHIND_MS if more else POLL_MS)

    def _append(self, text: str) -> None:
        bar = self.text.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 1
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if follows:
            bar.setValue(bar.maximum())
