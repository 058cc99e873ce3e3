"""How a run is painted in the rail: state, name and outcome on one line, λ, model and data under it."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from orpo_studio.gui.runs import face
from orpo_studio.gui.runs.model import OUTCOME_ROLE, SUMMARY_ROLE, Index
from orpo_studio.gui.theme import em, theme
from orpo_studio.runs import RunSummary

ROW_EM = 3.2
_TRACK_ALPHA = 0.35
"""Of the track of the bar, which must be seen on the ground of any row."""


class RunRow(QStyledItemDelegate):
    """Paints a run on two lines, with a bar under them while it trains.

    Args:
        view: in which.
        is_shown: tells whether a run is the one that the pages show: that one has the ground of a selection, and not
            a row that is only marked to be moved or by the keyboard.
    """

    def __init__(self, view: QAbstractItemView, is_shown: Callable[[RunSummary], bool]) -> None:
        super().__init__(view)
        self._is_shown = is_shown

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(em(10), em(ROW_EM))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        summary = index.data(SUMMARY_ROLE)
        if not isinstance(summary, RunSummary):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, option, is_shown=self._is_shown(summary))
        font = QFont(option.font)
        font.setFeature(QFont.Tag("tnum"), 1)
        painter.setFont(font)
        self._paint_text(painter, QRectF(option.rect), summary, str(index.data(OUTCOME_ROLE) or ""))
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, *, is_shown: bool) -> None:
        colors, state = theme().colors, option.state
        inside = QRectF(option.rect).adjusted(em(0.4), 1, -em(0.4), -1)
        if is_shown or state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.selection if is_shown else colors.raised))
            painter.drawRoundedRect(inside, 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colors.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(inside, 6, 6)

    def _paint_text(self, painter: QPainter, rect: QRectF, summary: RunSummary, result: str) -> None:
        colors, shown = theme().colors, face.state_face(summary)
        metrics = QFontMetricsF(painter.font())
        left, right, height = rect.left() + em(1.05), rect.right() - em(0.9), metrics.height()
        first, second = rect.top() + em(0.4), rect.top() + em(0.55) + height
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(getattr(colors, shown.tint)))
        painter.drawText(QRectF(left, first, em(1.2), height), middle, shown.sign)
        if metrics.horizontalAdvance(result) > (right - left) * 0.55:
            result = ""  # the words stand in the tooltip; the name matters more
        wide = metrics.horizontalAdvance(result)
        painter.setPen(QColor(colors.muted))
        painter.drawText(QRectF(right - wide, first, wide + 1, height), middle, result)
        room = QRectF(left + em(1.35), first, right - wide - left - em(1.75), height)
        painter.setPen(QColor(colors.text))
        painter.drawText(room, middle, metrics.elidedText(summary.title, Qt.TextElideMode.ElideRight, room.width()))
        under = QRectF(room.left(), second, right - room.left(), height)
        share = face.progress(summary)
        if share is not None:
            self._paint_bar(painter, under, share)
            return
        painter.setPen(QColor(colors.muted))
        text = metrics.elidedText(face.details(summary), Qt.TextElideMode.ElideRight, under.width())
        painter.drawText(under, middle, text)

    def _paint_bar(self, painter: QPainter, room: QRectF, share: float) -> None:
        colors = theme().colors
        bar = QRectF(room.left(), room.center().y() - em(0.12), room.width(), em(0.24))
        painter.setPen(Qt.PenStyle.NoPen)
        track = QColor(colors.muted)
        track.setAlphaF(_TRACK_ALPHA)
        painter.setBrush(track)
        painter.drawRoundedRect(bar, bar.height() / 2, bar.height() / 2)
        painter.setBrush(QColor(colors.tuned))
        bar.setWidth(max(bar.height(), bar.width() * share))
        painter.drawRoundedRect(bar, bar.height() / 2, bar.height() / 2)
