"""How far the reading of the chosen pairs is; afterwards, that a file is no longer what is shown."""

import time

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.choices import DataChoice
from orpo_studio.gui.pairs.standing import SourceWatch
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.bar import SlimBar
from orpo_studio.gui.widgets.basic import button, label, set_kind
from orpo_studio.words import duration, percent

_PATIENCE_S = 1.5
"""After so long the remaining time is said."""
_SURE_FROM = 0.02


class ReadingBar(QWidget):
    """Hidden while there is nothing to say."""

    def __init__(self, data: DataChoice, parent: QWidget) -> None:
        super().__init__(parent)  # without one it would be a window of its own when it shows itself
        self._data = data
        self._began = 0.0
        self._was_busy = False
        self._share = 0.0
        self.watch = SourceWatch(data, self)
        self.words = label("", "muted", wrap=True)
        self.bar = SlimBar("Reading the data")
        self.bar.setRange(0, 1000)
        self.cancel = button("Cancel", data.stop, name="Cancel reading the data")
        self.read = button("Read it again", data.read_again, name="Read the data again")
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        row.addWidget(self.words, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.read)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.4))
        column.addLayout(row)
        column.addWidget(self.bar)
        data.changed.connect(self.refresh)
        data.progressed.connect(self._on_progress)
        self.watch.changed.connect(self.refresh)
        self.refresh()

    def watch_files(self, *, wanted: bool) -> None:
        """Look whether the files are still what is shown, while the page is; or look no more."""
        if wanted:
            self.watch.look()
        else:
            self.watch.stop()

    def refresh(self) -> None:
        """Show the present state."""
        data = self._data
        if data.is_busy and not self._was_busy:
            self._began, self._share = time.monotonic(), 0.0
        self._was_busy = data.is_busy
        self.bar.setVisible(data.is_busy)
        self.cancel.setVisible(data.is_busy)
        warning = "" if data.is_busy else self._warning()
        self.read.setVisible(bool(warning))
        self.setVisible(data.is_busy or bool(warning))
        set_kind(self.words, "attention" if warning else "muted")
        if data.is_busy:
            self._show_progress()
        else:
            self._say(warning)

    def _warning(self) -> str:
        standing, name = self.watch.standing, self.watch.name
        if standing == "changed":
            return f"▲ {name} has been changed since it was read. What is shown is how it was; a run reads it anew."
        if standing == "gone":
            return f"▲ {name} is no longer there. What is shown is how it was; a run could not read it."
        return ""

    def _on_progress(self, share: float) -> None:
        self._share = share
        self._show_progress()

    def _show_progress(self) -> None:
        if not self._data.is_busy:
            return
        self.bar.setValue(round(self._share * 1000))
        read, took = self._data.rows_read, time.monotonic() - self._began
        if read is None:
            words = f"Writing the pairs… {percent(self._share)}" if self._share else "Reading…"
        elif read.of is None:
            words = f"Reading: {read.rows:,} rows so far"
        else:
            words = f"Reading: {read.rows:,} of about {max(read.rows, _rounded(read.of)):,} rows"
        if self._share > _SURE_FROM and took > _PATIENCE_S:
            words += f", about {duration(took * (1 - self._share) / self._share)} left"
        self._say(words)

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self.words.setAccessibleName(words)


def _rounded(number: int) -> int:
    """Return an estimate with as many digits as are known of it: two."""
    magnitude: int = 10 ** max(0, len(str(number)) - 2)
    return round(number / magnitude) * magnitude
