"""A slim progress bar in the theme's colors."""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtWidgets import QProgressBar

from orpo_studio.gui.theme import em, theme

_PARTS = 1000


def show_share(bar: QProgressBar, done: float, total: float) -> None:
    """Show how much of a total is done; a total of nothing means that it is not known.

    In parts of a thousand, since Qt's bars count to 2³¹ − 1 and a total may be a number of bytes.
    """
    known = total > 0
    bar.setRange(0, _PARTS if known else 0)
    bar.setValue(round(_PARTS * min(1.0, max(0.0, done / total))) if known else 0)


class SlimBar(QProgressBar):
    """A bar without text. A range of 0 to 0 means that something is under way."""

    def __init__(self, name: str) -> None:
        super().__init__(textVisible=False)
        self.setAccessibleName(name)
        self.setFixedHeight(em(0.45))
        theme().changed.connect(self._take_colors)
        self._take_colors()

    def setValue(self, value: int) -> None:
        """Show a value with the next painting.

        Qt's own paints at once, and with the bar all that waits to be painted in the window: every chart, several
        times a second, in the middle of whatever set the value.
        """
        if value != self.value():
            with self._painted_later():
                super().setValue(value)

    def setRange(self, minimum: int, maximum: int) -> None:
        """Show another range with the next painting."""
        if (minimum, maximum) != (self.minimum(), self.maximum()):
            with self._painted_later():
                super().setRange(minimum, maximum)

    @contextmanager
    def _painted_later(self) -> Iterator[None]:
        self.setUpdatesEnabled(False)
        yield
        self.setUpdatesEnabled(True)

    def _take_colors(self) -> None:
        colors, radius = theme().colors, em(0.22)
        self.setStyleSheet(
            f"QProgressBar {{ background: {colors.raised}; border: none; border-radius: {radius}px; }}"
            f"QProgressBar::chunk {{ background: {colors.tuned}; border-radius: {radius}px; }}"
        )
