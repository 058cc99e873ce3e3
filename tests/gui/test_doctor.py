"""The doctor in the window: examines in the background, shows what it found, and takes remedies and takes them back."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from helpers.doctor_report import CONTRADICTIONS, DUPLICATES, LENGTHS, LONGER, make_report
from orpo_studio.data.doctor.report import Report
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled, DataProblem
from orpo_studio.gui.doctor import examination
from orpo_studio.gui.doctor.finding_card import FindingCard
from orpo_studio.gui.doctor.making import Question
from orpo_studio.gui.doctor.panel import DoctorPanel
from orpo_studio.gui.help import HelpWindow
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.workbench import Workbench

WAIT_MS = 20_000


class Doctor:
    """Stands in for the real one: answers with a scripted report, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.report = make_report()
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(
        self,
        prepared: PreparedData,
        question: Question,
        base: object,
        progress: Callable[[float], None],
        cancel: Callable[[], bool],
    ) -> Report:
        self.asked.append(question)
        progress(0.25)
        while not self.may_answer.wait(0.005):
            if cancel():
                raise ConversionCancelled
        if self.error is not None:
            raise self.error
        return self.report


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    made = Doctor()
    monkeypatch.setattr(examination, "make_report", made)
    return made


@pytest.fixture
def panel(qtbot: QtBot, doctor: Doctor, bench: Workbench) -> DoctorPanel:
    made = DoctorPanel(bench)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def choose(qtbot: QtBot, bench: Workbench, folder: Path, count: int = 40) -> None:
    rows = [
        {"prompt": f"Question {n}?", "chosen": f"A full answer to {n}.", "rejected": f"No {n}."} for n in range(count)
    ]
    (folder / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    bench.draft.set("data.source", str(folder / "pairs.jsonl"))
    qtbot.waitUntil(lambda: bench.data.prepared is not None, timeout=WAIT_MS)


def examined(qtbot: QtBot, bench: Workbench, panel: DoctorPanel, folder: Path) -> None:
    choose(qtbot, bench, folder)
    qtbot.waitUntil(lambda: bench.doctor.report is not None and panel.findings.is_complete, timeout=WAIT_MS)


def card_of(panel: DoctorPanel, code: str) -> FindingCard:
    return next(card for card in panel.findings.cards if card.finding.code == code)


def test_that_small_data_is_examined_by_itself(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)

    assert [question.max_length for question in doctor.asked] == [bench.draft.checked.parsed.recipe.max_length]  # type: ignore[union-attr]
    assert panel.cleanliness.word.text() == "Clean"
    assert "good choice" in panel.cleanliness.meaning.text()
    assert [card.finding.severity for card in panel.findings.cards] == ["serious", "warning", "note"]
    assert not panel.bar.isVisibleTo(panel)


def test_that_large_data_waits_for_the_button(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "MOST_BY_ITSELF", 10)
    choose(qtbot, bench, tmp_path)

    assert not doctor.asked
    assert panel.bar.examine.isVisibleTo(panel)
    panel.bar.examine.click()
    qtbot.waitUntil(lambda: bench.doctor.report is not None, timeout=WAIT_MS)
    assert len(doctor.asked) == 1


def test_that_an_examination_tells_how_far_it_is_and_can_be_cancelled(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    doctor.may_answer.clear()
    choose(qtbot, bench, tmp_path)
    qtbot.waitUntil(lambda: panel.bar.bar.value() == 250, timeout=WAIT_MS)
    assert "25 %" in panel.bar.title.text()

    panel.bar.stop.click()

    assert not bench.doctor.is_running
    assert panel.bar.examine.isVisibleTo(panel)
    doctor.may_answer.set()
    panel.bar.examine.click()
    qtbot.waitUntil(lambda: bench.doctor.report is not None, timeout=WAIT_MS)


def test_that_a_run_that_starts_has_the_machine_to_itself(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    doctor.may_answer.clear()
    choose(qtbot, bench, tmp_path)
    qtbot.waitUntil(lambda: bench.doctor.is_running, timeout=WAIT_MS)

    bench.run_started.emit()

    assert not bench.doctor.is_running
    assert panel.bar.examine.isVisibleTo(panel)


def test_that_the_help_explains_the_findings(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    panel.explain.click()

    shown = panel.findChildren(HelpWindow)
    assert "duplicates" in shown[0].text.toPlainText().lower()
    shown[0].close()


def test_that_a_failure_is_told_in_words_and_can_be_tried_again(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    doctor.error = DataProblem("x", "The pairs cannot be read.", detail="They are gone.", hint="Choose them again.")
    choose(qtbot, bench, tmp_path)
    qtbot.waitUntil(lambda: bench.doctor.problem is not None, timeout=WAIT_MS)

    assert panel.bar.title.text() == "✕ The pairs cannot be read."
    assert "Choose them again." in panel.bar.detail.text()
    doctor.error = None
    panel.bar.examine.click()
    qtbot.waitUntil(lambda: bench.doctor.report is not None, timeout=WAIT_MS)


def test_that_a_slow_report_is_kept_as_outdated_when_the_maximum_length_changes(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    doctor.report = make_report(seconds=50)
    examined(qtbot, bench, panel, tmp_path)
    bench.draft.set("recipe.max_length", 2048)
    qtbot.waitUntil(lambda: panel.bar.isVisibleTo(panel), timeout=WAIT_MS)

    assert bench.doctor.is_outdated
    assert len(doctor.asked) == 1
    assert "another model or maximum length" in panel.bar.title.text()
    assert not [issue for issue in bench.issues() if issue.name == "data.remedies"]
    bench.draft.undo.undo()
    qtbot.waitUntil(lambda: not panel.bar.isVisibleTo(panel), timeout=WAIT_MS)


def test_that_a_quick_report_follows_the_maximum_length(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    panel.histograms.mark_moved.emit(511.7)

    qtbot.waitUntil(lambda: len(doctor.asked) == 2, timeout=WAIT_MS)
    assert doctor.asked[-1].max_length == 512


def test_that_a_finding_shows_its_pairs_and_its_remedy(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    card = card_of(panel, "exact-duplicates")

    assert card.is_open
    assert card.severity.text() == "▲ Warning"
    assert "41 pairs are exact duplicates" in card.head.accessibleName()
    assert "4.1 %" in card.head.accessibleName()
    assert card.show_rows is not None
    with qtbot.waitSignal(panel.rows_wanted) as wanted:
        card.show_rows.click()
    assert wanted.args == [DUPLICATES]
    assert card.remedy is not None
    assert card.remedy.accessibleDescription() == "Keeps the first of each group of equal pairs."


def test_that_a_finding_opens_and_closes_from_the_keyboard(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    card = card_of(panel, "length-bias")
    assert not card.is_open

    card.head.setFocus()
    qtbot.keyClick(card.head, Qt.Key.Key_Space)

    assert card.is_open
    assert card.details is not None
    assert card.details.isVisibleTo(panel)


def test_that_a_remedy_is_taken_once_and_taken_back(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orpo_studio.gui.doctor.panel.remedy_words", lambda name: f"Words of {name}")
    examined(qtbot, bench, panel, tmp_path)
    assert not panel.in_force.isVisibleTo(panel)

    for code in ("exact-duplicates", "contradictions", "exact-duplicates"):
        remedy = card_of(panel, code).remedy
        assert remedy is not None
        remedy.click()

    names = ["drop-exact-duplicates", "drop-contradictions"]
    assert bench.draft.values["data"]["remedies"] == names
    assert list(panel.in_force.take_back) == names
    panel.in_force.take_back["drop-exact-duplicates"].click()
    assert bench.draft.values["data"]["remedies"] == ["drop-contradictions"]
    for before in (names, names[:1], []):
        bench.draft.undo.undo()
        assert bench.draft.values["data"].get("remedies", []) == before
    assert not panel.in_force.take_back


def test_that_a_remedy_in_force_is_not_offered_again(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    bench.draft.set("data.remedies", ("drop-exact-duplicates",))
    examined(qtbot, bench, panel, tmp_path)
    card = card_of(panel, "exact-duplicates")

    assert card.is_open
    assert card.remedy is None
    assert card.show_rows is not None


def test_that_serious_findings_and_noise_are_told_before_the_start(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    doctor.report = make_report(CONTRADICTIONS, LONGER, score=30, noise=0.3)
    examined(qtbot, bench, panel, tmp_path)

    told = [issue for issue in bench.issues() if issue.name == "data.remedies"]
    assert {issue.severity for issue in told} == {"warning"}
    assert "DPO" in told[0].message
    assert CONTRADICTIONS.title in told[1].message
    assert len(told) == 2


def test_that_the_report_is_copied_and_saved(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    panel.copy.click()
    panel.save_to(tmp_path / "report.json")
    panel.save_to(tmp_path / "report.md")

    assert Report.from_json((tmp_path / "report.json").read_text()) == doctor.report
    assert (tmp_path / "report.md").read_text().startswith("# Data doctor's report")
    assert QGuiApplication.clipboard().text().rstrip() == (tmp_path / "report.md").read_text().rstrip()


def test_that_a_place_that_cannot_be_written_is_told(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    with qtbot.waitSignal(bench.noticed) as told:
        panel.save_to(tmp_path / "missing" / "report.md")
    assert told.args[0].severity == "error"


def test_that_histograms_are_read_by_keyboard_and_in_words(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    qtbot.waitUntil(lambda: len(panel.histograms.cards) == 3, timeout=WAIT_MS)
    card = panel.histograms.cards[0]

    assert card.plot.accessibleName() == LENGTHS.title
    assert "half lie below" in card.plot.accessibleDescription()
    assert card.reading.text().startswith("Half lie below")
    for _ in range(3):
        qtbot.keyClick(card.plot, Qt.Key.Key_Right)
    assert card.reading.text().startswith("80–120 tokens")
    card.plot.point_at(-1)
    assert card.reading.text().startswith("Half lie below")


def test_that_the_maximum_length_is_dragged_in_the_chart(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyqtgraph as pg

    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", -1)  # or moves that follow at once are left out
    examined(qtbot, bench, panel, tmp_path)
    qtbot.waitUntil(lambda: len(panel.histograms.cards) == 3, timeout=WAIT_MS)
    plot = panel.histograms.cards[0].plot
    pixel = [place(plot, x) for x in (1024, 900, 800)]
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel[0])
    for point in pixel[1:]:
        qtbot.mouseMove(plot.viewport(), point)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel[-1])

    qtbot.waitUntil(lambda: bench.draft.values.get("recipe", {}).get("max_length") is not None, timeout=WAIT_MS)
    assert bench.draft.values["recipe"]["max_length"] == pytest.approx(800, abs=20)


def place(plot: Any, x: float) -> QPoint:
    """Return where a value of the x axis stands, half way up."""
    view = plot.ci.getItem(0, 1)
    low, high = view.viewRange()[1]
    return plot.mapFromScene(view.mapViewToScene(QPointF(x, (low + high) / 2)))


def test_that_the_base_model_can_be_asked_once_one_is_chosen_and_its_answer_makes_the_report_anew(
    qtbot: QtBot, bench: Workbench, doctor: Doctor, panel: DoctorPanel, tmp_path: Path, model_folder: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    box = panel.cleanliness.base_model
    assert not box.ask.isEnabled()
    assert "Choose a base model" in box.ask.toolTip()
    bench.draft.set("model.path", str(model_folder))
    qtbot.waitUntil(box.ask.isEnabled, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not bench.doctor.is_running and not bench.doctor.is_outdated, timeout=WAIT_MS)
    before = len(doctor.asked)

    box._job.finished.emit(tmp_path / "answers.parquet")

    qtbot.waitUntil(lambda: len(doctor.asked) == before + 1, timeout=WAIT_MS)


def test_that_a_base_model_that_cannot_be_asked_says_why(
    qtbot: QtBot, bench: Workbench, panel: DoctorPanel, tmp_path: Path
) -> None:
    examined(qtbot, bench, panel, tmp_path)
    box = panel.cleanliness.base_model
    box._job.failed.emit(Notice("error", "The model cannot be loaded.", "A tensor is missing.", "Copy it again."))

    assert box.status.text() == "✕ The model cannot be loaded. A tensor is missing. Copy it again."
    assert box.status.isVisibleTo(panel)
