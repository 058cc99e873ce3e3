"""One chart: what it draws, reads, keeps and gives away."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from chart_feed import falling, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import DARK, LIGHT, Chart, ChartColors, Mark, Point, ViewOptions


def pixels_of(chart: Chart, color: str, tolerance: int = 24) -> int:
    """How many pixels of the drawing area are about this color."""
    image = chart.plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    wanted = np.array(QColor(color).getRgb()[2::-1])
    return int((np.abs(raw[:, : image.width(), :3].astype(int) - wanted) <= tolerance).all(axis=2).sum())


def wheel(chart: Chart, qtbot: QtBot) -> None:
    """Zoom in with the wheel over the middle of the first lane."""
    viewport = chart.plot.viewport()
    lane = next(iter(chart.plot.lanes.values()))
    center = QPointF(chart.plot.mapFromScene(lane.view.sceneBoundingRect().center()))
    event = QWheelEvent(
        center,
        QPointF(viewport.mapToGlobal(center.toPoint())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)
    settle(qtbot, chart)


@pytest.mark.parametrize("value", [1.5, 0.0, -3.0])
def test_that_a_single_point_is_visible(chart: Chart, qtbot: QtBot, value: float) -> None:
    assert pixels_of(chart, LIGHT.tuned) == 0
    chart.append("loss", value, step=1, epoch=0.1, seconds=2.0)
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.tuned) > 10


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_that_a_value_that_is_no_number_is_marked_on_the_edge(chart: Chart, qtbot: QtBot, value: float) -> None:
    chart.extend(falling(20))
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.failure) == 0
    chart.append("loss", value, step=21, epoch=2.1, seconds=42.0)
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.failure) > 5


def test_that_a_run_of_nothing_but_nan_is_drawn(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(5, value=lambda _: math.nan))
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.failure) > 5
    assert chart.header.tiles["loss"].reading.value == "NaN"


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324])
@pytest.mark.parametrize("log", [False, True])
def test_that_values_at_the_limits_of_numbers_do_no_harm(chart: Chart, qtbot: QtBot, value: float, log: bool) -> None:
    chart.set_options(ViewOptions(log=log))
    chart.extend([*falling(20), Point("loss", 21, 2.1, 42.0, value)])
    settle(qtbot, chart)
    assert not chart.plot.grab().isNull()


def test_that_a_logarithmic_axis_marks_zeros_and_negatives(chart: Chart, qtbot: QtBot) -> None:
    chart.set_options(ViewOptions(log=True, smoothing=0))
    chart.extend(falling(20, value=lambda i: 0.0 if i % 2 else -1.0))
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.tuned) > 50


def test_that_a_signed_lane_stays_linear(chart: Chart, qtbot: QtBot) -> None:
    chart.set_options(ViewOptions(log=True))
    chart.extend([*falling(20), *falling(20, "margin", lambda i: -float(i))])
    settle(qtbot, chart)
    low, high = chart.plot.lanes["margin"].view.viewRange()[1]
    assert low < -20
    assert high > -1


def test_that_clipping_leaves_a_spike_out_and_marks_it(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(60, value=lambda i: 100.0 if i == 30 else 1 + 0.1 * math.sin(i)))
    settle(qtbot, chart)
    assert chart.plot.lanes["loss"].view.viewRange()[1][1] > 100
    chart.set_options(ViewOptions(clip=True))
    settle(qtbot, chart)
    assert chart.plot.lanes["loss"].view.viewRange()[1][1] < 2


def test_that_new_values_move_the_view_until_the_person_zooms(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(50))
    settle(qtbot, chart)
    assert chart.plot.x_range[1] > 50
    wheel(chart, qtbot)
    zoomed = chart.plot.x_range
    assert zoomed[1] - zoomed[0] < 49
    chart.extend([Point("loss", i, i / 10, i * 2.0, 1.0) for i in range(51, 100)])
    settle(qtbot, chart)
    assert chart.plot.x_range == zoomed
    assert chart.header.follow.isVisible()
    qtbot.mouseClick(chart.header.follow, Qt.MouseButton.LeftButton)
    settle(qtbot, chart)
    assert chart.plot.x_range[1] > 99
    assert not chart.header.follow.isVisible()


def test_that_arrow_keys_read_value_after_value(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(30, value=float))
    chart.extend(falling(30, "nll", lambda i: i / 2))
    settle(qtbot, chart)
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.accessibleDescription() == "Step 30, Total 30.00, NLL 15.00"
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.accessibleDescription() == "Step 29, Total 29.00, NLL 14.50"
    qtbot.keyClick(chart, Qt.Key.Key_Home)
    assert chart.accessibleDescription().startswith("Step 1, Total 1.000")
    with qtbot.waitSignal(chart.crosshair_moved) as moved:
        qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert moved.args == [None]


def test_that_the_crosshair_names_the_mark_it_stands_on(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(30))
    chart.add_mark(Mark("checkpoint", "Checkpoint at step 30", 30, 3.0, 60.0))
    settle(qtbot, chart)
    qtbot.keyClick(chart, Qt.Key.Key_End)
    assert "Checkpoint at step 30" in chart.accessibleDescription()


def test_that_evaluation_values_are_drawn_over_the_training_curve(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(50))
    chart.append("loss", 0.5, step=25, epoch=2.5, seconds=50.0, kind="evaluation")
    settle(qtbot, chart)
    assert chart.header.tiles["loss"].reading.evaluation == "0.500"
    assert len(chart.plot.curve("loss", "evaluation").series) == 1


def test_that_pressing_a_legend_entry_hides_the_curve(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(50))
    settle(qtbot, chart)
    qtbot.mouseClick(chart.header.tiles["loss"], Qt.MouseButton.LeftButton)
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.tuned) == 0
    qtbot.mouseClick(chart.header.tiles["loss"], Qt.MouseButton.LeftButton)
    settle(qtbot, chart)
    assert pixels_of(chart, LIGHT.tuned) > 50


def test_that_the_latest_values_and_their_trend_are_told_to_screen_readers(chart: Chart, qtbot: QtBot) -> None:
    assert chart.header.tiles["loss"].accessibleName() == "Total: no value yet"
    chart.extend(falling(50, value=lambda i: 10.0 - i / 10))
    settle(qtbot, chart)
    assert chart.header.tiles["loss"].accessibleName() == "Total: 5.000, falling"
    assert "Total: 5.000, falling" in chart.accessibleDescription()


def test_that_an_optional_curve_takes_room_with_its_first_value(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(5))
    settle(qtbot, chart)
    assert not chart.header.tiles["margin"].isVisible()
    chart.extend(falling(5, "margin"))
    settle(qtbot, chart)
    assert chart.header.tiles["margin"].isVisible()


def test_that_an_unknown_curve_is_refused(chart: Chart) -> None:
    with pytest.raises(KeyError):
        chart.append("nothing", 1.0, step=1, epoch=0.1, seconds=1.0)


def test_that_double_clicking_the_header_asks_for_the_page(chart: Chart, qtbot: QtBot) -> None:
    with qtbot.waitSignal(chart.expand_requested):
        qtbot.mouseDClick(chart.header, Qt.MouseButton.LeftButton, pos=QPoint(300, 12))


def test_that_the_height_it_wants_does_not_depend_on_how_tall_it_was(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(50))
    settle(qtbot, chart)
    wanted = chart.sizeHint().height()
    for height in (1400, 300, 900):
        chart.resize(600, height)
        settle(qtbot, chart)
        assert chart.sizeHint().height() == wanted
    assert wanted == chart.minimumSizeHint().height()


def test_that_the_picture_has_twice_the_pixels(chart: Chart, qtbot: QtBot, tmp_path: Path) -> None:
    chart.extend(falling(50))
    settle(qtbot, chart)
    chart.save_png(tmp_path / "loss.png")
    image = QImage(str(tmp_path / "loss.png"))
    assert image.size() == chart.size() * 2
    assert chart.header.menu_button.isVisible()


def test_that_a_picture_that_cannot_be_written_is_an_error(chart: Chart, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        chart.save_png(tmp_path / "missing" / "loss.png")


def test_that_the_table_holds_every_value_of_every_curve(chart: Chart, qtbot: QtBot, tmp_path: Path) -> None:
    chart.extend(falling(5000))
    chart.extend(falling(2, "nll", lambda i: math.nan if i == 1 else math.inf))
    chart.append("loss", 0.25, step=5001, epoch=500.1, seconds=10002.0, kind="evaluation")
    chart.show_curve("loss", False)
    chart.save_csv(tmp_path / "loss.csv")
    with (tmp_path / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len([row for row in rows if row["loss"]]) == 5000
    assert rows[0]["step"] == "1"
    assert float(rows[4999]["loss"]) == math.exp(-5000 / 30)
    assert sorted(row["nll"] for row in rows if row["nll"]) == ["inf", "nan"]
    assert rows[-1]["evaluation/loss"] == "0.25"


def test_that_values_are_saved_in_the_background_and_the_end_is_told(
    chart: Chart, qtbot: QtBot, tmp_path: Path
) -> None:
    chart.extend(falling(50))
    with qtbot.waitSignal(chart.saved, timeout=10_000):
        chart.dialogs.save_values(tmp_path / "loss.csv")
    assert (tmp_path / "loss.csv").exists()
    with qtbot.waitSignal(chart.failed, timeout=10_000) as failed:
        chart.dialogs.save_values(tmp_path / "missing" / "loss.csv")
    assert failed.args[0] == "The values were not saved"
    assert [path.name for path in tmp_path.iterdir()] == ["loss.csv"]


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in QColor(color).getRgbF()[:3]]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


@pytest.mark.parametrize("colors", [LIGHT, DARK])
@pytest.mark.parametrize("ground", ["panel", "background", "raised"])
def test_that_text_stands_out_from_its_ground(colors: ChartColors, ground: str) -> None:
    low = luminance(getattr(colors, ground))
    for color in (colors.text, colors.muted):
        lighter, darker = max(low, luminance(color)), min(low, luminance(color))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5
