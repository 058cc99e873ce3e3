"""The Ship page on a real workbench; what an export would say is written by a script."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from helpers.scripted_run import ScriptedRun
from orpo_studio.events import ExportFinished, JobEnded, JobStarted, Problem, Stage
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.ship import ShipPage
from orpo_studio.gui.pages.ship.targets import look_at, proof_in_words
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job

PROOF = {
    "max_abs_logit_difference": 3.1e-5,
    "mean_kl": 2e-9,
    "next_token_agreement": 0.9998,
    "pairs": 16,
    "tokens": 900,
}


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> ShipPage:
    made = ShipPage(bench)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    return made


@pytest.fixture
def finished(bench: Workbench) -> Iterator[ScriptedRun]:
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.train(1, 20)
    run.complete()
    yield run
    run.close()


@pytest.fixture
def asked(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Job, dict[str, Any]]]:
    """What is asked of the trainer, instead of starting one."""
    wanted: list[tuple[Job, dict[str, Any]]] = []
    monkeypatch.setattr(bench, "run_job", lambda job, **request: wanted.append((job, request)))
    return wanted


def look(qtbot: QtBot, page: ShipPage, run: ScriptedRun, until: Callable[[], bool]) -> None:
    page.bench.show_run(run.folder)
    qtbot.waitUntil(until, timeout=10_000)


def test_that_the_draft_has_nothing_to_ship_but_settings(qtbot: QtBot, page: ShipPage) -> None:
    assert page.empty.isVisible()
    assert not page.cards["merged"].isVisible()
    assert page.form.field("ship.merge_precision") is not None


def test_that_a_finished_run_exports_to_the_place_named(
    qtbot: QtBot, page: ShipPage, finished: ScriptedRun, asked: list[tuple[Job, dict[str, Any]]], tmp_path: Path
) -> None:
    card = page.cards["merged"]
    look(qtbot, page, finished, card.export.isEnabled)
    assert card.target.text() == str(finished.folder.export / "merged")
    card.target.setText(str(tmp_path / "out"))
    qtbot.waitUntil(card.export.isEnabled)
    qtbot.mouseClick(card.export, Qt.MouseButton.LeftButton)

    assert asked == [(Job.EXPORT, {"kind": "merged", "target": str(tmp_path / "out")})]


def test_that_sizes_and_free_space_are_told(qtbot: QtBot, page: ShipPage, finished: ScriptedRun) -> None:
    card = page.cards["adapter"]
    look(qtbot, page, finished, lambda: "free on this disk" in card.room.text() and "About" in card.room.text())

    assert "About 400.0 kB" in card.room.text()


def test_that_a_run_under_way_cannot_be_exported(qtbot: QtBot, page: ShipPage, bench: Workbench) -> None:
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.train(1, 5)
    card = page.cards["merged"]
    look(qtbot, page, run, lambda: "when the training has ended" in card.reason.text())

    assert not card.export.isEnabled()
    run.close()


def test_that_a_failed_run_without_a_result_says_so(qtbot: QtBot, page: ShipPage, bench: Workbench) -> None:
    run = ScriptedRun(bench.workspace)
    run.begin()
    run.fail()
    card = page.cards["merged"]
    look(qtbot, page, run, lambda: "no result yet" in card.reason.text())

    assert not card.export.isEnabled()
    run.close()


def test_that_full_fine_tuning_has_no_adapter(qtbot: QtBot, page: ShipPage, bench: Workbench) -> None:
    run = ScriptedRun(bench.workspace, recipe={"adapter": "full"})
    run.begin()
    run.complete()
    look(qtbot, page, run, page.cards["merged"].export.isEnabled)

    assert not page.cards["adapter"].export.isEnabled()
    assert "no adapter" in page.cards["adapter"].reason.text()
    run.close()


def test_that_progress_and_proof_are_shown_in_place(qtbot: QtBot, page: ShipPage, finished: ScriptedRun) -> None:
    assert finished.lock.take()
    started = JobStarted(job="export", kind="merged")
    finished.say(started, Stage(name="export", title="Merge and write the model", done=1, total=4))
    card = page.cards["merged"]
    look(qtbot, page, finished, card.bar.isVisible)
    assert card.stage.text() == "Merge and write the model…"
    assert not page.cards["adapter"].bar.isVisible()
    target = finished.folder.export / "merged"
    target.mkdir(parents=True)
    (target / "model.safetensors").write_bytes(b"x")
    finished.say(
        ExportFinished(kind="merged", folder=str(target), size_bytes=7_200_000, proof=PROOF),
        JobEnded(job="export", outcome="completed"),
    )
    finished.die()
    qtbot.waitUntil(card.export.isEnabled, timeout=10_000)

    assert "7.2 MB" in card.result.where.text()
    assert "next token equal 99.98 %, largest difference 3e−5" in card.result.proof.text()
    assert str(target) in card.result.code.toPlainText()
    assert card.target.text() == str(finished.folder.export / "merged-2")


def test_that_the_code_to_load_it_can_be_copied(qtbot: QtBot, page: ShipPage, finished: ScriptedRun) -> None:
    finished.say(
        JobStarted(job="export"),
        ExportFinished(kind="adapter", folder="/some/where", size_bytes=1, proof={"parameters": 90_000}),
        JobEnded(job="export", outcome="completed"),
    )
    card = page.cards["adapter"]
    look(qtbot, page, finished, card.result.isVisible)
    code = card.result.code.toPlainText()
    compile(code, "shown", "exec")
    link = next(b for b in card.result.findChildren(type(card.export)) if b.text() == "Copy code")
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)

    assert QGuiApplication.clipboard().text() == code
    assert "/some/where" in code


def test_that_a_failed_export_is_explained_on_its_card(qtbot: QtBot, page: ShipPage, finished: ScriptedRun) -> None:
    finished.say(
        JobStarted(job="export"),
        Problem(severity="error", code="disk-full", title="The disk is full.", detail="7 GB.", hint="Make room."),
        JobEnded(job="export", outcome="failed", exit_code=1),
    )
    card = page.cards["adapter"]
    look(qtbot, page, finished, lambda: bool(card.findChildren(NoticeCard)))

    assert card.findChildren(NoticeCard)[0].notice.hint == "Make room."
    assert not page.cards["merged"].findChildren(NoticeCard)


def test_that_a_second_failure_is_not_blamed_on_the_first(qtbot: QtBot, page: ShipPage, finished: ScriptedRun) -> None:
    finished.say(
        JobStarted(job="export"),
        Problem(severity="error", code="disk-full", title="The disk is full.", detail="7 GB.", hint="Make room."),
        JobEnded(job="export", outcome="failed", exit_code=1),
        JobStarted(job="export"),
        JobEnded(job="export", outcome="failed", exit_code=-9, signal=9),
    )
    card = page.cards["adapter"]
    look(qtbot, page, finished, lambda: bool(card.findChildren(NoticeCard)))

    assert "Signal 9" in card.findChildren(NoticeCard)[-1].notice.detail


def test_that_a_folder_with_something_in_it_is_refused_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")

    assert "not empty" in look_at(tmp_path).problem
    assert look_at(tmp_path / "new" / "deep").free_bytes


def test_that_the_proof_of_a_quantized_run_tells_the_distance_to_what_was_trained() -> None:
    lines = proof_in_words("merged", PROOF | {"next_token_agreement_as_trained": 0.97, "mean_kl_as_trained": 0.004})

    assert any("97.00 %" in line and "4e−3" in line for line in lines)
