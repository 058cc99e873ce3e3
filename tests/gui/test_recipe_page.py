"""The Recipe page: recipes to start from, basic and all settings, and what they mean."""

import json
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from helpers.model_folder import write_model
from orpo_studio import paths
from orpo_studio.config import Level, RunSpec, all_options, find_option
from orpo_studio.gui.pages.recipe import RecipePage
from orpo_studio.gui.pages.recipe_curve import push
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import create_run

GENTLE = """
title = "Gentle"
summary = "For trying things out."
source = "Made up for a test."

[recipe]
lambda = 0.05
lora_rank = 4

[train]
keep_checkpoints = 3
"""
SHAPES = {
    "self_attn.q_proj": (4, 4),
    "self_attn.k_proj": (2, 4),
    "self_attn.v_proj": (2, 4),
    "self_attn.o_proj": (4, 4),
    "mlp.gate_proj": (6, 4),
    "mlp.up_proj": (6, 4),
    "mlp.down_proj": (4, 6),
}
LLAMA = {
    "model.embed_tokens.weight": ("BF16", (8, 4)),
    **{f"model.layers.0.{name}.weight": ("BF16", shape) for name, shape in SHAPES.items()},
    "model.norm.weight": ("BF16", (4,)),
    "lm_head.weight": ("BF16", (8, 4)),
}


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "resources" / "recipes"
    folder.mkdir(parents=True)
    (folder / "gentle.toml").write_text(GENTLE, encoding="utf-8")
    monkeypatch.setattr(paths, "resources", lambda: tmp_path / "resources")
    return folder


@pytest.fixture
def page(bench: Workbench, recipes: Path, qtbot: QtBot) -> RecipePage:
    made = RecipePage(bench)
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    return made


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    rows = ({"prompt": f"Question {n}", "chosen": "Yes, indeed.", "rejected": "No."} for n in range(100))
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_that_the_basic_view_shows_the_basic_options_alone(page):
    basic = {option.name for option in all_options() if option.section == "recipe" and option.level is Level.BASIC}
    assert set(page.view.basic.fields) == basic
    assert 6 <= len(basic) <= 10


def test_that_all_settings_hold_every_other_option_and_are_remembered(page, bench):
    page.view.all_settings.head.click()
    assert bench.preferences.advanced is True
    for option in all_options():
        if option.section in {"recipe", "train", "evaluate"}:
            field = page.view.field(option.name)
            assert field is not None
            assert field.isVisible()


def test_that_the_fold_opens_as_it_was_left(bench, recipes, qtbot):
    bench.preferences.advanced = True
    page = RecipePage(bench)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page.view.all_settings.is_open)


def test_that_a_link_to_an_advanced_option_unfolds_and_focuses_it(page, qtbot):
    with qtbot.waitActive(page):
        page.activateWindow()
    page.show_option("train.keep_checkpoints")
    field = page.view.field("train.keep_checkpoints")
    assert page.view.all_settings.is_open
    qtbot.waitUntil(field.editor.input.hasFocus)
    qtbot.waitUntil(lambda: not field.visibleRegion().isEmpty())


def test_that_a_problem_behind_the_fold_shows_on_it(page, bench):
    bench.draft.set_text("recipe.seed", "soon")
    assert "1 to fix" in page.view.all_settings.head.text()


def test_that_choosing_a_recipe_fills_the_page_and_undo_takes_it_back(page, bench, qtbot):
    bench.draft.set("recipe.seed", 7)
    page.view.chooser.box.setFocus()
    qtbot.keyClick(page.view.chooser.box, Qt.Key.Key_Down)
    assert page.view.field("recipe.lambda").editor.input.text() == "0.05"
    assert bench.draft.value(find_option("recipe.seed")) == 42
    assert bench.draft.value(find_option("train.keep_checkpoints")) == 3
    assert page.view.chooser.summary.text() == "For trying things out."
    assert "Made up for a test." in page.view.chooser.source.text()
    bench.draft.undo.undo()
    assert page.view.field("recipe.lambda").editor.input.text() == "0.1"
    assert page.view.chooser.box.currentIndex() == -1


def test_that_a_recipe_is_left_when_one_of_its_values_is_changed(page, bench):
    page.view.chooser.box.activated.emit(0)
    assert page.view.chooser.box.currentIndex() == 0
    bench.draft.set("recipe.lora_rank", 5)
    assert page.view.chooser.box.currentIndex() == -1


def test_that_settings_as_they_come_are_called_defaults_and_others_ones_own(page, bench):
    assert page.view.chooser.box.placeholderText() == "Default settings"
    bench.draft.set("recipe.lora_rank", 5)
    assert page.view.chooser.box.placeholderText() == "Own settings"


