"""What leaves a chart: its picture, and every value it was fed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QImageWriter
from PySide6.QtWidgets import QFileDialog, QWidget

from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.charts.curve import Curve
from orpo_studio.gui.charts.timeline import X_AXES, Floats, Timeline

_SCALE = 2
_PIXELS_PER_METER = 5669  # 144 dots an inch, twice the nominal 72


def picture(widget: QWidget) -> QImage:
    """Draw a widget at twice its size in pixels."""
    image = QImage(widget.size() * _SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(_SCALE)
    image.fill(Qt.GlobalColor.transparent)
    widget.render(image)
    image.setDotsPerMeterX(_PIXELS_PER_METER)
    image.setDotsPerMeterY(_PIXELS_PER_METER)
    return image


def save_image(image: QImage, path: Path) -> None:
    """Write a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    writer = QImageWriter(str(path), b"png")
    if not writer.write(image):
        raise OSError(f"{path} cannot be written: {writer.errorString()}")


class Table:
    """A frozen copy of the values of some curves, one column each, by row of the timeline."""

    def __init__(self, timeline: Timeline, curves: list[Curve]) -> None:
        parts = [(curve.style, curve.series.rows, curve.series.values) for curve in curves]
        rows = np.unique(np.concatenate([part[1] for part in parts])) if parts else np.empty(0, np.int64)
        self.places: dict[str, Floats] = {axis: timeline.column(axis)[rows] for axis in X_AXES}
        self.values: dict[str, tuple[Floats, NDArray[np.bool_]]] = {}
        for style, own_rows, values in parts:
            column, absent = np.zeros(len(rows)), np.ones(len(rows), dtype=bool)
            at = np.searchsorted(rows, own_rows)
            column[at], absent[at] = values, False
            name = style.name if style.kind == "training" else f"{style.kind}/{style.name}"
            self.values[name] = (column, absent)

    def write_csv(self, path: Path) -> None:
        """Write step, epoch, seconds and a column for each curve; an absent value is empty, NaN and inf are written.

        Raises:
            OSError: the file cannot be written.
        """
        import pyarrow as pa
        from pyarrow import csv

        columns = {name: pa.array(_whole(place)) for name, place in self.places.items()}
        columns |= {name: pa.array(column, mask=absent) for name, (column, absent) in self.values.items()}
        part = path.with_name(path.name + ".part")
        try:
            csv.write_csv(pa.table(columns), part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


class SaveDialogs(QObject):
    """Asks where to save, and saves without holding up the window."""

    saved = Signal(str)
    failed = Signal(str, str)

    def __init__(self, parent: QWidget, image: Callable[[], QImage], table: Callable[[], Table]) -> None:
        super().__init__(parent)
        self._window = parent
        self._image = image
        self._table = table

    def ask_for_image(self, name: str) -> None:
        """Ask where the picture goes."""
        image = self._image()
        self._ask(f"{name}.png", "PNG image (*.png)", lambda path: self._save_image(image, path))

    def ask_for_values(self, name: str) -> None:
        """Ask where the values go."""
        self._ask(f"{name}.csv", "CSV table (*.csv)", self.save_values)

    def save_values(self, path: Path) -> None:
        """Write the values in the background; `saved` or `failed` tells the end."""
        table = self._table()
        run_in_background(
            self,
            lambda _task: table.write_csv(path),
            lambda _done: self.saved.emit(str(path)),
            lambda error: self.failed.emit("The values were not saved", str(error)),
        )

    def _ask(self, name: str, file_filter: str, save: Callable[[Path], None]) -> None:
        dialog = QFileDialog(self._window, "Save", name, file_filter)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(Path(name).suffix[1:])
        dialog.fileSelected.connect(lambda path: save(Path(path)))
        dialog.open()

    def _save_image(self, image: QImage, path: Path) -> None:
        try:
            save_image(image, path)
        except OSError as error:
            self.failed.emit("The image was not saved", str(error))
        else:
            self.saved.emit(str(path))


def _whole(place: Floats) -> NDArray[np.int64] | Floats:
    """Write 100, not 100.0, where all places are whole numbers."""
    return place.astype(np.int64) if (place == np.floor(place)).all() and (np.abs(place) < 2**53).all() else place
