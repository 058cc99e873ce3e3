"""What leaves a chart: its picture, and every value it was fed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QImageWriter
from PySide6.QtWidgets import QFileDialog, QWidget

from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.charts.arrays import Floats, Indices
from orpo_studio.gui.charts.column import Column
from orpo_studio.gui.charts.curve import Curve
from orpo_studio.gui.charts.timeline import Timeline

if TYPE_CHECKING:
    import pyarrow as pa

_SCALE = 2
_PIXELS_PER_METER = 5669  # 144 dots an inch, twice the nominal 72
_AT_ONCE = 65_536
"""Rows of a table that are written in one go."""


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
    """The values of some curves as they are now, one column each, by row of the timeline."""

    def __init__(self, timeline: Timeline, curves: list[Curve]) -> None:
        self._places = timeline.frozen()
        self._curves = {_name(curve): curve.series.frozen() for curve in curves}

    def write_csv(self, path: Path) -> None:
        """Write step, epoch, seconds and a column for each curve; an absent value is empty, NaN and inf are written.

        Raises:
            OSError: the file cannot be written.
        """
        import pyarrow as pa
        from pyarrow import csv

        own_rows = {name: rows.all() for name, (rows, _) in self._curves.items()}
        rows = np.unique(np.concatenate(list(own_rows.values()))) if own_rows else np.empty(0, np.int64)
        places: dict[str, NDArray[np.int64] | Floats] = {
            name: _whole(column.read(0, len(column))[rows]) for name, column in self._places.items()
        }
        kinds: dict[str, pa.DataType] = {name: pa.from_numpy_dtype(place.dtype) for name, place in places.items()}
        part = path.with_name(path.name + ".part")
        try:
            with csv.CSVWriter(part, pa.schema(kinds | dict.fromkeys(own_rows, pa.float64()))) as writer:
                for begin in range(0, len(rows), _AT_ONCE):
                    piece = rows[begin : begin + _AT_ONCE]
                    columns = {name: pa.array(place[begin : begin + _AT_ONCE]) for name, place in places.items()}
                    for name, (_, values) in self._curves.items():
                        columns[name] = _column(piece, own_rows[name], values)
                    writer.write_table(pa.table(columns))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _name(curve: Curve) -> str:
    return curve.style.name if curve.style.kind == "training" else f"{curve.style.kind}/{curve.style.name}"


def _column(rows: Indices, own_rows: Indices, values: Column) -> "pa.Array":
    """Return a curve's values at these rows of the timeline, with nothing where it has none."""
    import pyarrow as pa

    first, last = np.searchsorted(own_rows, (rows[0], rows[-1] + 1)).tolist()
    column, absent = np.zeros(len(rows)), np.ones(len(rows), dtype=bool)
    at = np.searchsorted(rows, own_rows[first:last])
    column[at], absent[at] = values.read(first, last), False
    return pa.array(column, mask=absent)


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
