"""What the window says of a run that makes no progress or does not stop, and what can be done about it there."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import JobStarted, Machine, RunEnded, StopRequested, StopStage, TrainerHeard, TrainerSilent
from orpo_studio.gui.actions import Actions
from orpo_studio.gui.foot import Foot
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.preferences import Preferences, load_preferences
from orpo_studio.gui.runs import face
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import live_words, pending, summarize, take


@pytest.fixture
def run(bench: Workbench) -> Iterator[ScriptedRun]:
    scripted = ScriptedRun(bench.workspace)
    scripted.begin()
    scripted.train(1, 47)
    yield scripted
    scripted.close()


@pytest.fixture
def foot(qtbot: QtBot, bench: Workbench) -> Foot:
    made = Foot(bench)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench, foot: Foot, run: ScriptedRun) -> TrainPage:
    """The Train page on a run, with the foot of the window beside it."""
    made = TrainPage(bench)
    qtbot.addWidget(made)
    made.show()
    follower = bench.show_run(run.folder)
    assert follower is not None
    follower.state_changed.connect(foot.refresh)
    qtbot.waitUntil(lambda: follower.fold.latest.step == 47, timeout=20_000)
    return made


def test_that_all_is_calm_while_a_run_trains(page: TrainPage) -> None:
    assert page.trouble.isHidden()


def test_that_silence_is_told_with_how_long_and_why_until_the_trainer_is_heard(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    run.say(TrainerSilent(seconds=240, doing="computing", cpu_percent=99))
    qtbot.waitUntil(page.trouble.isVisible)
    assert page.trouble.title.text() == "No progress for 4 min"
    assert "99 % of a processor core" in page.trouble.detail.text()
    assert "No progress for 4 min" in foot.status.text()
    assert page.progress.sign.text() == "▲"
    assert page.progress.state.text() == "No progress"
    assert page.progress.figures["remaining"].figure.text() == "–"
    assert page.trouble.end_now.isHidden()
    assert face.outcome(summarize(run.folder)) == "no progress"
    assert face.state_face(summarize(run.folder)).word == "no progress"
    qtbot.mouseClick(page.trouble.stop, Qt.MouseButton.LeftButton)
    assert pending(run.folder, "stop")

    run.say(TrainerHeard(seconds=250))
    qtbot.waitUntil(page.trouble.isHidden)
    assert "window is closed" in foot.status.text()


def test_that_the_log_is_at_hand_where_it_tells_more(qtbot: QtBot, page: TrainPage, run: ScriptedRun) -> None:
    run.say(TrainerSilent(seconds=240, doing="suspended", cpu_percent=0))
    qtbot.waitUntil(page.trouble.isVisible)
    assert page.trouble.show_log.isHidden()
    run.folder.console_log.write_text("File torch/nn/linear.py, line 125, in forward\n")
    run.say(TrainerSilent(seconds=240, doing="waiting", cpu_percent=0))
    qtbot.waitUntil(page.trouble.show_log.isVisible)

    qtbot.mouseClick(page.trouble.show_log, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "linear.py" in page.console.text.toPlainText())
    assert page.console.fold.text() == "Hide console log"
    qtbot.waitUntil(lambda: not page.console.text.visibleRegion().isEmpty())


def test_that_a_stop_that_is_answered_soon_raises_no_alarm(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    run.say(StopStage(stage="asked"), StopRequested(step=47))
    qtbot.waitUntil(lambda: page.progress.state.text().startswith("Stopping"))
    assert page.trouble.isHidden()
    assert page.progress.figures["remaining"].figure.text() == "–"
    assert foot.status.text() == "Stopping: this step is finished and saved first"


def test_that_a_stop_that_takes_its_time_is_told_alike_everywhere(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    run.say(StopStage(stage="asked", time=time.time() - 10), StopRequested(step=47))
    qtbot.waitUntil(page.trouble.isVisible)
    assert page.trouble.title.text() == foot.status.text() == "Stopping: this step is finished and saved first"
    assert page.progress.state.text() == "Stopping"
    assert (page.trouble.sign.text(), page.progress.sign.text()) == ("◐", "◐")
    assert foot.status.property("kind") == "muted"


def test_that_a_pause_without_an_answer_is_told_alike_everywhere(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    run.say(StopStage(stage="asked", next_at=time.time() + 41, to_pause=True))
    qtbot.waitUntil(page.trouble.isVisible)
    assert page.progress.state.text() == "Pausing, no answer yet"
    assert (page.trouble.sign.text(), page.progress.sign.text()) == ("▲", "▲")
    assert foot.status.text().startswith("Pausing: no answer yet")
    assert foot.status.property("kind") == "attention"
    assert face.state_face(summarize(run.folder)).word == "no answer"


def test_that_the_clock_of_each_stage_runs_and_the_next_one_can_be_had_at_once(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    trouble = page.trouble
    run.say(StopStage(stage="asked", next_at=time.time() + 102))
    qtbot.waitUntil(trouble.isVisible)
    first = trouble.title.text()
    assert first.startswith("Stopping: no answer yet, ended without saving in 1:4")
    qtbot.waitUntil(lambda: trouble.title.text() != first, timeout=5000)
    assert "since the checkpoint of step 40 is lost" in trouble.detail.text().replace("the work ", "")
    assert foot.status.text().startswith("Stopping: no answer yet")
    assert not foot.main.isEnabled()

    assert trouble.end_now.text() == "End now without saving"
    qtbot.mouseClick(trouble.end_now, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: pending(run.folder, "end_now"))
    take(run.folder, "end_now")

    run.say(StopStage(stage="terminated", next_at=time.time() + 29))
    qtbot.waitUntil(lambda: "ended by force in 0:2" in trouble.title.text())
    assert trouble.end_now.text() == "End by force now"
    run.say(StopStage(stage="killed"))
    qtbot.waitUntil(trouble.end_now.isHidden)
    assert foot.status.property("kind") == "attention"
    assert page.progress.state.text() == "Being ended without saving"
    assert foot.main.text() == "Stop"
    run.say(RunEnded(outcome="failed", signal=9, exit_code=-9, step=47, forced=True))
    run.die()
    qtbot.waitUntil(trouble.isHidden)
    assert page.progress.state.text() == "Ended at step 47, saved up to step 40"
    qtbot.waitUntil(lambda: foot.main.text() == "Resume")
    assert foot.status.text() == "It can go on from step 40."
    ending = page.ending_card()
    assert ending is not None
    assert "memory" not in ending.notice.detail
    assert ending.notice.severity == "warning"
    assert face.state_face(summarize(run.folder)).word == "ended early"


def test_that_a_job_that_does_not_stop_is_told_in_the_foot(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun
) -> None:
    run.say(RunEnded(outcome="completed", step=100), JobStarted(job="export"))
    run.say(StopStage(stage="asked", next_at=time.time() + 30))
    qtbot.waitUntil(lambda: foot.status.text().startswith("Stopping: no answer yet"))
    qtbot.waitUntil(lambda: "run is not affected" in page.trouble.detail.text())


def test_that_a_run_over_which_nobody_watches_is_told_as_such(
    qtbot: QtBot, foot: Foot, page: TrainPage, run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_words, "UNWATCHED_SECONDS", 0.3)
    qtbot.waitUntil(page.trouble.isVisible)
    qtbot.waitUntil(lambda: foot.status.text().startswith("No word from this run"))
    assert foot.status.property("kind") == "attention"
    page.progress.refresh()
    assert (page.progress.sign.text(), page.progress.state.text()) == ("▲", "No word from this run")
    assert page.progress.figures["remaining"].figure.text() == "–"
    assert page.trouble.title.text().startswith("No word from this run")
    assert page.trouble.end_now.text() == "End now without saving"
    monkeypatch.setattr(live_words, "UNWATCHED_SECONDS", 60.0)
    run.say(Machine(values={}))
    qtbot.waitUntil(page.trouble.isHidden)
    qtbot.waitUntil(lambda: "window is closed" in foot.status.text())


def test_that_the_list_of_runs_says_when_time_alone_has_made_a_run_unwatched(
    qtbot: QtBot, bench: Workbench, run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.runs.refresh()
    qtbot.waitUntil(lambda: [face.outcome(summary) for summary in bench.runs.summaries] == ["47 %"])
    monkeypatch.setattr(live_words, "UNWATCHED_SECONDS", 0.0)
    with qtbot.waitSignal(bench.runs.changed):
        bench.runs.refresh()
    assert [face.outcome(summary) for summary in bench.runs.summaries] == ["no word"]
    assert face.spoken(bench.runs.summaries[0]).count("no word") == 1


def test_that_a_slip_of_the_hand_ends_nothing(
    qtbot: QtBot, bench: Workbench, page: TrainPage, run: ScriptedRun
) -> None:
    (end,) = (action for action in make_actions(bench, page) if action.text() == "End now without saving")
    told: list[Notice] = []
    bench.noticed.connect(told.append)
    end.trigger()
    assert told[0].title == "Nothing is being stopped."
    run.say(StopStage(stage="asked"))
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.fold.stop is not None)
    assert not pending(run.folder, "end_now")
    end.trigger()
    qtbot.waitUntil(lambda: pending(run.folder, "end_now"))
    take(run.folder, "end_now")


def test_that_telling_the_end_on_the_desktop_can_be_switched_off_at_once(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Workbench(tmp_path / "workspace", Preferences(), tmp_path / "preferences.json")
    place = QWidget()
    qtbot.addWidget(place)
    (tell,) = (action for action in make_actions(bench, place) if "on the desktop" in action.text())
    for is_told in (False, True):
        tell.trigger()
        assert tell.isChecked() == is_told
        assert load_preferences(tmp_path / "preferences.json")[0].notify == is_told
    bench.close()


def make_actions(bench: Workbench, window: QWidget) -> list[QAction]:
    return Actions(window, bench, lambda _page: None).all
