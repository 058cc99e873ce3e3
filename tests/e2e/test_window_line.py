"""The whole line by clicking: six pages, the demo model, the real trainer."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from orpo_studio.gui.window import MainWindow

STEPS = 6
PATIENCE_MS = 240_000


def click(qtbot: QtBot, widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def type_into(qtbot: QtBot, widget: QWidget, text: str) -> None:
    widget.setFocus()
    qtbot.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(widget, text)


@pytest.mark.slow
def test_that_six_pages_of_clicks_lead_from_the_demo_to_a_merged_model(qtbot: QtBot, window: MainWindow) -> None:
    bench, rail = window.bench, window.rail.buttons

    # Model
    assert not window.foot.main.isEnabled()
    click(qtbot, window.pages["model"].card.demo)
    qtbot.waitUntil(bench.can_start, timeout=60_000)

    # Data
    click(qtbot, rail["data"])
    data = window.pages["data"]
    qtbot.waitUntil(lambda: data.model.rowCount() >= 400, timeout=30_000)
    assert bench.data.prepared is not None
    assert bench.data.prepared.summary.held_out >= 100
    qtbot.waitUntil(lambda: "tokens" in data.pair_view.chosen_head.text(), timeout=30_000)

    # Recipe
    click(qtbot, rail["recipe"])
    field = window.pages["recipe"].view.field("recipe.max_steps")
    assert field is not None
    type_into(qtbot, field.editor.line, str(STEPS))
    assert bench.draft.checked.spec is not None
    assert bench.draft.checked.spec.recipe.max_steps == STEPS

    # Train
    click(qtbot, window.foot.main)
    assert window.current_page == "train"
    follower = bench.follower
    assert follower is not None
    qtbot.waitUntil(lambda: follower.state == "completed" and not follower.is_live, timeout=PATIENCE_MS)
    assert follower.fold.latest.step == STEPS
    assert follower.fold.gaps == 0
    curves = window.pages["train"].curves
    qtbot.waitUntil(lambda: curves.is_ready, timeout=10_000)
    csv = Path(follower.folder.path / "loss.csv")
    curves.board.charts["Loss"].save_csv(csv)
    assert len(csv.read_text().splitlines()) >= STEPS + 1

    # Evaluate
    click(qtbot, rail["evaluate"])
    evaluate = window.pages["evaluate"]
    assert "held-out pairs" in evaluate.verdict.text()
    evaluate.question.setPlainText("When do you open?")
    click(qtbot, evaluate.ask)
    qtbot.waitUntil(
        lambda: any(s.prompt == "When do you open?" and s.source == "tuned" for s in follower.fold.samples),
        timeout=PATIENCE_MS,
    )
    qtbot.waitUntil(lambda: not follower.is_live, timeout=30_000)

    # Ship
    click(qtbot, rail["ship"])
    merged = window.pages["ship"].cards["merged"]
    qtbot.waitUntil(merged.export.isEnabled, timeout=10_000)
    click(qtbot, merged.export)
    qtbot.waitUntil(lambda: bool(follower.fold.exports), timeout=PATIENCE_MS)
    (done,) = follower.fold.exports
    folder = Path(done.folder)
    folder = folder if folder.is_absolute() else follower.folder.path / folder
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert (folder / "tokenizer.json").is_file()
    assert list(folder.glob("*.safetensors"))
    assert done.proof["max_abs_logit_difference"] < 0.2
    qtbot.waitUntil(lambda: not follower.is_live, timeout=30_000)

    # Runs
    bench.runs.refresh()
    qtbot.waitUntil(lambda: len(bench.runs.summaries) == 1, timeout=10_000)
    assert bench.runs.summaries[0].state == "completed"
