"""A link on the Data page to the doctor's report, which says in a few words what stands there."""

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from orpo_studio.gui.doctor.examination import Examination
from orpo_studio.gui.doctor.verdict import summary
from orpo_studio.gui.widgets.basic import button
from orpo_studio.words import percent


class DoctorLink(QWidget):
    """``▲ Some noise · 2 warnings ›``."""

    def __init__(self, examination: Examination, clicked: Callable[[], object], parent: QWidget) -> None:
        super().__init__(parent)  # without one it would be a window of its own when it shows itself
        self._examination = examination
        self.link = button("", clicked, "link", hint="Show the data doctor's report")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.link)
        examination.changed.connect(self.refresh)
        examination.progressed.connect(lambda _share: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show the present state."""
        examination = self._examination
        report = examination.report
        self.setVisible(examination.question is not None)
        if examination.is_running:
            text = f"Examining… {percent(examination.share)}"
        elif examination.problem is not None:
            text = "✕ Could not be examined"
        elif report is None:
            text = "Not examined"
        else:
            text = summary(report)
        self.link.setText(f"{text} ›")
        self.link.setAccessibleName(f"Data doctor: {text}")
