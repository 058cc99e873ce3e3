"""What goes on: the examination under way, why there is none, or that it fits no longer, each with its one button."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.doctor.examination import Examination
from orpo_studio.gui.notice import notice_of
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.bar import SlimBar
from orpo_studio.gui.widgets.basic import button, label, set_kind
from orpo_studio.words import duration, percent

OFFER = "Looks for duplicates, contradictions, damaged or private text, lengths and noise. Your file is not changed."


class ExaminationBar(QWidget):
    """Hidden while a report is shown that fits."""

    def __init__(self, examination: Examination, parent: QWidget) -> None:
        super().__init__(parent)  # without one it would be a window of its own when it shows itself
        self._examination = examination
        self.title = label("", "heading", wrap=True, selectable=True)
        self.detail = label("", "muted", wrap=True, selectable=True)
        self.bar = SlimBar("Examining the pairs")
        self.bar.setRange(0, 1000)
        self.examine = button("Examine the pairs", examination.start, "main", hint=OFFER)
        self.stop = button("Cancel", examination.cancel, name="Cancel the examination")
        words = QVBoxLayout()
        words.setSpacing(em(0.3))
        words.addWidget(self.title)
        words.addWidget(self.detail)
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addLayout(words, 1)
        row.addWidget(self.examine)
        row.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.5))
        column.addLayout(row)
        column.addWidget(self.bar)
        examination.changed.connect(self.refresh)
        examination.progressed.connect(lambda _share: self._show_progress())
        self.refresh()

    def refresh(self) -> None:
        """Show it anew."""
        examination = self._examination
        running, report, problem = examination.is_running, examination.report, examination.problem
        waits = running or examination.question is None
        self.setVisible(running or problem is not None or report is None or examination.is_outdated)
        self.bar.setVisible(running)
        self.stop.setVisible(running)
        self.examine.setVisible(not waits)
        self.examine.setText("Try again" if problem else "Examine again" if report else "Examine the pairs")
        set_kind(self.title, "failure" if problem is not None and not running else "heading")
        if running:
            self._show_progress()
        elif problem is not None:
            notice = notice_of(problem)
            self._say(f"✕ {notice.title}", "\n".join(part for part in (notice.detail, notice.hint) if part))
        elif report is not None:
            self._say(
                "▲ This report was made for another model or maximum length.",
                "What concerns lengths and tokens may differ now; all else holds.",
            )
        elif examination.question is None:
            self._say("No pairs to examine yet.", "")
        else:
            self._say("The pairs have not been examined.", OFFER)

    def _show_progress(self) -> None:
        examination = self._examination
        if not examination.is_running:
            return
        left = examination.remaining
        self.bar.setValue(round(examination.share * 1000))
        time_left = f", about {duration(left)} left" if left is not None and left >= 1 else ""
        self._say(f"Examining the pairs… {percent(examination.share)}{time_left}", OFFER)

    def _say(self, title: str, detail: str) -> None:
        self.title.setText(title)
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
