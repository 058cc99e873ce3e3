"""The left edge: the six steps with their states, and under them the queue and the runs."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from orpo_studio.gui.outline import RAIL_EM
from orpo_studio.gui.steps import STEPS, Step, StepState, step_state
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import line
from orpo_studio.gui.workbench import Workbench

_WORDS = {
    StepState.EMPTY: "empty",
    StepState.READY: "ready",
    StepState.ATTENTION: "needs attention",
    StepState.RUNNING: "running",
    StepState.DONE: "done",
}


class StepButton(QToolButton):
    """One step: a dot that shows its state by color and by shape, and its name."""

    def __init__(self, step: Step, number: int) -> None:
        super().__init__()
        self._state = StepState.EMPTY
        self.step = step
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setText(step.title)
        self.setToolTip(f"{step.title} (Ctrl+{number})")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(em(2.2))
        self.setMinimumWidth(em(9))

    def show_state(self, state: StepState) -> None:
        """Show a state."""
        if state is self._state and self.accessibleName():
            return
        self._state = state
        self.setAccessibleName(f"{self.step.title}, {_WORDS[state]}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(em(11), em(2.2))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = self.rect().adjusted(em(0.4), 1, -em(0.4), -1)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.selection if self.isChecked() else colors.raised))
            painter.drawRoundedRect(inside, 6, 6)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(inside, 6, 6)
        self._paint_dot(painter)
        font = self.font()
        font.setBold(self.isChecked())
        painter.setFont(font)
        painter.setPen(QColor(colors.text))
        painter.drawText(self.rect().adjusted(em(2.4), 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.step.title)

    def _paint_dot(self, painter: QPainter) -> None:
        colors = theme().colors
        color = {
            StepState.DONE: colors.chosen,
            StepState.READY: colors.tuned,
            StepState.RUNNING: colors.tuned,
            StepState.ATTENTION: colors.attention,
            StepState.EMPTY: colors.muted,
        }[self._state]
        size = em(0.6)
        left, top = em(1.1), (self.height() - size) // 2
        painter.setPen(QPen(QColor(color), 1.5))
        filled = self._state in {StepState.DONE, StepState.ATTENTION}
        painter.setBrush(QColor(color) if filled else Qt.BrushStyle.NoBrush)
        if self._state is StepState.ATTENTION:
            painter.drawRect(left, top, size, size)
        else:
            painter.drawEllipse(left, top, size, size)
        if self._state is StepState.RUNNING:
            painter.setBrush(QColor(color))
            painter.drawPie(left, top, size, size, 90 * 16, -180 * 16)


class Rail(QFrame):
    """Steps, queue and runs."""

    step_chosen = Signal(str)

    def __init__(self, bench: Workbench, queue: QWidget, runs: QWidget) -> None:
        super().__init__()
        self.setProperty("kind", "rail")
        self.setFixedWidth(em(RAIL_EM))
        self._bench = bench
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, em(1), 0, em(0.5))
        layout.setSpacing(em(0.15))
        self.buttons: dict[str, StepButton] = {}
        for number, step in enumerate(STEPS, start=1):
            button = StepButton(step, number)
            button.clicked.connect(lambda _checked=False, key=step.key: self.step_chosen.emit(key))
            self.buttons[step.key] = button
            button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
            layout.addWidget(button)
        layout.addSpacing(em(0.5))
        layout.addWidget(line())
        layout.addWidget(queue)
        layout.addWidget(runs, 1)
        self.refresh()

    def select(self, key: str) -> None:
        """Mark a step as the one shown; none of them where another page is shown."""
        for name, button in self.buttons.items():
            button.setAutoExclusive(False)
            button.setChecked(name == key)
            button.setAutoExclusive(True)

    def refresh(self) -> None:
        """Show the present states."""
        for key, button in self.buttons.items():
            button.show_state(step_state(self._bench, key))