def test_that_the_page_does_without_recipes(bench, recipes, qtbot):
    (recipes / "gentle.toml").unlink()
    page = RecipePage(bench)
    qtbot.addWidget(page)
    page.show()
    assert not page.view.chooser.isVisible()


def test_that_steps_follow_the_pairs_and_what_is_typed(page, bench, pairs, qtbot):
    assert "Choose preference pairs" in page.view.meaning.steps_note.text()
    bench.draft.set("data.source", str(pairs))
    qtbot.waitUntil(lambda: bench.data.prepared is not None, timeout=60_000)
    assert bench.data.prepared.summary.train == 90
    assert page.view.meaning.steps.text() == "12 steps"
    epochs = page.view.field("recipe.epochs").editor.input
    epochs.selectAll()
    qtbot.keyClicks(epochs, "2")
    assert page.view.meaning.steps.text() == "24 steps"
    assert page.view.meaning.values["pairs"].text() == "8 = 2 × 4"
    assert page.view.meaning.values["warmup"].text() == "3 steps, 12 % of the run"
    assert page.view.meaning.values["evaluations"].text() == "4, every 5 steps, and at the end"


def test_that_a_fixed_number_of_steps_needs_no_pairs(page, bench):
    bench.draft.set("recipe.max_steps", 1)
    assert page.view.meaning.steps.text() == "1 step"
    assert page.view.meaning.values["evaluations"].text() == "at the end"


def test_that_the_last_figures_stay_dimmed_while_a_value_cannot_be_used(page, bench):
    bench.draft.set("recipe.max_steps", 40)
    bench.draft.set_text("recipe.epochs", "many")
    assert page.view.meaning.steps.text() == "40 steps"
    assert not page.view.meaning.steps.isEnabled()
    assert "cannot be used yet" in page.view.meaning.steps_note.text()


def test_that_the_size_of_the_adapter_is_exact_for_a_llama(page, bench, tmp_path, qtbot):
    bench.draft.set("model.path", str(write_model(tmp_path / "llama", LLAMA)))
    inputs_and_outputs = sum(sum(shape) for shape in SHAPES.values())
    expected = f"{16 * inputs_and_outputs:,}"
    qtbot.waitUntil(lambda: page.view.meaning.values["trained"].text().startswith(f"{expected}, "), timeout=60_000)
    bench.draft.set("recipe.lora_targets", ["q_proj"])
    assert page.view.meaning.values["trained"].text().startswith(f"{16 * 8}, ")


def test_that_nothing_is_said_of_an_architecture_whose_layers_are_not_known(page, bench, tmp_path, qtbot):
    tensors = LLAMA | {"model.layers.0.mlp.experts.0.up_proj.weight": ("BF16", (6, 4))}
    bench.draft.set("model.path", str(write_model(tmp_path / "experts", tensors)))
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=60_000)
    qtbot.waitUntil(lambda: not page.view.meaning.is_reading, timeout=60_000)
    assert page.view.meaning.values["trained"].text() == "–"


def test_that_the_push_is_half_of_lambda_where_both_answers_are_equally_likely():
    assert push(0.1, 0.0) == pytest.approx(0.05)
    assert push(0.1, -50.0) == pytest.approx(0.1)
    assert push(0.1, 50.0) == pytest.approx(0.0, abs=1e-12)


def test_that_a_run_is_shown_with_its_own_values(page, bench):
    spec = RunSpec.model_validate(
        {"model": {"path": "/m"}, "data": {"source": "/d"}, "recipe": {"lambda": 0.7, "max_steps": 33}}
    )
    bench.show_run(create_run(bench.workspace, spec))
    assert page.view.field("recipe.lambda").editor.input.text() == "0.7"
    assert page.view.field("recipe.lambda").editor.input.isReadOnly()
    assert page.view.meaning.steps.text() == "33 steps"
    assert not page.view.chooser.box.isEnabled()
    assert "Ctrl+Z" not in page.view.chooser.summary.text()
    assert page.view.chooser.box.toolTip() == ""
    meaning = page.view.meaning
    assert [key for key, value in meaning.values.items() if value.isHidden()] == ["time", "disk"]


def test_that_a_keystroke_is_answered_within_a_frame(page, bench, qtbot):
    page.view.all_settings.set_open(True)
    bench.draft.set("recipe.max_steps", 100)
    line = page.view.field("recipe.lambda").editor.input
    taken = []
    for text in ["0.2", "0.21", "0.3", "0.31", "0.4", "0.41", "0.5"] * 3:
        line.setText(text)
        begun = time.process_time()
        line.textEdited.emit(text)
        taken.append(time.process_time() - begun)
    assert sorted(taken)[len(taken) // 2] < 0.016
