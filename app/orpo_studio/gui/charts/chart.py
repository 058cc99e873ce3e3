"""One card: a header with the latest values, and the curves below it."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QImage,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from orpo_studio.gui.charts.arrays import Floats, Indices
from orpo_studio.gui.charts.batch import sort_into_curves
from orpo_studio.gui.charts.card import Card
from orpo_studio.gui.charts.clock import RefreshClock
from orpo_studio.gui.charts.crosshair import Crosshair
from orpo_studio.gui.charts.export import SaveDialogs, Table, picture, save_image
from orpo_studio.gui.charts.header import Header, Reading
from orpo_studio.gui.charts.marks import Marks
from orpo_studio.gui.charts.menu import ChartMenu
from orpo_studio.gui.charts.plot import Plot
from orpo_studio.gui.charts.style import (
    LIGHT,
    ChartColors,
    CurveStyle,
    Kind,
    LaneStyle,
    Mark,
    Point,
    ViewOptions,
)
from orpo_studio.gui.charts.timeline import Timeline

_HIDDEN_TEXT = "All curves are hidden. Press a name above to show one."


_LEAST_LINES = 20
"""Least height of a chart, in lines of text."""


class Chart(Card):
    """Named curves over step, epoch or time, fed live.

    Feed it with `append` or `extend`; it draws itself at the pace of its clock while it can be seen. It follows
    the newest values until the person pans or zooms.
    """

    expand_requested = Signal()
    options_changed = Signal(object)
    """The `ViewOptions` the person chose in the menu."""
    x_range_changed = Signal(object)
    """(from, to) when the person moved the view, None when it follows again."""
    crosshair_moved = Signal(object)
    """The x the person points at, or None."""
    saved = Signal(str)
    """Path of the file written from the menu."""
    failed = Signal(str, str)
    """What could not be done, and why."""

    def __init__(
        self,
        title: str,
        lanes: Iterable[LaneStyle] = (LaneStyle(),),
        *,
        timeline: Timeline | None = None,
        clock: RefreshClock | None = None,
        colors: ChartColors = LIGHT,
        empty_text: str = "Curves appear with the first logged step.",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._colors = colors
        self.title = title
        self.options = ViewOptions()
        self.following = True
        self._timeline = timeline if timeline is not None else Timeline()
        self.clock = clock if clock is not None else RefreshClock(self)
        self._empty_text = empty_text
        self._marks = Marks()
        self._is_begun = False
        """Whether a value has been drawn yet."""
        self._build(list(lanes))
        self._take_over_colors()

    def _build(self, lanes: list[LaneStyle]) -> None:
        self.setAccessibleName(f"{self.title} chart")
        self.header = Header(self.title, self)
        self.plot = Plot(lanes, self._timeline, self._colors, self)
        self.plot.setAccessibleName(f"{self.title} curves")
        self._empty = QLabel(self._empty_text, self.plot)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.crosshair = Crosshair(self.plot, self.plot)
        self.menu = ChartMenu(self, self._choose)
        self.dialogs = SaveDialogs(self, self.picture, self._table)
        self.header.menu_button.clicked.connect(self._open_menu_below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 1, 2, 6)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self.plot, 1)
        self.header.expand_requested.connect(self.expand_requested)
        self.header.curve_toggled.connect(self.show_curve)
        self.header.follow_requested.connect(self._ask_to_follow)
        self.plot.panned.connect(self._on_panned)
        self.plot.resized.connect(lambda: self.clock.request(self))
        self.plot.hovered.connect(self._point_at)
        self.plot.menu_requested.connect(self._open_menu)
        self.menu.follow.triggered.connect(self._ask_to_follow)
        self.menu.expand.triggered.connect(self.expand_requested)
        self.menu.copy_image.triggered.connect(self.copy_image)
        self.menu.save_image.triggered.connect(lambda: self.dialogs.ask_for_image(self.title))
        self.menu.save_values.triggered.connect(lambda: self.dialogs.ask_for_values(self.title))
        self.dialogs.saved.connect(self.saved)
        self.dialogs.failed.connect(self.failed)

    # Feeding

    def add_lane(self, style: LaneStyle) -> None:
        """Add a y axis below the others."""
        self.plot.add_lane(style)

    def add_curve(self, style: CurveStyle) -> None:
        """Add a curve to its lane. Evaluation values of the same name need no curve of their own."""
        self.plot.add_curve(style)
        if style.name not in self.header.tiles:
            self.header.add_tile(style, self._colors)

    def minimumSizeHint(self) -> QSize:
        """Be tall enough to read, and taller where the figures over the plot need more rows."""
        hint = super().minimumSizeHint()
        return QSize(hint.width(), max(hint.height(), _LEAST_LINES * self.fontMetrics().height()))

    def sizeHint(self) -> QSize:
        """Want no more than is needed, so that the height does not depend on how the page comes to lay it out."""
        return super().sizeHint().expandedTo(self.minimumSizeHint())

    def append(
        self, name: str, value: float, *, step: float, epoch: float, seconds: float, kind: Kind = "training"
    ) -> None:
        """Add one value.

        Raises:
            KeyError: there is no curve of this name.
        """
        self.extend([Point(name, step, epoch, seconds, value, kind)])

    def extend(self, points: Iterable[Point]) -> None:
        """Add values in the order they were logged.

        Raises:
            KeyError: there is no curve of some point's name; no value is added then.
        """
        for (name, kind), (rows, values) in sort_into_curves(points, self._timeline, self.last_row).items():
            self.extend_rows(name, kind, rows, values)

    def extend_rows(self, name: str, kind: Kind, rows: Indices, values: Floats) -> None:
        """Add values of one curve at rows of the shared timeline."""
        self.plot.extend(name, kind, rows, values)
        self.clock.request(self, soon=not self._is_begun)

    def last_row(self, name: str, kind: Kind) -> int:
        """Return the timeline row of the newest value of a curve, -1 before the first."""
        return self.plot.curve(name, kind).series.last_row

    def add_mark(self, mark: Mark) -> None:
        """Draw a vertical line where something happened."""
        self._marks.add(mark)
        self.clock.request(self)

    def clear(self, timeline: Timeline | None = None) -> None:
        """Forget all values and marks, and follow what comes next. Curves, and which of them are shown, stay.

        Args:
            timeline: the one that the next values refer to, where charts share it.
        """
        self._timeline = timeline if timeline is not None else Timeline()
        self._marks = Marks()
        self._is_begun = False
        self.crosshair.place(None, reads=False)
        self.crosshair.draw(self.options.axis, self._marks)
        self.plot.forget(self._timeline)
        for tile in self.header.tiles.values():
            tile.set_reading(Reading())
        self.following = True
        self.header.follow.setVisible(False)
        self.clock.request(self, soon=True)

    # Looking

    def set_theme(self, colors: ChartColors) -> None:
        """Draw in other colors."""
        super().set_theme(colors)
        self.plot.set_theme(colors)
        self._take_over_colors()
        self.clock.request(self, soon=True)

    def _take_over_colors(self) -> None:
        self.header.set_theme(self._colors)
        self.crosshair.set_theme(self._colors)
        self._empty.setStyleSheet(f"color: {self._colors.muted}; background: transparent;")
        self.header.title.setStyleSheet(f"color: {self._colors.text}; background: transparent;")

    def set_options(self, options: ViewOptions) -> None:
        """Choose x axis, smoothing, scale and clipping."""
        if options.axis != self.options.axis:
            self.crosshair.place(None, reads=False)
            self.follow()
        self.options = options
        self.plot.set_axis(options.axis)
        self.menu.show_options(options)
        self.clock.request(self)

    def show_curve(self, name: str, shown: bool) -> None:
        """Show or hide a curve and its evaluation values."""
        self.plot.show_curve(name, shown)
        self.header.tiles[name].setChecked(shown)
        self.clock.request(self)

    def follow(self) -> None:
        """Show the whole run and move with it."""
        self.following = True
        self.plot.follow_y()
        self.header.follow.setVisible(False)
        self.clock.request(self)

    def set_x_range(self, x_from: float, x_to: float) -> None:
        """Show a stretch of x, and stay there."""
        self.following = False
        self.header.follow.setVisible(True)
        self.plot.set_x_range(x_from, x_to)
        self.clock.request(self)

    def set_crosshair(self, x: float | None, *, reads: bool = False) -> None:
        """Put the crosshair at x; with `reads` the values there are listed beside it."""
        self.crosshair.place(x, reads=reads)
        self.clock.request(self)

    def refresh(self) -> None:
        """Draw the present state; called by the clock."""
        if self.following:
            self.plot.show_all(self.options.axis)
        self.plot.refresh(self.options, self._marks)
        self.crosshair.draw(self.options.axis, self._marks)
        self._show_values()
        filled = [curve for curve in self.plot.curves if len(curve.series)]
        self._is_begun = bool(filled)
        nothing_shown = not any(curve.shown for curve in filled)
        self._empty.setText(_HIDDEN_TEXT if filled else self._empty_text)
        self._empty.setVisible(nothing_shown)
        self.plot.ci.setVisible(not nothing_shown)

    def _show_values(self) -> None:
        self.header.show_values(self.plot)
        words = [tile.accessibleName() for tile in self.header.tiles.values() if tile.isChecked()]
        description = self.crosshair.words or "; ".join(words)
        if description != self.accessibleDescription():
            self.setAccessibleDescription(description)

    # Taking away

    def picture(self) -> QImage:
        """Return the chart as it looks, without its buttons, at twice its size."""
        buttons = [b for b in (self.header.follow, self.header.menu_button) if b.isVisibleTo(self)]
        for button in buttons:
            button.setVisible(False)
        image = picture(self)
        for button in buttons:
            button.setVisible(True)
        return image

    def save_png(self, path: Path) -> None:
        """Write the chart as it looks.

        Raises:
            OSError: the file cannot be written.
        """
        save_image(self.picture(), path)

    def save_csv(self, path: Path) -> None:
        """Write every value of every curve, shown or not.

        Raises:
            OSError: the file cannot be written.
        """
        self._table().write_csv(path)

    def copy_image(self) -> None:
        """Put the picture on the clipboard."""
        QGuiApplication.clipboard().setImage(self.picture())

    def _table(self) -> Table:
        return Table(self._timeline, [curve for curve in self.plot.curves if len(curve.series)])

    # What the person does

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the crosshair from value to value, Home and End to the ends; F follows, Return expands."""
        axis = self.options.axis
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                self._point_at(self.crosshair.neighbor(axis, 1 if event.key() == Qt.Key.Key_Right else -1))
            case Qt.Key.Key_Home | Qt.Key.Key_End:
                self._point_at(self.crosshair.end(axis, 1 if event.key() == Qt.Key.Key_End else -1))
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom(0.5)
            case Qt.Key.Key_Minus:
                self._zoom(2.0)
            case Qt.Key.Key_F:
                self._ask_to_follow()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.expand_requested.emit()
            case Qt.Key.Key_Escape if self.crosshair.x is not None:
                self._point_at(None)
            case _:
                super().keyPressEvent(event)

    def _zoom(self, factor: float) -> None:
        x_from, x_to = self.plot.x_range
        center = self.crosshair.x if self.crosshair.x is not None else (x_from + x_to) / 2
        self.set_x_range(center + (x_from - center) * factor, center + (x_to - center) * factor)
        self.x_range_changed.emit(self.plot.x_range)

    def _point_at(self, x: float | None) -> None:
        if x is None and self.crosshair.x is None:
            return
        self.crosshair.place(x, reads=True)
        self.crosshair.draw(self.options.axis, self._marks)
        if self.crosshair.words:
            self.setAccessibleDescription(self.crosshair.words)
        self.crosshair_moved.emit(x)

    def _on_panned(self, along_x: bool) -> None:
        self.header.follow.setVisible(True)
        if along_x:
            self.following = False
            self.x_range_changed.emit(self.plot.x_range)
        self.clock.request(self)

    def _ask_to_follow(self) -> None:
        self.follow()
        self.x_range_changed.emit(None)

    def _choose(self, options: ViewOptions) -> None:
        self.set_options(options)
        self.options_changed.emit(options)

    def _open_menu(self, at: QPointF) -> None:
        self.menu.popup(QPoint(round(at.x()), round(at.y())))

    def _open_menu_below(self) -> None:
        button = self.header.menu_button
        corner = button.mapToGlobal(QPoint(button.width(), button.height()))
        self.menu.popup(corner - QPoint(self.menu.sizeHint().width(), 0))

    # Qt

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what arrived out of sight."""
        super().showEvent(event)
        self.clock.request(self, soon=True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw for the new width."""
        super().resizeEvent(event)
        self._empty.setGeometry(self.plot.rect().adjusted(24, 8, -24, -8))
        self.clock.request(self)
