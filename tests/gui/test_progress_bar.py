"""The slim progress bar."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from orpo_studio.gui.theme import install_theme
from orpo_studio.gui.widgets.bar import SlimBar


class Painted(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.times = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.times += event.type() == QEvent.Type.Paint
        return False


def test_that_a_value_is_painted_soon_and_not_in_the_middle_of_what_sets_it(qtbot: QtBot, qapp: object) -> None:
    install_theme(qapp, "light")
    around = QWidget()
    bar, other = SlimBar("Progress"), QWidget()
    other.setFixedSize(20, 20)
    layout = QVBoxLayout(around)
    layout.addWidget(bar)
    layout.addWidget(other)
    qtbot.addWidget(around)
    with qtbot.waitExposed(around):
        around.show()
    qtbot.waitUntil(bar.isVisible, timeout=5000)
    painted, beside = Painted(bar), Painted(other)
    other.update()
    bar.setRange(0, 1000)
    bar.setValue(500)
    assert (painted.times, beside.times) == (0, 0)
    assert bar.value() == 500
    qtbot.waitUntil(lambda: painted.times > 0 and beside.times > 0, timeout=5000)
