"""Trying two steps from the Recipe page, with a trainer that follows a script."""

import json
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from helpers.fake_trainer import DIES_AT_IMPORT, put_in_front
from helpers.scripted_run import ScriptedRun
from orpo_studio import paths
from orpo_studio.events import Machine, ProbeFinished
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.pages import recipe_machine
from orpo_studio.gui.pages.recipe_meaning import Meaning
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import list_runs

GIB = 2**30
ESTIMATE = "at least 0.75 GiB"
"""Of a made-up model whose layers are not known, until two steps measure it."""
FOUND = f"""
log.append(ProbeFinished(device="cpu", way="packed", pairs_at_once=2, peak_bytes={5 * GIB}, library_bytes={GIB},
                         seconds=[2.4, 2.2], tokens=[4000, 4000], pairs=8, longest=300, training_pairs=90,
                         pair_tokens=100.0))
end()
"""
WAITS = """
log.append(Stage(name="load_model", title="Load the model"))
while not (folder.path / "go").exists() and not pending(folder, "stop"):
    time.sleep(0.01)
if pending(folder, "stop"):
    end("stopped")
    sys.exit()
"""
FAILS = """
log.append(Problem(severity="error", code="cannot-load-model", title="The model cannot be loaded.",
                   detail="A tensor is missing.", hint="Copy the model again."))
end("failed")
"""


class Sampler:
    """A machine without a card."""

    gpu_name, gpu_total_gib, memory_total_gib = "", 0.0, 16.0

    def sample(self) -> Machine:
        return Machine(values={"memory_gib": 4.0})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Sampler:
    made = Sampler()
    monkeypatch.setattr(recipe_machine, "_make_sampler", lambda: made)
    return made


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    rows = ({"prompt": f"Question {n}", "chosen": "Yes, indeed.", "rejected": "No."} for n in range(100))
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.fixture
def meaning(bench: Workbench, machine: Sampler, model_folder: Path, pairs: Path, qtbot: QtBot) -> Meaning:
    """The consequences of a recipe, model and pairs read."""
    made = Meaning(bench)
    qtbot.addWidget(made)
    made.resize(360, 900)
    made.show()
    bench.draft.set("model.path", str(model_folder))
    bench.draft.set("data.source", str(pairs))
    qtbot.waitUntil(made.probe.try_it.isEnabled, timeout=60_000)
    qtbot.waitUntil(lambda: not made.is_reading and "GiB" in made.memory.figure.text(), timeout=60_000)
    return made


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    return lambda script, **options: put_in_front(monkeypatch, tmp_path / "fake", script, **options)


def folders() -> list[Path]:
    return list((paths.cache_folder() / "probe" / "runs").glob("*"))


def click_and_end(qtbot: QtBot, meaning: Meaning) -> None:
    qtbot.mouseClick(meaning.probe.try_it, Qt.MouseButton.LeftButton)
    assert meaning._reading.probe.is_running
    qtbot.waitUntil(lambda: not meaning._reading.probe.is_running, timeout=30_000)


def test_that_the_measurement_takes_the_place_of_the_estimate(meaning, bench, trainer, qtbot):
    trainer(FOUND)
    assert meaning.memory.figure.text() == ESTIMATE
    assert meaning.values["time"].text() == "known after two steps"
    click_and_end(qtbot, meaning)

    assert meaning.probe.figure.text() == "Measured just now: 5.00 GiB, 2.3 s a step"
    assert meaning.probe.note.text().startswith("1,739 tokens a second")
    assert meaning.memory.figure.text() == "5.00 GiB"
    assert meaning.memory.verdict.text().startswith("✓ Fits")
    assert "Measured on this machine" in meaning.memory.note.text()
    # 12 steps of 8 pairs with 100 tokens, at 4.6 s for 8000
    assert pytest.approx(5.52) == 12 * 8 * 100 * 4.6 / 8000
    low, high = (float(word.removesuffix(" s")) for word in meaning.values["time"].text().split(" to "))
    assert low < 5.52 < high
    assert "rather less" in meaning.probe.note.text()
    assert list_runs(bench.workspace) == []
    assert wait_for_background(20)
    assert folders() == []


def test_that_settings_that_matter_bring_the_estimate_back_and_others_do_not(meaning, bench, trainer, qtbot):
    trainer(FOUND)
    click_and_end(qtbot, meaning)
    bench.draft.set("recipe.lambda", 0.3)
    bench.draft.set("recipe.epochs", 2.0)
    assert meaning.memory.figure.text() == "5.00 GiB"
    bench.draft.set("recipe.micro_batch", 1)
    assert meaning.memory.figure.text() == ESTIMATE
    assert meaning.values["time"].text() == "known after two steps"
    assert not meaning.probe.figure.isVisible()
    assert meaning.probe.try_it.text() == "Try two steps"
    bench.draft.set("recipe.micro_batch", 2)
    assert meaning.memory.figure.text() == "5.00 GiB"
    assert meaning.probe.try_it.text() == "Try again"


