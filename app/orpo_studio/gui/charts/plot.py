"""The drawing area of a chart: lanes above each other over one x axis."""

from dataclasses import replace

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from orpo_studio.gui.charts.arrays import Floats, Indices
from orpo_studio.gui.charts.axis import HorizontalAxis
from orpo_studio.gui.charts.curve import Curve
from orpo_studio.gui.charts.lane import Lane
from orpo_studio.gui.charts.marks import Marks
from orpo_studio.gui.charts.series import Series
from orpo_studio.gui.charts.style import ChartColors, CurveStyle, Kind, LaneStyle, ViewOptions
from orpo_studio.gui.charts.timeline import Timeline, XAxis


class Plot(pg.GraphicsLayoutWidget):
    """Lanes that share x. Knows the view; does not know whether it follows the newest values."""

    panned = Signal(bool)
    hovered = Signal(object)
    menu_requested = Signal(QPointF)
    resized = Signal()
    """A lane has another size, so it needs another number of points."""

    def __init__(self, lanes: list[LaneStyle], timeline: Timeline, colors: ChartColors, parent: QWidget) -> None:
        super().__init__(parent)
        self._timeline = timeline
        self._curves: dict[tuple[str, Kind], Curve] = {}
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.ci.setContentsMargins(4, 4, 12, 4)
        self.ci.setSpacing(0)
        self.lanes: dict[str, Lane] = {}
        self.x_axis = HorizontalAxis()
        self.x_axis.setHeight(24)
        self._colors = colors
        self._font = self._caption_font()
        self.setBackground(colors.panel)
        self.x_axis.set_theme(colors, self._font)
        self._range = (0.0, 1.0)
        self._arranged: list[Lane] | None = None
        for style in lanes:
            self.add_lane(style)

    @property
    def curves(self) -> list[Curve]:
        """All curves, lane by lane."""
        return [curve for lane in self.lanes.values() for curve in lane.curves]

    def curve(self, name: str, kind: Kind) -> Curve:
        """Return a curve; the one for evaluation values is made from the training curve when first asked for.

        Raises:
            KeyError: there is no curve of this name.
        """
        if (name, kind) not in self._curves:
            other = self._curves[name, "training" if kind == "evaluation" else "evaluation"]
            self.add_curve(replace(other.style, kind=kind, optional=True)).shown = other.shown
        return self._curves[name, kind]

    def find(self, name: str, kind: Kind) -> Curve | None:
        """Return a curve if it is there."""
        return self._curves.get((name, kind))

    def extend(self, name: str, kind: Kind, rows: Indices, values: Floats) -> None:
        """Add values of one curve at rows of the timeline."""
        self.curve(name, kind).series.extend(rows, values)

    def forget(self, timeline: Timeline) -> None:
        """Forget all values, and draw none of them from now on; the next ones refer to this timeline."""
        self._timeline = timeline
        for lane in self.lanes.values():
            lane.follows_y = True
            lane.clear()
            for curve in lane.curves:
                curve.series = Series(timeline)

    def show_curve(self, name: str, shown: bool) -> None:
        """Show or hide a curve and its evaluation values."""
        for curve in self.curves:
            if curve.style.name == name:
                curve.shown = shown

    @property
    def x_range(self) -> tuple[float, float]:
        """The x in view."""
        return self._range

    def add_lane(self, style: LaneStyle) -> Lane:
        """Add a lane at the foot."""
        lane = Lane(style)
        lane.set_theme(self._colors, self._font)
        lane.view.panned.connect(lambda along_x, lane=lane: self._on_panned(lane, along_x))
        lane.view.sigResized.connect(lambda _: self.resized.emit())
        lane.view.hovered.connect(self.hovered)
        lane.view.menu_requested.connect(self.menu_requested)
        lane.view.setXRange(*self._range, padding=0)
        self.lanes[style.name] = lane
        return lane

    def add_curve(self, style: CurveStyle) -> Curve:
        """Add a curve to its lane, which must be there."""
        curve = self.lanes[style.lane].add_curve(style, Series(self._timeline))
        self._curves[style.name, style.kind] = curve
        return curve

    def arrange(self) -> None:
        """Give room to the lanes that have something to show."""
        wanted = [lane for lane in self.lanes.values() if lane.wanted] or list(self.lanes.values())[:1]
        if wanted == self._arranged:
            return
        for lane in self._arranged or []:
            for item in (lane.caption, lane.axis, lane.view):
                if item is not None:
                    self.ci.removeItem(item)
        if self._arranged is not None:
            self.ci.removeItem(self.x_axis)
        for index, lane in enumerate(wanted):
            if lane.caption is not None:
                self.ci.addItem(lane.caption, 2 * index, 1)
            self.ci.addItem(lane.axis, 2 * index + 1, 0)
            self.ci.addItem(lane.view, 2 * index + 1, 1)
        self.ci.addItem(self.x_axis, 2 * len(wanted), 1)
        self.x_axis.linkToView(wanted[-1].view)
        self.x_axis.setRange(*self._range)
        self.ci.layout.setColumnStretchFactor(1, 1)
        self._arranged = wanted
        em = self.fontMetrics().height()
        self.setMinimumHeight(em * (2 + 5 * len(wanted)))
        # While it was empty the layout shrank the central item, and it does not grow again by itself.
        self.ci.layout.activate()
        self.ci.setGeometry(QRectF(self.rect()))

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self._colors = colors
        self.setBackground(colors.panel)
        self._font = self._caption_font()
        self.x_axis.set_theme(colors, self._font)
        for lane in self.lanes.values():
            lane.set_theme(colors, self._font)

    def set_axis(self, axis: XAxis) -> None:
        """Say what x is."""
        self.x_axis.set_axis(axis)

    def set_x_range(self, x_from: float, x_to: float) -> None:
        """Move the view along x."""
        if (x_from, x_to) != self._range:
            self._range = (x_from, x_to)
            for lane in self.lanes.values():
                lane.view.setXRange(x_from, x_to, padding=0)

    def show_all(self, axis: XAxis) -> None:
        """Move the view over the whole timeline, with a little room at both ends."""
        bounds = self._timeline.bounds(axis)
        if bounds is None:
            return
        low, high = bounds
        span = high - low
        if span > 0:
            self.set_x_range(low - span * 0.01, high + span * 0.025)
        else:
            margin = abs(high) / 10 or 1.0
            self.set_x_range(low - margin, high + margin)

    def follow_y(self) -> None:
        """Let every lane fit y again."""
        for lane in self.lanes.values():
            lane.follows_y = True

    def sizeHint(self) -> QSize:
        """Want what the lanes need. By itself a graphics view wants what its scene happens to have measured before."""
        return self.minimumSizeHint().expandedTo(self.minimumSize())

    def refresh(self, options: ViewOptions, marks: Marks) -> None:
        """Draw the lanes."""
        self.arrange()
        for index, lane in enumerate(self._arranged or []):
            lane.refresh(self._range, options, marks, first=index == 0)

    def pixels_of(self, distance: float) -> float:
        """How many pixels wide a distance in x is."""
        lane = (self._arranged or list(self.lanes.values()))[0]
        return distance / max(self._range[1] - self._range[0], 1e-300) * float(lane.view.width())

    def x_to_pixel(self, x: float) -> float:
        """Where x stands, in pixels from the left edge of this widget."""
        lane = (self._arranged or list(self.lanes.values()))[0]
        return float(self.mapFromScene(lane.view.mapViewToScene(QPointF(x, 0.0))).x())

    def _on_panned(self, lane: Lane, along_x: bool) -> None:
        if along_x:
            x_from, x_to = lane.view.viewRange()[0]
            self.set_x_range(x_from, x_to)
        else:
            lane.follows_y = False
        self.panned.emit(along_x)

    def _caption_font(self) -> QFont:
        font = QFont(self.font())
        if font.pixelSize() > 0:
            font.setPixelSize(round(font.pixelSize() * 0.85))
        else:
            font.setPointSizeF(font.pointSizeF() * 0.85)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font
