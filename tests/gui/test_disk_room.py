"""Room on the disk as the window shows it: before a start, while a run goes on, and before an export."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import CheckpointSaved, Problem
from orpo_studio.gui import disk as disk_module
from orpo_studio.gui import follower as follower_module
from orpo_studio.gui.app import make_window
from orpo_studio.gui.foot import Foot
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.recipe_probe import Probe
from orpo_studio.gui.pages.ship import card as card_module
from orpo_studio.gui.pages.ship.card import ExportCard
from orpo_studio.gui.pages.ship.targets import Place, look_at
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.steps import StepState, step_state
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import room as room_module
from orpo_studio.runs.room import Disk, disk_of

MB = 10**6


@dataclass
class FakeDisk:
    free: int = 1000 * MB

    def __call__(self, _path: Path) -> Disk:
        return Disk(self.free, 2000 * MB, 1)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FakeDisk:
    """A disk of which a test says what is free; the window looks at it all the time."""
    made = FakeDisk()
    monkeypatch.setattr(room_module, "disk_of", made)
    monkeypatch.setattr(disk_module, "AGAIN_MS", 20)
    return made


@pytest.fixture
def watching(disk: FakeDisk, bench: Workbench) -> Workbench:
    bench.disk._again.setInterval(disk_module.AGAIN_MS)
    bench.disk.watch()
    return bench


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> TrainPage:
    made = TrainPage(bench)
    qtbot.addWidget(made)
    made.show()
    return made


def errors(bench: Workbench) -> list[str]:
    return [issue.message for issue in bench.issues() if issue.severity == "error"]


def test_that_a_start_says_what_it_takes_and_waits_for_room(
    qtbot: QtBot, disk: FakeDisk, watching: Workbench, page: TrainPage
) -> None:
    bench, facts = watching, page.start

    def shown() -> str:
        labels = facts.frame.findChildren(type(facts.heading))
        return " ".join(label.text() for label in labels if not label.isHidden())

    bench.use_demo()
    qtbot.waitUntil(lambda: bench.can_start() and "1.0 GB free" in shown(), timeout=20_000)
    room = bench.disk.room
    assert room is not None
    assert f"About {room.takes / MB:.1f} MB needed, 1.0 GB free in {bench.workspace}" in shown()
    disk.free = 2 * MB
    qtbot.waitUntil(lambda: bool(errors(bench)), timeout=10_000)
    assert not bench.can_start()
    assert "Too little room on the disk" in errors(bench)[0]
    assert "2.0 MB are free" in errors(bench)[0]
    qtbot.waitUntil(lambda: errors(bench)[0] in shown())
    assert "2.0 MB free" in shown()
    assert not facts.demo.isVisible()
    assert (step_state(bench, "recipe"), step_state(bench, "train")) == (StepState.DONE, StepState.ATTENTION)
    with qtbot.waitSignal(bench.workspace_wanted):
        qtbot.mouseClick(facts.workspace, Qt.MouseButton.LeftButton)
    disk.free = room.takes - 1
    qtbot.waitUntil(lambda: not errors(bench), timeout=10_000)
    assert any("Older checkpoints" in issue.message for issue in bench.issues())
    qtbot.waitUntil(lambda: not facts.workspace.isVisible())
    disk.free = 500 * MB
    qtbot.waitUntil(lambda: not bench.disk.issues(), timeout=10_000)
    assert bench.can_start()


def test_that_what_leads_to_a_lack_of_room_leads_to_another_workspace(
    qtbot: QtBot, disk: FakeDisk, tmp_path: Path
) -> None:
    disk.free = 2 * MB
    window = make_window(tmp_path / "workspace", None)
    qtbot.addWidget(window)
    window.show()
    window.bench.use_demo()
    qtbot.waitUntil(lambda: bool(errors(window.bench)), timeout=20_000)
    window.show_page("recipe")
    qtbot.waitUntil(window.foot.fix.isVisible)
    qtbot.mouseClick(window.foot.fix, Qt.MouseButton.LeftButton)
    assert window.current_page == "train"
    button = window.focusWidget()
    assert isinstance(button, QPushButton)
    assert button.text() == "Choose another workspace…"
    button.click()
    (dialog,) = window.findChildren(QFileDialog)
    disk.free = 1000 * MB
    dialog.fileSelected.emit(str(tmp_path / "elsewhere"))

    qtbot.waitUntil(window.bench.can_start, timeout=20_000)
    assert window.bench.workspace == tmp_path / "elsewhere"
    dialog.close()


def test_that_a_workspace_without_room_is_no_hindrance_to_two_steps(
    qtbot: QtBot, disk: FakeDisk, watching: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = Probe(watching, watching)
    watching.use_demo()
    disk.free = 2 * MB
    qtbot.waitUntil(lambda: bool(watching.disk.issues()) and watching.model.card is not None, timeout=20_000)
    qtbot.waitUntil(lambda: watching.data.prepared is not None, timeout=20_000)

    assert not watching.can_start()
    assert probe.hindrance() == ""


def test_that_the_need_follows_the_settings(qtbot: QtBot, disk: FakeDisk, watching: Workbench) -> None:
    bench = watching
    bench.use_demo()
    qtbot.waitUntil(lambda: bench.can_start() and bench.disk.room is not None, timeout=20_000)
    before = bench.disk.room
    assert before is not None
    bench.draft.set("recipe.adapter", "full")

    qtbot.waitUntil(lambda: bench.disk.room is not None and bench.disk.room.takes > 3 * before.takes, timeout=10_000)


def test_that_a_disk_that_does_not_answer_is_asked_once_and_holds_nothing_up(
    qtbot: QtBot, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked = threading.Event(), []

    def hang(path: Path) -> Disk:
        asked.append(path)
        assert answer.wait(20)
        return Disk(5 * MB, 9 * MB, 1)

    monkeypatch.setattr(room_module, "disk_of", hang)
    bench.disk._again.setInterval(1)
    bench.disk.watch()
    bench.use_demo()
    qtbot.waitUntil(bench.can_start, timeout=20_000)
    qtbot.waitUntil(lambda: bool(asked))
    for _ in range(20):
        qtbot.wait(2)
    assert len(asked) == 1
    assert bench.disk.room is None
    answer.set()

    qtbot.waitUntil(lambda: bench.disk.room is not None, timeout=10_000)


def test_that_a_full_disk_is_told_while_a_run_goes_on(
    qtbot: QtBot, disk: FakeDisk, watching: Workbench, scripted: ScriptedRun
) -> None:
    foot = Foot(watching)
    qtbot.addWidget(foot)
    watching.issues_changed.connect(foot.refresh)
    watching.show_run(scripted.folder)
    qtbot.waitUntil(lambda: watching.follower is not None and watching.follower.state == "running", timeout=10_000)
    foot.refresh()
    assert "goes on when this window is closed" in foot.status.text()
    disk.free = 0
    qtbot.waitUntil(lambda: "disk is full" in foot.status.text(), timeout=10_000)
    assert "its figures wait for room" in foot.status.text()
    disk.free = 50 * MB

    qtbot.waitUntil(lambda: "goes on when this window is closed" in foot.status.text(), timeout=10_000)


def notices(page: TrainPage) -> list[Notice]:
    return [card.notice for card in page.findChildren(NoticeCard) if not card.isHidden()]


def test_that_a_full_disk_is_a_card_with_what_to_do_as_long_as_it_is_full(
    qtbot: QtBot, disk: FakeDisk, watching: Workbench, page: TrainPage, scripted: ScriptedRun
) -> None:
    scripted.say(CheckpointSaved(step=5, folder="checkpoints/checkpoint-5", size_bytes=2 * MB))
    watching.show_run(scripted.folder)
    qtbot.waitUntil(lambda: watching.follower is not None and watching.follower.state == "running", timeout=10_000)
    assert notices(page) == []
    disk.free = 0
    qtbot.waitUntil(lambda: bool(notices(page)), timeout=10_000)
    (told,) = notices(page)
    assert told.title == "The disk is full."
    assert "A checkpoint takes about 2.0 MB" in told.detail
    assert told.hint.startswith("Make room")
    assert told.hint.endswith(f"The run lies in {scripted.folder.path}.")
    disk.free = 50 * MB

    qtbot.waitUntil(lambda: not notices(page), timeout=10_000)


def test_that_a_run_lost_on_a_full_disk_says_that_its_end_could_not_be_recorded(
    qtbot: QtBot,
    disk: FakeDisk,
    watching: Workbench,
    page: TrainPage,
    scripted: ScriptedRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_folder: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(follower_module, "mark_lost", full)
    disk.free = 0
    scripted.die()
    watching.show_run(scripted.folder)

    qtbot.waitUntil(lambda: any("could not be recorded" in told.detail for told in notices(page)), timeout=10_000)


def test_that_a_missing_checkpoint_is_told_until_one_is_saved(
    qtbot: QtBot, page: TrainPage, scripted: ScriptedRun
) -> None:
    def not_saved(step: int) -> Problem:
        title = f"The checkpoint of step {step} could not be saved."
        return Problem(severity="warning", code="checkpoint-not-saved", title=title, detail="", hint="")

    def titles() -> list[str]:
        return [told.title for told in notices(page)]

    def can_be_closed(title: str) -> bool:
        (card,) = (card for card in page.findChildren(NoticeCard) if card.notice.title == title)
        return any(made.text() == "Close" for made in card.findChildren(QPushButton))

    def other(code: str) -> Problem:
        return Problem(severity="warning", code=code, title=f"Other {code}", detail="", hint="")

    scripted.say(other("a"), not_saved(10), not_saved(20), other("b"))
    page.bench.show_run(scripted.folder)
    qtbot.waitUntil(lambda: set(titles()) == {"The checkpoint of step 20 could not be saved.", "Other b"})
    assert can_be_closed("Other b")
    assert not can_be_closed("The checkpoint of step 20 could not be saved.")
    assert page.progress.checkpoint.isEnabled()
    scripted.say(CheckpointSaved(step=23, folder="checkpoints/checkpoint-23", size_bytes=1))

    qtbot.waitUntil(lambda: titles() == ["Other b"], timeout=10_000)


def test_that_an_export_waits_for_a_disk_that_does_not_answer_and_another_can_be_chosen(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def look(target: Path) -> Place:
        if target.name == "away":
            answer.wait(20)
        return look_at(target)

    monkeypatch.setattr(card_module, "look_at", look)
    card = ExportCard("merged")
    qtbot.addWidget(card)
    card.show()
    card.allow(allowed=True)
    card.show_size(MB)
    card.show_target(tmp_path / "away")
    qtbot.waitUntil(lambda: "Waiting for the disk" in card.room.text(), timeout=10_000)
    assert not card.export.isEnabled()
    card.show_target(tmp_path / "here")
    qtbot.waitUntil(card.export.isEnabled, timeout=10_000)
    assert "About 1.0 MB" in card.room.text()
    answer.set()
    qtbot.waitUntil(lambda: not card._looks, timeout=10_000)

    assert card.export.isEnabled()


def test_that_a_place_that_cannot_take_an_export_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "is a file" in look_at(tmp_path / "file" / "deep").problem
    assert look_at(tmp_path / "new").free_bytes == disk_of(tmp_path).free


@pytest.fixture
def scripted(bench: Workbench) -> Iterator[ScriptedRun]:
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.train(1, 5)
    yield run
    run.close()
