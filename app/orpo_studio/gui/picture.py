"""A run's curves as a PNG, drawn without a screen: ``python -m orpo_studio.gui.picture RUN_FOLDER OUT.png``.

A program of its own, so that the terminal can have the picture without importing Qt.
"""

import os
import sys
from pathlib import Path

from orpo_studio.events import TrainMetrics, read_events
from orpo_studio.runs import RunFolder

WIDTH, HEIGHT = 1500, 900
"""Size of the board in points; the picture has twice as many pixels."""


class NoCurvesError(Exception):
    """The run has logged nothing that could be drawn."""


def draw(folder: RunFolder, target: Path) -> None:
    """Write the picture of a run.

    Raises:
        NoCurvesError: no step was logged.
        OSError: the picture cannot be written.
    """
    events = list(read_events(folder.events_file))
    if not any(isinstance(event, TrainMetrics) for event in events):
        raise NoCurvesError(f"The run “{folder.title()}” has logged no step, so there is nothing to draw.")

    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    from orpo_studio.gui.charts import ChartBoard
    from orpo_studio.gui.charts.export import picture, save_image
    from orpo_studio.gui.pages.train.feed import ChartFeed
    from orpo_studio.gui.theme import install_theme

    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication([sys.argv[0]])
    install_theme(app, "light")
    board = ChartBoard()
    board.controls.hide()
    board.resize(WIDTH, HEIGHT)
    ChartFeed(board).take(events)
    board.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    board.show()
    app.processEvents()
    for _round in range(2):  # the first shows which figures there are, and so how much room the cards need
        for chart in board.charts.values():
            chart.clearFocus()
            chart.refresh()
        app.processEvents()
        board.resize(WIDTH, max(HEIGHT, board.minimumSizeHint().height()))
        app.processEvents()
    save_image(picture(board), target)
    board.close()


def main(argv: list[str]) -> int:
    """Draw; says what went wrong on the error stream. Returns the exit code."""
    if len(argv) != 2:
        print("Usage: python -m orpo_studio.gui.picture RUN_FOLDER OUT.png", file=sys.stderr)
        return 2
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        draw(RunFolder(Path(argv[0]).resolve()), Path(argv[1]).absolute())
    except (NoCurvesError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