def test_that_it_shows_how_far_it_is_and_can_be_stopped(meaning, trainer, qtbot):
    trainer(WAITS + FOUND)
    qtbot.mouseClick(meaning.probe.try_it, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: meaning.probe.figure.text() == "Load the model…", timeout=30_000)
    assert meaning.probe.bar.isVisible()
    assert not meaning.probe.try_it.isVisible()
    qtbot.mouseClick(meaning.probe.stop, Qt.MouseButton.LeftButton)
    assert meaning.probe.figure.text() == "Stopping…"
    assert not meaning.probe.stop.isEnabled()
    qtbot.waitUntil(meaning.probe.try_it.isVisible, timeout=30_000)
    assert meaning.memory.figure.text() == ESTIMATE
    assert not meaning.probe.figure.isVisible()
    assert wait_for_background(20)
    assert folders() == []


def test_that_a_stop_before_the_process_is_there_is_not_lost(meaning, trainer, qtbot):
    trainer(WAITS + FOUND)
    qtbot.mouseClick(meaning.probe.try_it, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(meaning.probe.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(meaning.probe.try_it.isVisible, timeout=30_000)
    assert not meaning.probe.figure.isVisible()


def test_that_an_error_is_told_with_why_and_what_to_do_until_settings_change(meaning, bench, trainer, qtbot):
    trainer(FAILS)
    click_and_end(qtbot, meaning)
    assert meaning.probe.figure.text() == "✕ The model cannot be loaded."
    assert meaning.probe.figure.property("kind") == "failure"
    assert meaning.probe.note.text() == "A tensor is missing.\nCopy the model again."
    assert meaning.probe.try_it.isEnabled()
    bench.draft.set("recipe.max_length", 64)
    assert not meaning.probe.figure.isVisible()


def test_that_a_trainer_that_dies_without_a_word_is_explained_and_its_log_kept(meaning, trainer, qtbot):
    trainer(DIES_AT_IMPORT, bare=True)
    click_and_end(qtbot, meaning)
    assert meaning.probe.figure.text() == "✕ The training packages are missing or broken."
    kept = paths.cache_folder() / "probe" / "console.log"
    assert str(kept) in meaning.probe.note.text()
    assert "package_that_is_not_there" in kept.read_text()


def test_that_a_cache_that_cannot_be_written_is_told(meaning, trainer, qtbot):
    trainer(FOUND)
    (paths.cache_folder() / "probe").write_text("in the way")
    click_and_end(qtbot, meaning)
    assert meaning.probe.figure.text() == "✕ The two steps could not be prepared."


def test_that_the_reason_is_said_while_it_cannot_be_tried(bench, machine, meaning, qtbot):
    bench.draft.set_text("recipe.micro_batch", "many")
    assert not meaning.probe.try_it.isEnabled()
    assert meaning.probe.note.text() == "Some settings cannot be used yet."
    bench.draft.undo.undo()
    assert meaning.probe.try_it.isEnabled()
    bench.draft.set("data.source", "")
    assert meaning.probe.note.text() == "Choose preference pairs first."
    bench.draft.set("model.path", "")
    assert meaning.probe.note.text() == "Choose a base model first."


def test_that_a_run_has_the_machine_for_itself(meaning, bench, trainer, qtbot):
    going = ScriptedRun(bench.workspace)
    going.begin()
    bench.runs.refresh()
    qtbot.waitUntil(lambda: not meaning.probe.try_it.isEnabled(), timeout=30_000)
    assert "A run is under way" in meaning.probe.note.text()
    going.complete()
    bench.runs.refresh()
    qtbot.waitUntil(meaning.probe.try_it.isEnabled, timeout=30_000)
    going.close()

    trainer(WAITS + FOUND)
    qtbot.mouseClick(meaning.probe.try_it, Qt.MouseButton.LeftButton)
    bench.run_started.emit()
    assert meaning._reading.probe.is_stopping
    qtbot.waitUntil(lambda: not meaning._reading.probe.is_running, timeout=30_000)


def test_that_a_click_and_all_that_follows_stay_within_a_frame(meaning, trainer, qtbot, monkeypatch):
    trainer(FOUND)
    begun = time.process_time()
    meaning.probe.try_it.click()
    assert time.process_time() - begun < 0.016
    qtbot.waitUntil(lambda: not meaning._reading.probe.is_running, timeout=30_000)
    taken = []
    for _ in range(9):
        begun = time.process_time()
        meaning._reading.probe.changed.emit()
        taken.append(time.process_time() - begun)
    assert sorted(taken)[4] < 0.016


def test_that_short_memory_and_an_unused_card_are_told(meaning, bench, qtbot):
    probe = meaning._reading.probe
    key = probe._key_of(bench.draft.checked.spec.recipe)
    figures = {"way": "packed", "peak_bytes": GIB, "library_bytes": 0, "seconds": [1.0, 1.0], "tokens": [9, 9]}
    rest = {"pairs": 8, "longest": 9, "training_pairs": 90, "pair_tokens": 9.0, "time": time.time()}
    probe._found[key] = ProbeFinished(device="cuda:0", pairs_at_once=1, **figures, **rest)
    meaning.refresh()
    assert "1 at once instead of 2 pairs" in meaning.probe.advice.text()
    assert meaning.memory.figure.text() == ESTIMATE  # of a card, and this machine has none
    probe._found[key] = ProbeFinished(device="cpu", pairs_at_once=2, **figures, **rest)
    meaning._reading.watch.room = recipe_machine.Room("Test Card", 24 * GIB, 20 * GIB, on_gpu=True)
    meaning.refresh()
    assert "does not use Test Card" in meaning.probe.advice.text()
    assert meaning.memory.figure.text().startswith("at least")
