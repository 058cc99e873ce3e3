"""What the Train page offers to do at once about a run's problem, and what comes of it."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import Problem, RunEnded
from orpo_studio.gui.foot import Foot
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.data import DataPage
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.question import Question
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import pending

MakeRun = Callable[[Problem], ScriptedRun]


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> TrainPage:
    made = TrainPage(bench)
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    return made


@pytest.fixture
def failed(bench: Workbench) -> Iterator[MakeRun]:
    """Make a run of the demo that failed with a problem."""
    made: list[ScriptedRun] = []

    def make(problem: Problem) -> ScriptedRun:
        run = ScriptedRun(bench.workspace, recipe={"learning_rate": 2e-4}, data={"source": "demo", "skip_rows": ["3"]})
        made.append(run)
        run.begin()
        run.train(1, 4)
        run.fail(problem)
        bench.show_run(run.folder)
        return run

    yield make
    for run in made:
        run.close()


def problem(code: str, *rows: str, severity: str = "error") -> Problem:
    return Problem.model_validate(
        {"severity": severity, "code": code, "title": "T.", "detail": "D.", "hint": "H.", "rows": list(rows)}
    )


def buttons(qtbot: QtBot, page: TrainPage) -> dict[str, QPushButton]:
    qtbot.waitUntil(lambda: page.ending_card() is not None, timeout=20_000)
    card = page.ending_card()
    assert card is not None
    return {made.text(): made for made in card.buttons}


def test_that_the_rows_to_blame_are_skipped_in_a_draft_that_is_not_started(
    qtbot: QtBot, page: TrainPage, failed: MakeRun
) -> None:
    told: list[Notice] = []
    page.bench.noticed.connect(told.append)
    failed(problem("non-finite", "11", "12"))
    offered = buttons(qtbot, page)
    assert list(offered) == [
        "Start again without these rows",
        "Start again with half the learning rate",
        "Show these rows",
    ]

    qtbot.mouseClick(offered["Start again without these rows"], Qt.MouseButton.LeftButton)

    assert not page.bench.read_only
    assert page.bench.draft.values["data"]["skip_rows"] == ["3", "11", "12"]
    assert page.bench.draft.values["recipe"]["learning_rate"] == 2e-4
    assert [notice.detail for notice in told] == ["Rows to skip: 3, 11, 12."]
    page.bench.draft.undo.undo()
    assert page.bench.draft.values["data"]["skip_rows"] == ["3"]


def test_that_half_the_learning_rate_is_one_click_away(qtbot: QtBot, page: TrainPage, failed: MakeRun) -> None:
    failed(problem("non-finite-weights", "11"))
    offered = buttons(qtbot, page)
    assert next(iter(offered)) == "Start again with half the learning rate"

    qtbot.mouseClick(offered["Start again with half the learning rate"], Qt.MouseButton.LeftButton)

    assert page.bench.draft.values["recipe"]["learning_rate"] == 1e-4
    assert page.bench.draft.values["data"]["skip_rows"] == ["3"]


def test_that_other_problems_offer_nothing(qtbot: QtBot, page: TrainPage, failed: MakeRun) -> None:
    failed(problem("disk-full"))
    assert buttons(qtbot, page) == {}


def test_that_a_warning_of_divergence_is_a_card_with_its_remedy_and_a_mark(
    qtbot: QtBot, page: TrainPage, bench: Workbench
) -> None:
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.train(1, 9)
    run.say(problem("diverging", severity="warning"))
    run.train(10, 12)
    bench.show_run(run.folder)
    qtbot.waitUntil(lambda: bool(page.findChildren(NoticeCard)) and page.curves.is_ready, timeout=20_000)

    (card,) = page.findChildren(NoticeCard)
    assert [made.text() for made in card.buttons] == ["Start again with half the learning rate"]
    assert card.buttons[0].property("kind") != "main"
    board = page.curves.board
    assert board is not None
    marks = next(iter(board.charts.values()))._marks
    assert marks.places("step", 0, 100)["warning"].tolist() == [9]
    run.close()


@pytest.mark.parametrize(
    ("answer", "earlier", "is_stopped"),
    [(0, "is being stopped and saved", True), (1, "comes from goes on.", False)],
    ids=["stop", "let-it-go-on"],
)
def test_that_a_run_that_still_trains_is_not_left_training_unseen(
    qtbot: QtBot, page: TrainPage, bench: Workbench, answer: int, earlier: str, is_stopped: bool
) -> None:
    told: list[Notice] = []
    asked: list[Question] = []
    bench.noticed.connect(told.append)
    bench.in_question.connect(asked.append)
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.train(1, 9)
    run.say(problem("diverging", severity="warning"))
    bench.show_run(run.folder)
    qtbot.waitUntil(lambda: bool(page.findChildren(NoticeCard)), timeout=20_000)

    qtbot.mouseClick(page.findChildren(NoticeCard)[0].buttons[0], Qt.MouseButton.LeftButton)

    assert bench.read_only
    (question,) = asked
    assert "goes on with its present settings" in question.detail
    question.answers[answer][1]()
    assert not bench.read_only
    assert bool(pending(run.folder, "stop")) == is_stopped
    assert earlier in told[0].hint
    run.close()


def test_that_memory_that_ran_out_is_answered_by_less_and_not_by_the_same_again(
    qtbot: QtBot, page: TrainPage, bench: Workbench
) -> None:
    foot = Foot(bench)
    qtbot.addWidget(foot)
    run = ScriptedRun(bench.workspace, "Support bot", recipe={"micro_batch": 4, "accumulation": 2})
    run.begin()
    run.train(1, 44)
    run.say(RunEnded(outcome="failed", exit_code=-9, signal=9, machine={"oom_kills": 1.0}, step=44))
    run.die()
    follower = bench.show_run(run.folder)
    assert follower is not None
    follower.state_changed.connect(foot.refresh)
    told: list[Notice] = []
    bench.noticed.connect(told.append)
    offered = buttons(qtbot, page)
    qtbot.waitUntil(lambda: foot.main.text() == "Resume")
    assert [made.property("kind") == "main" for made in offered.values()] == [True, False, False]
    assert foot.main.property("kind") != "main"
    assert "most likely comes again" in foot.status.text()

    qtbot.mouseClick(offered["Start again with 2 pairs at a time"], Qt.MouseButton.LeftButton)

    recipe = bench.draft.values["recipe"]
    assert (recipe["micro_batch"], recipe["accumulation"]) == (2, 4)
    assert "keeps its checkpoint of step 40" in told[0].hint
    assert told[0].title == "These are the settings of “Support bot” with one change."
    assert bench.draft.values["name"] == "Support bot (2)"
    foot.refresh()
    assert foot.main.property("kind") == "main"
    bench.draft.undo.undo()
    assert bench.draft.values["recipe"]["micro_batch"] == 4
    run.close()


def test_that_nothing_to_go_on_from_is_started_again_unchanged_only_as_one_way(
    qtbot: QtBot, page: TrainPage, bench: Workbench, failed: MakeRun
) -> None:
    foot = Foot(bench)
    qtbot.addWidget(foot)
    failed(problem("out-of-memory"))
    offered = buttons(qtbot, page)
    foot.refresh()
    assert foot.main.text() == "Start again unchanged"
    assert foot.main.property("kind") != "main"
    assert next(iter(offered.values())).property("kind") == "main"


def test_that_the_rows_to_blame_are_shown_among_the_pairs(
    qtbot: QtBot, bench: Workbench, page: TrainPage, failed: MakeRun
) -> None:
    pairs = DataPage(bench)
    qtbot.addWidget(pairs)
    failed(problem("non-finite", "11", "12"))
    offered = buttons(qtbot, page)

    qtbot.mouseClick(offered["Show these rows"], Qt.MouseButton.LeftButton)

    def shown() -> list[int]:
        pages, rows = pairs._pages, pairs.model.rowCount()
        if pages is None or not pairs.is_settled or rows > 2:
            return []
        return [pages.pair(int(position)).source_row for position in pairs.browser._positions()]

    qtbot.waitUntil(lambda: shown() == [11, 12], timeout=20_000)
    assert "Rows 11, 12" in pairs.browser.only_words.text()
