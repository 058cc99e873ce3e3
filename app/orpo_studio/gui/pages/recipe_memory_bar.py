"""One bar of memory: the parts of a run one after the other, against what there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import tooltip

_PATTERNS = {
    "weights": Qt.BrushStyle.SolidPattern,
    "adapter": Qt.BrushStyle.SolidPattern,
    "optimizer": Qt.BrushStyle.BDiagPattern,
    "activations": Qt.BrushStyle.Dense6Pattern,
    "head": Qt.BrushStyle.VerPattern,
    "reserve": Qt.BrushStyle.NoBrush,
}
"""By which the parts are told apart without color."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the bar: a name of ``_PATTERNS`` and its bytes."""

    part: str
    size: float


def part_color(part: str) -> QColor:
    """Return the color of a part: gray for the base, blue for what is learned, the text's for what passes by."""
    colors = theme().colors
    if part in {"adapter", "optimizer"}:
        return QColor(colors.tuned)
    return QColor(colors.muted if part in {"activations", "head"} else colors.base)


def paint_part(painter: QPainter, area: QRectF, part: str) -> None:
    """Fill an area as a part is filled: a faint ground, and its pattern over it."""
    color = part_color(part)
    pattern = _PATTERNS[part]
    if pattern is Qt.BrushStyle.SolidPattern:
        painter.fillRect(area, color)
        return
    if pattern is Qt.BrushStyle.NoBrush:
        painter.setPen(QPen(color, 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        return
    ground = QColor(color)
    ground.setAlphaF(0.22)
    painter.fillRect(area, ground)
    painter.fillRect(area, QBrush(color, pattern))


class MemoryBar(QWidget):
    """The parts from the left; a mark where what is free ends, behind it what others use, and the end of the card."""

    def __init__(self) -> None:
        super().__init__()
        self._segments: tuple[Segment, ...] = ()
        self._free = self._total = 0.0
        self._alarm = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Memory of the run")
        theme().changed.connect(self.update)

    def show_parts(self, segments: Sequence[Segment], *, free: float, total: float, alarm: str, told: str) -> None:
        """Show parts, in bytes, against ``free`` of ``total``.

        Args:
            segments: from left to right.
            free: where the mark stands.
            total: where the card ends; 0 where it is not known.
            alarm: ``attention`` or ``failure`` colors what is beyond the mark; nothing otherwise.
            told: the bar in words.
        """
        self._segments, self._free, self._total, self._alarm = tuple(segments), free, total, alarm
        self.setAccessibleDescription(told)
        self.setToolTip(tooltip(told))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(em(16), em(2.1))

    def minimumSizeHint(self) -> QSize:
        return QSize(em(8), em(2.1))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, em(0.3), -1, -em(0.3))
        needed = sum(segment.size for segment in self._segments)
        whole = max(self._total, needed, 1.0)
        scale = area.width() / whole
        track = QRectF(area.left(), area.top(), self._total * scale, area.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.raised))
        painter.drawRoundedRect(track if self._total else area, em(0.2), em(0.2))
        self._paint_others(painter, area, scale)
        self._paint_segments(painter, area, scale)
        if not self.isEnabled():
            return
        if self._alarm and needed > self._free:
            self._paint_beyond(painter, area, scale, needed)
        if self._total:
            self._paint_mark(painter, area, scale)

    def _paint_others(self, painter: QPainter, area: QRectF, scale: float) -> None:
        if self._total <= self._free:
            return
        others = QRectF(area.left() + self._free * scale, area.top(), (self._total - self._free) * scale, area.height())
        painter.fillRect(others, QBrush(QColor(theme().colors.border), Qt.BrushStyle.FDiagPattern))

    def _paint_segments(self, painter: QPainter, area: QRectF, scale: float) -> None:
        painter.save()
        clip = QPainterPath()
        clip.addRoundedRect(area, em(0.2), em(0.2))
        painter.setClipPath(clip)
        left = area.left()
        for segment in self._segments:
            width = segment.size * scale
            if width > 0.25:
                # a hair of ground between two parts, where there is room for it
                gap = 1.0 if width > 4 else 0.0
                paint_part(painter, QRectF(left, area.top(), max(1.0, width - gap), area.height()), segment.part)
            left += width
        painter.restore()

    def _paint_beyond(self, painter: QPainter, area: QRectF, scale: float, needed: float) -> None:
        color = QColor(theme().colors.failure if self._alarm == "failure" else theme().colors.attention)
        start = area.left() + self._free * scale
        beyond = QRectF(start, area.top(), max(2.0, (needed - self._free) * scale), area.height())
        ground = QColor(color)
        ground.setAlphaF(0.18)
        painter.fillRect(beyond, ground)
        painter.setPen(QPen(color, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(beyond.adjusted(1, 1, -1, -1), em(0.15), em(0.15))

    def _paint_mark(self, painter: QPainter, area: QRectF, scale: float) -> None:
        x = min(area.left() + self._free * scale, area.right())
        painter.setPen(QPen(QColor(theme().colors.text), 2))
        painter.drawLine(QPointF(x, area.top() - em(0.3)), QPointF(x, area.bottom() + em(0.3)))


class Swatch(QWidget):
    """The filling of one part, for the legend."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part
        self.setFixedSize(em(0.9), em(0.7))
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_part(QPainter(self), QRectF(self.rect()), self._part)
