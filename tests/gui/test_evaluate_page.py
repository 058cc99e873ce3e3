"""The Evaluate page: the verdict with its uncertainty, and answers side by side."""

import math

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from orpo_studio.config import RunSpec
from orpo_studio.events import EvaluationMetrics, EventLog, RunEnded, RunLaunched, SampleAnswer
from orpo_studio.gui.answers.pairing import paired_answers
from orpo_studio.gui.answers.verdict import FIGURES, Figures, verdict
from orpo_studio.gui.pages.evaluate import EvaluatePage
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunFolder, create_run

ACCURACY = "rewards/accuracies"


def figures(before: float, after: float, pairs: int) -> Figures:
    return Figures(pairs, {ACCURACY: before}, {ACCURACY: after}, is_final=True)


def test_that_a_clear_difference_is_called_so_and_a_small_one_is_not() -> None:
    assert verdict(figures(0.5, 0.9, 120)).title.startswith("Better")
    assert verdict(figures(0.5, 0.52, 120)).title.startswith("No clear difference")
    assert verdict(figures(0.9, 0.5, 120)).title.startswith("Worse")


def test_that_few_pairs_do_not_make_a_verdict() -> None:
    assert verdict(figures(0.5, 0.8, 10)).title.startswith("No clear difference")


def test_that_nan_is_shown_as_what_it_is() -> None:
    shown = FIGURES[0].texts(Figures(5, {ACCURACY: 0.5}, {ACCURACY: math.nan}, is_final=True))

    assert shown == ("50.0 %", "nan", "nan")


def test_that_answers_to_one_prompt_belong_together_newest_prompt_first() -> None:
    samples = [
        SampleAnswer(step=0, source="base", prompt="a", answer="base a"),
        SampleAnswer(step=0, source="base", prompt="b", answer="base b"),
        SampleAnswer(step=5, source="tuned", prompt="b", answer="tuned b"),
        SampleAnswer(step=5, source="tuned", prompt="a", answer="old"),
        SampleAnswer(step=9, source="tuned", prompt="a", answer="new"),
    ]
    first, second = paired_answers(samples)

    assert (first.prompt, first.base, first.tuned, first.step) == ("a", "base a", "new", 9)
    assert (second.prompt, second.base, second.tuned) == ("b", "base b", "tuned b")


@pytest.fixture
def finished(bench: Workbench) -> RunFolder:
    folder = create_run(bench.workspace, RunSpec.model_validate({"model": {"path": "m"}, "data": {"source": "d"}}))
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").touch()
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
        for moment, accuracy in (("before", 0.5), ("after", 0.95)):
            measured = {ACCURACY: accuracy, "loss": 2.0}
            log.append(
                EvaluationMetrics.model_validate(
                    {"moment": moment, "step": 1, "epoch": 1.0, "seconds": 1.0, "pairs": 100, "values": measured}
                )
            )
        log.append(SampleAnswer(step=0, source="base", prompt="<b>Why</b>?", answer="No."))
        log.append(SampleAnswer(step=8, source="tuned", prompt="<b>Why</b>?", answer="Because, dear reader."))
        log.append(RunEnded(outcome="completed", step=8))
    return folder


def test_that_a_finished_run_shows_verdict_figures_and_answers(
    qtbot: QtBot, bench: Workbench, finished: RunFolder
) -> None:
    page = EvaluatePage(bench)
    qtbot.addWidget(page)
    page.show()
    bench.show_run(finished)
    qtbot.waitUntil(lambda: page.verdict.text().startswith("Better"), timeout=5000)

    assert page.cells[ACCURACY, 1].text() == "50.0 %"
    assert page.cells[ACCURACY, 3].text() == "+45.0 points"
    wanted = {"<b>Why</b>?", "Because, dear reader."}
    qtbot.waitUntil(lambda: wanted <= {label.text() for label in page.comparison.findChildren(QLabel)}, timeout=5000)


def test_that_answers_that_came_out_of_sight_are_there_when_the_page_is_shown(
    qtbot: QtBot, bench: Workbench, finished: RunFolder
) -> None:
    page = EvaluatePage(bench)
    qtbot.addWidget(page)
    bench.show_run(finished)
    qtbot.waitUntil(lambda: page.verdict.text().startswith("Better"), timeout=5000)
    with qtbot.waitExposed(page):
        page.show()
    assert "Because, dear reader." in {label.text() for label in page.comparison.findChildren(QLabel)}


def test_that_both_models_are_asked_what_was_typed(
    qtbot: QtBot, bench: Workbench, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, dict[str, object]]] = []
    monkeypatch.setattr(bench, "run_job", lambda job, **request: asked.append((job, request)))
    page = EvaluatePage(bench)
    qtbot.addWidget(page)
    bench.show_run(finished)
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 1, timeout=5000)
    assert not page.ask.isEnabled()
    page.question.setPlainText("x" * 20_001)
    assert not page.ask.isEnabled()
    assert "at most 20,000 characters" in page.doing.text()
    page.question.setPlainText("  When?  ")
    assert not page.doing.text()
    qtbot.mouseClick(page.ask, Qt.MouseButton.LeftButton)

    ((job, request),) = asked
    assert job == "evaluate"
    assert request["prompts"] == ["When?"]


def test_that_a_draft_has_nothing_to_evaluate_and_offers_the_demo(qtbot: QtBot, bench: Workbench) -> None:
    page = EvaluatePage(bench)
    qtbot.addWidget(page)

    assert page.stack.currentIndex() == 0
    assert page.demo.isVisibleTo(page)
    assert "Nothing to evaluate" in page.empty_title.text()
    with qtbot.waitSignal(page.step_wanted) as wanted:
        page.demo.click()
    assert wanted.args == ["train"]
