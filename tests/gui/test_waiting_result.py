"""What the window says and offers while a run that is trained cannot save its result."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import Stage
from orpo_studio.events.state import RESULT_WAITS
from orpo_studio.gui.app import make_window
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.runs.face import state_face
from orpo_studio.gui.window import MainWindow
from orpo_studio.runs import pending, summarize

Waits = Callable[[int], ScriptedRun]


@pytest.fixture
def window(qtbot: QtBot, qapp: object, tmp_path: Path) -> Iterator[MainWindow]:
    made = make_window(tmp_path / "workspace", tmp_path / "preferences.json")
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.bench.close()
    assert wait_for_background(20)
    made.hide()
    made.deleteLater()


@pytest.fixture
def waits(qtbot: QtBot, window: MainWindow) -> Iterator[Waits]:
    """Show a run whose result waits after so many steps; a checkpoint was saved at each twentieth."""
    made: list[ScriptedRun] = []

    def make(steps: int) -> ScriptedRun:
        run = ScriptedRun(window.bench.workspace)
        made.append(run)
        run.begin(steps)
        run.train(1, steps)
        run.say(Stage(name=RESULT_WAITS, title="Wait until the result can be saved"))
        follower = window.bench.show_run(run.folder)
        window.show_page("train")
        qtbot.waitUntil(lambda: follower is not None and follower.fold.waits_to_save, timeout=20_000)
        return run

    yield make
    for run in made:
        run.close()


def box_of(qtbot: QtBot, window: MainWindow) -> QMessageBox:
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=5000)
    return window.findChildren(QMessageBox)[0]


def press(box: QMessageBox, words: str) -> None:
    next(button for button in box.buttons() if words in button.text()).click()


def test_that_all_places_say_that_the_result_waits_and_nothing_is_offered_that_nobody_answers(
    qtbot: QtBot, window: MainWindow, waits: Waits
) -> None:
    run = waits(100)
    page = window.pages["train"]
    assert isinstance(page, TrainPage)
    qtbot.waitUntil(lambda: page.progress.state.text() == "Trained. Its result waits to be saved")
    assert page.progress.sign.text() == "▲"
    assert page.progress.figures["remaining"].figure.text() == "–"
    assert "result waits" in window.foot.status.text()
    assert state_face(summarize(run.folder)).word == "not saved yet"
    for made in (page.progress.sample, page.progress.checkpoint):
        assert not made.isEnabled()
        assert "All is trained" in made.toolTip()


def test_that_a_result_whose_last_step_is_saved_may_be_paused_and_stopped_at_once(
    qtbot: QtBot, window: MainWindow, waits: Waits
) -> None:
    run = waits(100)
    qtbot.waitUntil(window.foot.pause.isEnabled)
    qtbot.mouseClick(window.foot.pause, Qt.MouseButton.LeftButton)
    assert pending(run.folder, "pause")
    assert window.foot.main.text() == "Stop"
    qtbot.mouseClick(window.foot.main, Qt.MouseButton.LeftButton)
    assert pending(run.folder, "stop")


def test_that_what_an_end_would_lose_is_asked_about_first(qtbot: QtBot, window: MainWindow, waits: Waits) -> None:
    run = waits(104)  # checkpoints at each 20th step
    assert not window.foot.pause.isEnabled()
    assert "a pause would lose steps" in window.foot.pause.toolTip()

    qtbot.mouseClick(window.foot.main, Qt.MouseButton.LeftButton)
    box = box_of(qtbot, window)
    assert "the last 4 steps are lost: the last checkpoint is that of step 100" in box.informativeText()
    press(box, "Keep waiting")
    assert not pending(run.folder, "stop")
    assert window.foot.main.isEnabled()

    qtbot.waitUntil(lambda: not window.findChildren(QMessageBox))
    next(action for action in window.actions_table.all if action.text() == "Pause").trigger()
    press(box_of(qtbot, window), "End without the result")
    assert pending(run.folder, "stop")
    assert not pending(run.folder, "pause")


def test_that_leaving_the_window_promises_no_save(qtbot: QtBot, window: MainWindow, waits: Waits) -> None:
    waits(100)
    window.close()
    box = box_of(qtbot, window)
    assert box.text() == "The run waits to save its result."
    assert not any("Stop" in made.text() for made in box.buttons())
    press(box, "Stay")
    assert window.isVisible()
