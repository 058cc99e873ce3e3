"""A run of days takes little memory, and every value of it can still be looked at."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import ChartBoard, column
from orpo_studio.gui.charts.column import CHUNK, Column
from orpo_studio.gui.charts.export import Table
from orpo_studio.gui.charts.rows import Rows
from orpo_studio.gui.charts.series import Series
from orpo_studio.gui.charts.spill import Spill
from orpo_studio.gui.charts.timeline import Timeline, XAxis

COUNT = 6 * CHUNK + 1234
STEPS = np.arange(COUNT, dtype=np.float64)
VALUES = np.random.default_rng(3).normal(size=COUNT)


class Places:
    """A place on the disk that remembers what it was asked to take, and takes it when it is told to."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._waiting: list[tuple[np.ndarray, Callable[[int], None]]] = []

    def put(self, values: np.ndarray, written: Callable[[int], None]) -> None:
        self._waiting.append((values, written))

    def take(self) -> None:
        for values, written in self._waiting:
            written(8 * sum(map(len, self._kept)))
            self._kept.append(values)
        self._waiting.clear()

    def read(self, place: int, count: int) -> np.ndarray:
        return np.concatenate(self._kept)[place // 8 : place // 8 + count]


def long_series(timeline: Timeline, *, is_looked_at: bool = False) -> Series:
    """A series as a run of days feeds it, drawn over its steps again and again where it is looked at."""
    series = Series(timeline)
    for begin in range(0, COUNT, 1000):
        steps = STEPS[begin : begin + 1000]
        first = timeline.extend(steps, steps / 7, steps * 0.3)
        series.extend(np.arange(first, first + len(steps)), VALUES[begin : begin + 1000])
        if is_looked_at:
            series.view("step", 0, begin, 300)
    return series


def in_memory(series: Series) -> int:
    """Bytes of the values that are held in memory."""
    _, values = series.frozen()
    return sum(block.nbytes for block in values._blocks if isinstance(block, np.ndarray)) + values._newest.values.nbytes


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(0, 300), st.integers(0, 300), st.booleans())
def test_that_a_column_gives_back_every_stretch(sizes: list[int], first: int, length: int, takes: bool) -> None:
    places = Places()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "CHUNK", 16)
        kept, expected = Column(places), np.arange(sum(sizes), dtype=np.float64)  # type: ignore[arg-type]
        for start, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False):
            kept.extend(expected[start : start + size])
            if takes:
                places.take()
        first = min(first, len(expected))
        last = min(first + length, len(expected))
        np.testing.assert_array_equal(kept.read(first, last), expected[first:last])
        np.testing.assert_array_equal(kept.newest(20), expected[-20:])


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=30), max_size=8))
def test_that_rows_are_found_again_whatever_lies_between_them(strides: list[list[int]]) -> None:
    rows, expected = Rows(), np.empty(0, np.int64)
    for batch in strides:
        new = np.cumsum(batch) + (expected[-1] if len(expected) else -1)
        rows.extend(new)
        expected = np.append(expected, new)
    assert rows.all().tolist() == expected.tolist()
    assert [rows.at(i) for i in range(len(rows))] == expected.tolist()
    assert rows.last == (expected[-1] if len(expected) else -1)


def test_that_old_values_leave_the_memory_and_are_drawn_all_the_same(qtbot: QtBot, tmp_path: Path) -> None:
    owner = QObject()
    series = long_series(Timeline(Spill(owner, tmp_path / "made when it is needed")))
    qtbot.waitUntil(lambda: in_memory(series) <= 2 * CHUNK * 8, timeout=10_000)

    for begin, width in ((0, 50), (CHUNK - 20, 200), (2 * CHUNK, 5000), (COUNT - 40, 40)):
        x, y = series.view("step", begin, begin + width - 1, 400 if width < 800 else 2500)
        inside = (x >= begin) & (x < begin + width)
        np.testing.assert_array_equal(y[inside], VALUES[begin : begin + width])
    _, y = series.view("step", 0, COUNT, 300)
    assert (y.min(), y.max()) == (VALUES.min(), VALUES.max())
    assert series.sample(12_345) == (12_345, 12_345 / 7, 12_345 * 0.3, VALUES[12_345])
    x, _ = series.view("seconds", 3000, 3003, 300)
    np.testing.assert_array_equal(x, STEPS[9999:10_012] * 0.3)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], (
        "the file has no name, so nobody must delete it"
    )


def test_that_a_run_that_was_watched_over_steps_turns_to_time_without_going_through_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    series = long_series(Timeline(), is_looked_at=True)
    read = Timeline.read
    lengths: list[int] = []

    def noted(timeline: Timeline, axis: XAxis, first: int, last: int) -> np.ndarray:
        lengths.append(last - first)
        return read(timeline, axis, first, last)

    monkeypatch.setattr(Timeline, "read", noted)
    x, _ = series.view("seconds", 0, COUNT * 0.3, 300)

    assert len(x) > 300
    assert max(lengths) <= CHUNK


def test_that_a_disk_that_takes_nothing_costs_memory_and_no_value(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    owner = QObject()
    spill = Spill(owner, tmp_path / "file")
    series = long_series(Timeline(spill))
    qtbot.waitUntil(lambda: spill._is_broken, timeout=10_000)

    _, values = series.frozen()
    np.testing.assert_array_equal(values.read(0, COUNT), VALUES)


def test_that_a_table_can_be_written_of_a_run_that_is_no_longer_shown(qtbot: QtBot, tmp_path: Path) -> None:
    board = ChartBoard(spill_folder=tmp_path)
    qtbot.addWidget(board)
    board.extend_steps(["loss"], STEPS, STEPS / 7, STEPS * 0.3, VALUES[:, None])
    chart = board.charts["Loss"]
    curve = chart.plot.curve("loss", "training")
    qtbot.waitUntil(lambda: in_memory(curve.series) <= 2 * CHUNK * 8, timeout=10_000)
    table = Table(curve.series.timeline, [curve])
    board.clear()
    table.write_csv(tmp_path / "loss.csv")

    written = np.loadtxt(tmp_path / "loss.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(written[:, 0], STEPS)
    np.testing.assert_array_equal(written[:, 3], VALUES)
