"""The window as a whole: keys, links, notices, drops, and what closing means while a run is training."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import Problem
from orpo_studio.gui.app import make_window
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.steps import StepState, step_state
from orpo_studio.gui.theme import theme
from orpo_studio.gui.window import MainWindow
from orpo_studio.runs import pending


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
def training(window: MainWindow, qtbot: QtBot) -> Iterator[ScriptedRun]:
    """A run that trains, shown in the window; its supervisor is played by the test."""
    run = ScriptedRun(window.bench.workspace, "night run")
    run.begin()
    run.train(1, 3)
    window.bench.show_run(run.folder)
    qtbot.waitUntil(lambda: window.bench.follower.state == "running", timeout=5000)
    yield run
    run.die()


def message_box(qtbot: QtBot, window: MainWindow) -> QMessageBox:
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=5000)
    return window.findChildren(QMessageBox)[0]


def press(box: QMessageBox, words: str) -> None:
    next(button for button in box.buttons() if words in button.text()).click()


def test_that_every_page_is_a_key_away(qtbot: QtBot, window: MainWindow) -> None:
    for number, step in enumerate(("model", "data", "recipe", "train", "evaluate", "ship"), start=1):
        qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
        assert window.current_page == step


def test_that_the_foot_leads_to_what_is_missing(qtbot: QtBot, window: MainWindow) -> None:
    window.bench.draft.set_text("recipe.lambda", "much")
    assert not window.foot.main.isEnabled()
    assert "to fix" in window.foot.fix.text()
    window.foot.issue_chosen.emit("recipe.lambda")

    assert window.current_page == "recipe"
    field = window.pages["recipe"].view.field("recipe.lambda")
    qtbot.waitUntil(lambda: field.isAncestorOf(window.focusWidget()), timeout=5000)


def test_that_a_link_to_a_setting_of_the_training_leads_to_the_page_where_it_is(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.bench.draft.set_text("train.keep_checkpoints", "1")
    assert step_state(window.bench, "recipe") is StepState.ATTENTION
    window.foot.issue_chosen.emit("train.keep_checkpoints")
    qtbot.waitUntil(lambda: window.focusWidget() is not None and window.focusWidget().isVisible())

    assert window.current_page == "recipe"
    assert "Checkpoints kept" in window.focusWidget().accessibleName()


def test_that_a_notice_says_what_why_and_what_to_do_and_is_shown_once(window: MainWindow) -> None:
    told = Notice("error", "The disk is full.", "/data: no space left.", "Make room.", "OSError 28")
    window.bench.tell(told)
    window.bench.tell(told)
    (shown,) = window.notices.cards()

    assert shown.notice.as_text() == "The disk is full.\n\n/data: no space left.\n\nMake room.\n\nOSError 28"


def test_that_what_a_library_said_of_a_problem_is_behind_the_fold() -> None:
    said = Problem(
        severity="warning", code="memory-short", title="Short.", detail="Why.", hint="Do.", more="CUDA: 2 GiB"
    )

    assert notice_of(said) == Notice("warning", "Short.", "Why.", "Do.", "CUDA: 2 GiB")


def test_that_an_error_nobody_foresaw_keeps_its_traceback_behind_the_fold() -> None:
    try:
        raise KeyError("lost")
    except KeyError as error:
        told = notice_of(error)

    assert "Traceback" not in told.title + told.detail + told.hint
    assert "Traceback" in told.more


def test_that_closing_during_a_run_asks_and_staying_keeps_the_window(
    qtbot: QtBot, window: MainWindow, training: ScriptedRun
) -> None:
    window.close()
    box = message_box(qtbot, window)
    assert window.isVisible()
    window.close()
    assert len(window.findChildren(QMessageBox)) == 1  # an impatient second click asks no second time
    press(box, "Stay")

    assert window.isVisible()
    assert not pending(training.folder, "stop")


def test_that_a_run_can_be_left_in_the_background(qtbot: QtBot, window: MainWindow, training: ScriptedRun) -> None:
    window.close()
    press(message_box(qtbot, window), "background")
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)

    assert not pending(training.folder, "stop")


def test_that_a_run_can_be_stopped_on_leaving(qtbot: QtBot, window: MainWindow, training: ScriptedRun) -> None:
    window.close()
    press(message_box(qtbot, window), "Stop")
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)

    assert pending(training.folder, "stop")


def test_that_the_stop_button_asks_once(qtbot: QtBot, window: MainWindow, training: ScriptedRun) -> None:
    qtbot.waitUntil(window.foot.main.isEnabled, timeout=5000)
    assert window.foot.main.text() == "Stop and save"
    qtbot.mouseClick(window.foot.main, Qt.MouseButton.LeftButton)

    assert pending(training.folder, "stop")
    assert not window.foot.main.isEnabled()


def test_that_a_lost_run_offers_to_resume_from_its_checkpoint(qtbot: QtBot, window: MainWindow) -> None:
    run = ScriptedRun(window.bench.workspace, "cut off")
    run.begin()
    run.train(1, 30)
    run.die()
    window.bench.show_run(run.folder)
    qtbot.waitUntil(lambda: window.bench.follower.fold.ended is not None, timeout=5000)

    expected = "Resume" if window.bench.follower.fold.checkpoints else "Start again"
    qtbot.waitUntil(lambda: window.foot.main.text() == expected and window.foot.main.isEnabled(), timeout=5000)


def drop(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(QPoint(5, 5)),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_that_what_is_dropped_goes_where_it_belongs(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "a model").mkdir()
    drop(window, tmp_path / "a model")
    assert window.current_page == "model"
    assert window.bench.draft.values["model"]["path"] == str(tmp_path / "a model")

    (tmp_path / "pairs.jsonl").write_text("")
    drop(window, tmp_path / "pairs.jsonl")
    assert window.current_page == "data"
    assert window.bench.draft.values["data"]["source"] == str(tmp_path / "pairs.jsonl")

    (tmp_path / "mine.toml").write_text("[recipe]\nlambda = 0.25\n")
    drop(window, tmp_path / "mine.toml")
    assert window.current_page == "recipe"
    assert window.bench.draft.values["recipe"]["lambda"] == 0.25


def test_that_a_dropped_recipe_with_a_mistake_changes_nothing_and_says_why(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[recipe]\nlamda = 0.25\n")
    drop(window, tmp_path / "bad.toml")

    assert "lambda" in window.notices.cards()[0].notice.detail
    assert "lambda" not in window.bench.draft.values.get("recipe", {})


def test_that_the_palette_finds_and_does_an_action(qtbot: QtBot, window: MainWindow) -> None:
    palette = window.palette_dialog
    palette.open_fresh()
    qtbot.keyClicks(palette.field, "theme dark")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    assert theme().colors.scheme == "dark"
    assert window.bench.preferences.theme == "dark"


def test_that_the_palette_offers_what_can_be_done_with_the_data(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    palette = window.palette_dialog

    def offered(words: str) -> list[str]:
        palette.open_fresh()
        qtbot.keyClicks(palette.field, words)
        return [palette.list.item(row).text() for row in range(palette.list.count())]

    assert offered("doctor") == []
    rows = [{"prompt": f"Question {n}?", "chosen": f"Answer {n}.", "rejected": "No."} for n in range(20)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    window.bench.draft.set("data.source", str(tmp_path / "pairs.jsonl"))
    page = window.pages["data"]
    qtbot.waitUntil(lambda: page.is_settled and window.bench.doctor.report is not None, timeout=20_000)
    assert offered("doctor") == ["Go to the doctor's findings", "Run the data doctor"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.current_page == "data"
    assert page.stack.currentWidget() is page.doctor
    assert offered("go row") == ["Go to a row of the source…"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert page.stack.currentWidget() is page.browser
    assert window.focusWidget() is page.browser.tools.row


def test_that_help_opens_at_the_focused_field(qtbot: QtBot, window: MainWindow) -> None:
    window.show_option("recipe.lambda")
    qtbot.waitUntil(
        lambda: window.pages["recipe"].view.field("recipe.lambda").isAncestorOf(window.focusWidget()), timeout=5000
    )
    window.actions_table.help()
    shown = window.actions_table._help

    assert shown.isVisible()
    assert shown.text.textCursor().selectedText() == "recipe.lambda"
    shown.close()


def test_that_draft_and_theme_are_there_the_next_day(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    window.bench.draft.set_name("Tomorrow")
    window.bench.draft.set("recipe.lambda", 0.2)
    window.bench.preferences.theme = "dark"
    window.close()
    remembered = json.loads((tmp_path / "preferences.json").read_text())
    assert remembered["draft"]["recipe"]["lambda"] == 0.2

    again = make_window(None, tmp_path / "preferences.json")
    assert again.header.name.text() == "Tomorrow"
    assert theme().colors.scheme == "dark"
    again.bench.close()
    assert wait_for_background(20)
    again.deleteLater()


def test_that_a_long_or_hostile_name_does_not_widen_the_window(qtbot: QtBot, window: MainWindow) -> None:
    widths = []
    for name in ("short", "<b>" + "long name" * 20):
        run = ScriptedRun(window.bench.workspace, name)
        run.begin()
        window.bench.show_run(run.folder)
        qtbot.waitUntil(lambda: window.bench.follower.state == "running", timeout=5000)
        assert window.header.run_title.text() == name
        widths.append(window.minimumSizeHint().width())
        run.die()

    assert widths[0] == widths[1]


def test_that_a_damaged_place_of_the_window_does_not_stop_the_start(qtbot: QtBot, qapp: object, tmp_path: Path) -> None:
    file = tmp_path / "preferences.json"
    file.write_text(json.dumps({"geometry": "a"}))  # no base64
    made = make_window(tmp_path / "workspace", file)
    qtbot.addWidget(made)
    assert made.current_page == "model"
    made.bench.close()


def test_that_tab_reaches_the_foot_after_the_page(qtbot: QtBot, window: MainWindow) -> None:
    for key in ("model", "data", "recipe"):
        window.show_page(key)
        order = [window.nextInFocusChain()]
        while order[-1] is not window:
            order.append(order[-1].nextInFocusChain())
        stops = [widget for widget in order if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible()]
        inside = [place for place, widget in enumerate(stops) if window.pages[key].isAncestorOf(widget)]

        assert max(inside) < stops.index(window.foot.fix)
