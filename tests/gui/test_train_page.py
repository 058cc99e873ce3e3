"""The Train page on a real workbench; the trainer is a script that writes its events."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from helpers.scripted_run import PROMPTS, ScriptedRun
from orpo_studio.config.plan import make_plan
from orpo_studio.events import EvaluationMetrics, JobEnded, JobStarted, Problem, Stage, TrainMetrics
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import pending, take

MakeRun = Callable[..., ScriptedRun]


@pytest.fixture
def make_run(bench: Workbench) -> Iterator[MakeRun]:
    made: list[ScriptedRun] = []

    def make(name: str = "scripted", **details: object) -> ScriptedRun:
        made.append(ScriptedRun(bench.workspace, name, **details))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> TrainPage:
    made = TrainPage(bench)
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    return made


def look_at(qtbot: QtBot, page: TrainPage, run: ScriptedRun, *, step: int) -> None:
    """Turn the page to a run and wait until all up to a step is drawn."""
    page.bench.show_run(run.folder)
    wait_for_step(qtbot, page, step)


def wait_for_step(qtbot: QtBot, page: TrainPage, step: int) -> None:
    def drawn() -> bool:
        follower = page.bench.follower
        return follower is not None and follower.fold.latest.step >= step and page.curves.is_ready

    qtbot.waitUntil(drawn, timeout=20_000)


def points(
    page: TrainPage, name: str, kind: Literal["training", "evaluation"] = "training"
) -> list[tuple[float, float]]:
    """Return (step, value) of what the board holds of a metric."""
    board = page.curves.board
    assert board is not None
    for chart in board.charts.values():
        curve = chart.plot.find(name, kind)
        if curve is not None:
            series = curve.series
            rows, values = series.frozen()
            steps = series.timeline.column("step")[rows.all()]
            return list(zip(steps.tolist(), values.read(0, len(values)).tolist(), strict=True))
    return []


def test_that_the_draft_says_what_is_missing_and_leads_to_it(qtbot: QtBot, page: TrainPage) -> None:
    assert not page.start.start.isEnabled()
    links = [widget for widget in page.start.findChildren(type(page.start.demo)) if "base model" in widget.text()]
    with qtbot.waitSignal(page.option_wanted) as told:
        qtbot.mouseClick(links[0], Qt.MouseButton.LeftButton)
    assert told.args == ["model.path"]


def test_that_the_demo_is_one_click_away(qtbot: QtBot, page: TrainPage) -> None:
    qtbot.mouseClick(page.start.demo, Qt.MouseButton.LeftButton)

    assert page.bench.draft.values["model"]["path"] == "demo"
    assert page.bench.draft.values["data"]["source"] == "demo"


def test_that_the_steps_told_before_the_start_are_those_that_are_made(
    qtbot: QtBot, bench: Workbench, page: TrainPage
) -> None:
    bench.use_demo()
    bench.draft.set("recipe.max_steps", 0)
    bench.draft.set("recipe.epochs", 0.301)
    qtbot.waitUntil(bench.can_start, timeout=20_000)
    spec, data = bench.draft.checked.spec, bench.data.prepared
    assert spec is not None
    assert data is not None
    steps = make_plan(spec, data.summary.train).total_steps
    assert any(f", {steps} steps" in found.text() for found in page.start.findChildren(QLabel))


def test_that_every_step_is_on_the_board_live_and_in_replay(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 40)
    look_at(qtbot, page, run, step=40)
    run.train(41, 60)
    wait_for_step(qtbot, page, 60)

    assert [step for step, _ in points(page, "loss")] == list(range(1, 61))
    assert [step for step, _ in points(page, "loss", "evaluation")] == [0, 20, 40, 60]
    assert len(points(page, "process_memory_gib")) == 12


def test_that_a_chart_that_fills_the_page_is_as_tall_as_what_is_seen_of_it(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun
) -> None:
    run = make_run()
    run.begin(24)
    run.train(1, 24)
    look_at(qtbot, page, run, step=24)
    assert page.curves.board is not None
    loss = page.curves.board.charts["Loss"]
    before = loss.height()

    def height_seen() -> int:
        return page.scroll_area.viewport().height()

    loss.expand_requested.emit()
    qtbot.waitUntil(lambda: page.curves.board is not None and page.curves.board.height() == height_seen())
    page.resize(1100, 1000)
    qtbot.waitUntil(lambda: page.curves.board is not None and page.curves.board.height() == height_seen())
    page.curves.board.collapse()
    qtbot.waitUntil(lambda: loss.height() == before)


def test_that_a_nan_is_kept(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.say(TrainMetrics(step=1, epoch=0.1, seconds=1, values={"loss": float("nan")}))
    look_at(qtbot, page, run, step=1)

    assert [str(value) for _, value in points(page, "loss")] == ["nan"]


def test_that_another_run_is_shown_anew(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    first, second = make_run("first"), make_run("second")
    for run, last in ((first, 30), (second, 5)):
        run.begin()
        run.train(1, last)
    look_at(qtbot, page, first, step=30)
    look_at(qtbot, page, second, step=5)

    assert len(points(page, "loss")) == 5
    assert {sample.step for sample in page.samples.model.samples} == {0}


def test_that_progress_tells_steps_and_remaining_time(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin(total_steps=100)
    run.train(1, 50)
    look_at(qtbot, page, run, step=50)

    assert page.progress.state.text() == "Training"
    assert page.progress.figures["step"].figure.text() == "50 / 100"
    assert page.progress.figures["remaining"].figure.text() == "55 s"
    assert page.progress.bar.value() == page.progress.bar.maximum() // 2


def test_that_a_stage_is_told_until_figures_follow(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 2)
    run.say(Stage(name="evaluate", title="Evaluating", done=20, total=100, unit="pairs"))
    look_at(qtbot, page, run, step=2)
    assert page.progress.stage.text() == "Evaluating: 20 of 100 pairs"
    run.train(3, 3)
    wait_for_step(qtbot, page, 3)

    assert page.progress.stage.text() == ""


def test_that_a_sample_is_asked_for_and_shown(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 3)
    look_at(qtbot, page, run, step=3)
    qtbot.mouseClick(page.progress.sample, Qt.MouseButton.LeftButton)
    assert pending(run.folder, "sample")
    assert not page.progress.sample.isEnabled()
    run.train(4, 20)
    wait_for_step(qtbot, page, 20)

    assert page.progress.sample.isEnabled()
    newest = page.samples.model.samples[0]
    assert (newest.step, newest.prompt, newest.base) == (20, PROMPTS[1], "No idea.")
    qtbot.waitUntil(lambda: page.samples.tuned.toPlainText() == newest.tuned, timeout=5000)


def test_that_one_can_ask_again_when_a_sample_could_not_be_made(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun
) -> None:
    run = make_run()
    run.begin()
    run.train(1, 3)
    look_at(qtbot, page, run, step=3)
    qtbot.mouseClick(page.progress.sample, Qt.MouseButton.LeftButton)
    run.say(Problem(severity="warning", code="no-sample", title="No answer.", detail="Too long.", hint="Shorten it."))
    qtbot.waitUntil(page.progress.sample.isEnabled, timeout=5000)


def test_that_a_prompt_of_ones_own_reaches_the_trainer(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 1)
    look_at(qtbot, page, run, step=1)
    qtbot.keyClicks(page.samples.ask, "Where is my parcel?")
    qtbot.keyClick(page.samples.ask, Qt.Key.Key_Return)

    assert [request.details for request in take(run.folder, "sample")] == [{"prompts": ["Where is my parcel?"]}]


def test_that_a_checkpoint_is_asked_for(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 1)
    look_at(qtbot, page, run, step=1)
    qtbot.mouseClick(page.progress.checkpoint, Qt.MouseButton.LeftButton)

    assert pending(run.folder, "checkpoint")


def test_that_nothing_can_be_asked_of_a_run_that_ended(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 100)
    run.complete()
    look_at(qtbot, page, run, step=100)

    assert page.progress.state.text() == "Finished. Held-out accuracy 52 % → 91 %"
    assert page.progress.sample.isHidden()
    assert page.samples.ask.isHidden()


def test_that_a_failure_is_explained(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 7)
    run.fail(
        Problem(
            severity="error", code="non-finite", title="The loss is not finite.", detail="Step 8.", hint="Lower it."
        )
    )
    look_at(qtbot, page, run, step=7)
    qtbot.waitUntil(lambda: page.ending_card() is not None)

    card = page.ending_card()
    assert card is not None
    assert (card.notice.title, card.notice.hint) == ("The loss is not finite.", "Lower it.")


def test_that_a_kill_by_the_system_points_to_memory(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 7)
    run.fail(signal=9, log_tail="the last words")
    look_at(qtbot, page, run, step=7)
    qtbot.waitUntil(lambda: page.ending_card() is not None)

    card = page.ending_card()
    assert card is not None
    assert "memory" in card.notice.detail
    assert card.notice.more == "the last words"


@pytest.mark.parametrize("says_why", [True, False])
def test_that_a_failure_is_marked_once_on_the_charts(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun, says_why: bool
) -> None:
    run = make_run()
    run.begin()
    run.train(1, 7)
    why = Problem(severity="error", code="non-finite", title="T.", detail="D.", hint="H.")
    run.fail(why if says_why else None, signal=None if says_why else 9)
    look_at(qtbot, page, run, step=7)
    board = page.curves.board
    assert board is not None
    chart = next(iter(board.charts.values()))
    qtbot.waitUntil(lambda: chart._marks.places("step", 0, 100)["failure"].tolist() == [7], timeout=10_000)


def test_that_a_run_whose_processes_vanished_is_told_as_lost(qtbot: QtBot, page: TrainPage, make_run: MakeRun) -> None:
    run = make_run()
    run.begin()
    run.train(1, 7)
    run.die()
    look_at(qtbot, page, run, step=7)
    qtbot.waitUntil(lambda: page.ending_card() is not None)

    assert page.progress.state.text() == "Lost"


def test_that_warnings_of_the_training_are_shown_and_those_of_a_job_are_not(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun
) -> None:
    def warning(title: str) -> Problem:
        return Problem(severity="warning", code="w", title=title, detail="", hint="")

    run = make_run()
    run.begin()
    run.say(warning("Half the batch"))
    run.train(1, 100)
    run.say(
        EvaluationMetrics(moment="after", step=100, epoch=2, seconds=110, pairs=100, values={}),
        JobStarted(job="export"),
        warning("The merge differs"),
        JobEnded(job="export", outcome="completed"),
    )
    look_at(qtbot, page, run, step=100)
    qtbot.waitUntil(lambda: page.bench.follower is not None and page.bench.follower.fold.job_ended is not None)

    assert [card.notice.title for card in page.findChildren(NoticeCard)] == ["Half the batch"]


def test_that_the_newest_warning_is_shown_and_earlier_ones_behind_a_fold(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun
) -> None:
    def warning(code: str, title: str) -> Problem:
        return Problem(severity="warning", code=code, title=title, detail="", hint="")

    def shown() -> list[str]:
        return [card.notice.title for card in page.warnings.findChildren(NoticeCard) if not card.isHidden()]

    run = make_run()
    run.begin()
    run.say(*(warning("short", f"Memory ran short, {pairs} pairs") for pairs in (4, 2, 1)), warning("odd", "Odd"))
    run.say(warning("diverging", "The loss climbs"))
    run.train(1, 10)
    look_at(qtbot, page, run, step=10)
    assert shown() == ["The loss climbs"]
    fold = next(made for made in page.warnings.findChildren(QPushButton) if made.text() == "Show 2 earlier warnings")
    fold.click()
    assert sorted(shown()) == ["Memory ran short, 1 pairs", "Odd", "The loss climbs"]
    fold.click()
    newest = next(card for card in page.warnings.findChildren(NoticeCard) if card.notice.title == "The loss climbs")
    next(made for made in newest.findChildren(QPushButton) if made.text() == "Close").click()
    qtbot.waitUntil(lambda: shown() == ["Odd"])
    assert fold.text() == "Show 1 earlier warning"


def test_that_the_log_is_read_only_when_it_is_open_and_only_its_end(
    qtbot: QtBot, page: TrainPage, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    run.begin()
    run.train(1, 1)
    lines = [f"\x1b[32mline {number}\x1b[0m\r\n" for number in range(30_000)]
    run.folder.console_log.write_bytes("".join(lines).encode())
    look_at(qtbot, page, run, step=1)
    assert page.console.text.toPlainText() == ""
    page.console.toggle()
    qtbot.waitUntil(lambda: "line 29999" in page.console.text.toPlainText(), timeout=10_000)
    shown = page.console.text
    assert shown.document().blockCount() <= 2000
    assert "\x1b" not in shown.toPlainText()
    with run.folder.console_log.open("ab") as file:
        file.write("später\n".encode())
    qtbot.waitUntil(lambda: "später" in shown.toPlainText(), timeout=10_000)

    assert shown.verticalScrollBar().value() == shown.verticalScrollBar().maximum()
