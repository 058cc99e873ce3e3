"""The runs in the rail and in the table."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import TrainerSilent
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.runs import face
from orpo_studio.gui.runs.model import COLUMNS
from orpo_studio.gui.runs.rail_list import RunListView
from orpo_studio.gui.runs.table import RunsPage
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import summarize

MakeRun = Callable[..., ScriptedRun]


@pytest.fixture
def make_run(bench: Workbench) -> Iterator[MakeRun]:
    made: list[ScriptedRun] = []

    def make(name: str = "scripted", *, last: int = 100, complete: bool = True, **details: object) -> ScriptedRun:
        run = ScriptedRun(bench.workspace, name, **details)
        run.begin()
        run.train(1, last)
        if complete:
            run.complete()
        made.append(run)
        return run

    yield make
    for run in made:
        run.close()


def refresh(qtbot: QtBot, bench: Workbench, count: int) -> None:
    bench.runs.refresh()
    qtbot.waitUntil(lambda: len(bench.runs.summaries) == count, timeout=10_000)


@pytest.fixture
def rail(qtbot: QtBot, bench: Workbench) -> RunListView:
    made = RunListView(bench)
    qtbot.addWidget(made)
    made.resize(220, 500)
    made.show()
    return made


@pytest.fixture
def table(qtbot: QtBot, bench: Workbench) -> RunsPage:
    made = RunsPage(bench)
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.show()
    return made


def mark(table: RunsPage, name: str) -> None:
    for row in range(table.sorted.rowCount()):
        index = table.sorted.index(row, 0)
        if name in index.data():
            table.table.setCurrentIndex(index)
            return
    raise AssertionError(f"{name} is not in the table")


def cell(table: RunsPage, name: str, column: str) -> str:
    mark(table, name)
    place = next(number for number, shown in enumerate(COLUMNS) if shown.title == column)
    return str(table.sorted.index(table.table.currentIndex().row(), place).data())


def test_that_an_empty_workspace_says_what_belongs_here(qtbot: QtBot, rail: RunListView, table: RunsPage) -> None:
    assert rail.empty.isVisible()
    assert "No runs yet" in rail.empty.text()
    assert not table.table.isVisible()


def test_that_a_click_turns_the_pages_to_a_run(qtbot: QtBot, rail: RunListView, make_run: MakeRun) -> None:
    run = make_run("bot")
    refresh(qtbot, rail.bench, 1)
    index = rail.model.index(0, 0)
    qtbot.mouseClick(rail.view.viewport(), Qt.MouseButton.LeftButton, pos=rail.view.visualRect(index).center())

    assert rail.bench.follower is not None
    assert rail.bench.follower.folder == run.folder


def test_that_enter_opens_the_marked_run(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    run = make_run("bot")
    refresh(qtbot, table.bench, 1)
    mark(table, "bot")
    table.actions_.open.trigger()

    assert table.bench.follower is not None
    assert table.bench.follower.folder == run.folder


def test_that_state_and_result_are_told_in_words(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    make_run("done", recipe={"lambda": 0.25})
    make_run("half", last=50, complete=False)
    lost = make_run("gone", last=3, complete=False)
    lost.die()
    refresh(qtbot, table.bench, 3)

    assert cell(table, "done", "State") == "✓ finished"
    assert cell(table, "done", "Accuracy") == "52 % → 91 %"
    assert cell(table, "done", "λ") == "0.25"
    assert cell(table, "half", "State") == "◐ training"
    assert cell(table, "half", "Steps") == "50 of 100"
    assert cell(table, "gone", "State") == "▲ lost"


def test_that_progress_of_a_live_run_moves(qtbot: QtBot, rail: RunListView, make_run: MakeRun) -> None:
    run = make_run("half", last=50, complete=False)
    refresh(qtbot, rail.bench, 1)
    assert face.outcome(rail.bench.runs.summaries[0]) == "50 %"
    run.train(51, 80)
    rail.bench.runs.refresh()

    qtbot.waitUntil(lambda: face.outcome(rail.bench.runs.summaries[0]) == "80 %", timeout=10_000)


def test_that_a_run_of_a_newer_version_is_listed_and_opens(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    run = make_run("bot")
    run.folder.spec_file.write_text("schema_version = 999\n", encoding="utf-8")
    refresh(qtbot, table.bench, 1)
    assert "newer version" in cell(table, run.folder.id, "State")
    mark(table, run.folder.id)
    assert table.actions_.open.isEnabled()
    assert not table.actions_.use_settings.isEnabled()


def test_that_a_run_that_cannot_be_opened_is_listed_told_and_deleted(
    qtbot: QtBot, table: RunsPage, rail: RunListView, make_run: MakeRun
) -> None:
    run = make_run("bot")
    run.folder.spec_file.write_text("this is = = no toml", encoding="utf-8")
    refresh(qtbot, table.bench, 1)
    assert "unreadable" in cell(table, run.folder.id, "State")
    with qtbot.waitSignal(table.bench.noticed) as told:
        rail.bench.show_run(run.folder)
    assert "folder is untouched" in told.args[0].hint
    assert table.bench.follower is None
    mark(table, run.folder.id)
    delete(qtbot, table, "Delete")

    qtbot.waitUntil(lambda: not run.folder.path.exists(), timeout=10_000)


def delete(qtbot: QtBot, table: RunsPage, answer: str) -> None:
    table.actions_.delete.trigger()
    box = table.findChildren(QMessageBox)[-1]
    qtbot.mouseClick(next(b for b in box.buttons() if b.text() == answer), Qt.MouseButton.LeftButton)


def test_that_deleting_asks_first(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    run = make_run("bot")
    refresh(qtbot, table.bench, 1)
    mark(table, "bot")
    delete(qtbot, table, "Keep")
    assert run.folder.path.exists()
    delete(qtbot, table, "Delete")

    qtbot.waitUntil(lambda: not run.folder.path.exists(), timeout=10_000)
    qtbot.waitUntil(lambda: not table.bench.runs.summaries, timeout=10_000)


def test_that_a_live_run_is_not_deleted(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    make_run("bot", last=5, complete=False)
    refresh(qtbot, table.bench, 1)
    mark(table, "bot")

    assert not table.actions_.delete.isEnabled()


def test_that_a_run_that_came_alive_meanwhile_is_not_deleted(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    run = make_run("bot")
    refresh(qtbot, table.bench, 1)
    assert run.lock.take()
    mark(table, "bot")
    with qtbot.waitSignal(table.bench.noticed) as told:
        table.actions_.delete.trigger()

    assert "still being worked on" in told.args[0].title
    assert run.folder.path.exists()


def test_that_settings_are_taken_into_the_draft(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    make_run("bot", recipe={"lambda": 0.42})
    refresh(qtbot, table.bench, 1)
    mark(table, "bot")
    table.actions_.use_settings.trigger()

    assert table.bench.draft.values["recipe"]["lambda"] == 0.42
    assert not table.bench.read_only


def test_that_a_support_archive_is_written_and_told(
    qtbot: QtBot, table: RunsPage, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run("bot")
    with qtbot.waitSignal(table.bench.noticed, timeout=10_000) as told:
        table.actions_.write_archive(run.folder, tmp_path / "support.zip")

    assert isinstance(told.args[0], Notice)
    assert told.args[0].detail == str(tmp_path / "support.zip")
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert b"No idea." not in archive.read("events.jsonl")


def test_that_an_archive_that_cannot_be_written_is_told(
    qtbot: QtBot, table: RunsPage, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run("bot")
    with qtbot.waitSignal(table.bench.noticed, timeout=10_000) as told:
        table.actions_.write_archive(run.folder, tmp_path / "no" / "such" / "folder.zip")

    assert told.args[0].severity == "error"


def test_that_the_table_sorts_numbers_as_numbers_and_filters(qtbot: QtBot, table: RunsPage, make_run: MakeRun) -> None:
    for name, last in (("nine", 9), ("eighty", 80), ("all", 100)):
        make_run(name, last=last, complete=False).die()
    refresh(qtbot, table.bench, 3)
    steps = next(number for number, shown in enumerate(COLUMNS) if shown.title == "Steps")
    table.table.sortByColumn(steps, Qt.SortOrder.AscendingOrder)
    assert [table.sorted.index(row, 0).data() for row in range(3)] == ["nine", "eighty", "all"]
    table.filter.setText("EIGHT")

    assert [table.sorted.index(row, 0).data() for row in range(table.sorted.rowCount())] == ["eighty"]


def test_that_a_name_with_markup_is_shown_as_it_is(bench: Workbench, make_run: MakeRun) -> None:
    run = make_run("<b>bold</b>")

    assert face.spoken(summarize(run.folder)).startswith("<b>bold</b>, finished, 52 % → 91 %")


def test_that_a_tooltip_shows_markup_in_a_name_as_it_is(
    qtbot: QtBot, bench: Workbench, table: RunsPage, make_run: MakeRun
) -> None:
    make_run("<img src=x>")
    refresh(qtbot, bench, 1)

    tip = table.model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;img src=x&gt;" in tip
    assert "<img" not in tip


def test_that_a_run_that_falls_silent_is_seen_in_the_list(qtbot: QtBot, rail: RunListView, make_run: MakeRun) -> None:
    run = make_run("bot", last=7, complete=False)
    refresh(qtbot, rail.bench, 1)
    run.say(TrainerSilent(seconds=200, doing="waiting"))
    rail.bench.runs.refresh()
    qtbot.waitUntil(lambda: face.state_face(rail.bench.runs.summaries[0]).word == "no progress", timeout=10_000)
