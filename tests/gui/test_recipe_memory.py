"""The memory card of the Recipe page: what a run takes, whether it fits, and what would help."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from helpers.big_model import LLAMA_8B, llama_tensors
from helpers.model_folder import write_model
from orpo_studio.config import RunSpec, find_option
from orpo_studio.data.conversion import prepare
from orpo_studio.data.text_sizes import text_bytes
from orpo_studio.events import Machine
from orpo_studio.fit.memory import GIB, MemoryEstimate
from orpo_studio.gui.pages import recipe_machine
from orpo_studio.gui.pages.recipe_lengths import choose_rows, count_lengths
from orpo_studio.gui.pages.recipe_meaning import Meaning
from orpo_studio.gui.pages.recipe_words import gib
from orpo_studio.gui.theme import theme
from orpo_studio.gui.workbench import Workbench
from orpo_studio.models.card import inspect_model
from orpo_studio.runs import create_run


class Sampler:
    """A machine with a card, as `MachineSampler` describes one; or without."""

    def __init__(self, total: float = 24.0, used: float = 1.0, *, has_gpu: bool = True) -> None:
        self.gpu_name = "Test Card" if has_gpu else ""
        self.gpu_total_gib = total if has_gpu else 0.0
        self.gpu_has_bf16 = has_gpu
        self.memory_total_gib = total
        self.used, self.has_gpu = used, has_gpu

    def sample(self) -> Machine:
        name = "gpu_memory_gib" if self.has_gpu else "memory_gib"
        return Machine(values={"memory_gib": self.used, name: self.used})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Sampler:
    made = Sampler()
    monkeypatch.setattr(recipe_machine, "_make_sampler", lambda: made)
    return made


@pytest.fixture
def big_folder(tmp_path: Path) -> Path:
    """Llama 3 8B by its headers; the file has no weights, as a sparse file."""
    folder = write_model(
        tmp_path / "llama-8b",
        hidden_size=4096,
        num_hidden_layers=32,
        vocab_size=128_256,
        num_attention_heads=32,
        max_position_embeddings=8192,
        hidden_act="silu",
    )
    header: dict[str, Any] = {}
    end = 0
    for tensor in llama_tensors(**LLAMA_8B):
        size = 2 * tensor.elements
        header[tensor.name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + end)
    return folder


@pytest.fixture
def meaning(bench: Workbench, machine: Sampler, qtbot: QtBot) -> Meaning:
    made = Meaning(bench)
    qtbot.addWidget(made)
    made.resize(360, 800)
    made.show()
    return made


@pytest.fixture
def shown(meaning: Meaning, bench: Workbench, big_folder: Path, qtbot: QtBot) -> Meaning:
    """The card with the model of 8 billion parameters read."""
    bench.draft.set("recipe.gradient_checkpointing", "off")
    bench.draft.set("model.path", str(big_folder))
    qtbot.waitUntil(lambda: "GiB" in meaning.memory.figure.text(), timeout=60_000)
    return meaning


def pairs_file(tmp_path: Path, words: list[int]) -> Path:
    rows = [
        {"prompt": f"q{number}", "chosen": "hello " * length, "rejected": "world " * 3}
        for number, length in enumerate(words)
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_that_a_run_too_large_is_told_with_what_would_help(shown):
    card = shown.memory
    assert card.verdict.text() == "✕ Does not fit: 23.0 GiB are free on Test Card."
    assert card.limits["micro_batch"].text() == "not even one"
    assert card.parts["weights"].text() == "15.0"
    assert "Weights 15.0 GiB" in card.bar.accessibleDescription()
    assert "Does not fit" in card.bar.accessibleDescription()
    assert any("gradient checkpointing" in use.accessibleName() for use in card.proposals)


def test_that_what_is_reckoned_can_be_told_before_a_start(shown, bench):
    low, high = bench.card_need
    assert 15 < low <= high
    assert shown.memory.figure.text() == f"{low:.1f} to {high:.1f} GiB"
    bench.draft.set("model.path", "")
    assert bench.card_need is None


def test_that_one_click_takes_the_change_and_one_undo_takes_it_back(shown, bench, qtbot):
    (use,) = [use for use in shown.memory.proposals if "accumulate" in use.accessibleName()]
    qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
    assert bench.draft.value(find_option("recipe.micro_batch")) == 1
    assert bench.draft.value(find_option("recipe.accumulation")) == 8
    bench.draft.undo.undo()
    assert bench.draft.value(find_option("recipe.micro_batch")) == 2
    assert bench.draft.value(find_option("recipe.accumulation")) == 4


def test_that_checkpointing_that_comes_on_by_itself_is_told_with_what_it_saves(shown, bench):
    without = shown.memory.figure.text().removesuffix(" GiB").split(" to ")[1]
    bench.draft.set("recipe.gradient_checkpointing", "auto")
    card = shown.memory
    assert card.verdict.text().startswith("✓ Fits")
    assert f"Gradient checkpointing comes on by itself: without it, {without} GiB might be needed." in card.note.text()
    bench.draft.set("recipe.max_length", 64)
    assert card.verdict.text().startswith("✓ Fits")
    assert "checkpointing" not in card.note.text()


def test_that_the_largest_that_fits_keeps_the_pairs_of_a_step(shown, bench, qtbot):
    bench.draft.set("recipe.gradient_checkpointing", "on")
    card = shown.memory
    assert card.verdict.text().startswith("✓ Fits")
    assert not card._savings.isVisible()
    most = int(card.limits["micro_batch"].text())
    assert most >= 4
    qtbot.mouseClick(card.uses["micro_batch"], Qt.MouseButton.LeftButton)
    pairs = bench.draft.value(find_option("recipe.micro_batch"))
    assert pairs <= most
    assert pairs * bench.draft.value(find_option("recipe.accumulation")) == 8
    assert card.verdict.text().startswith("✓ Fits")


def test_that_the_longest_length_that_fits_can_be_taken(shown, bench, qtbot):
    bench.draft.set("recipe.gradient_checkpointing", "on")
    card = shown.memory
    longest = int(card.limits["max_length"].text().removesuffix(" tokens").replace(",", ""))
    qtbot.mouseClick(card.uses["max_length"], Qt.MouseButton.LeftButton)
    assert bench.draft.value(find_option("recipe.max_length")) == longest
    assert card.verdict.text().startswith("✓ Fits")
    assert not card.uses["max_length"].isVisible()


def test_that_between_least_and_most_it_is_tight(shown, machine):
    low, high = (float(word) for word in shown.memory.figure.text().removesuffix(" GiB").split(" to "))
    machine.gpu_total_gib, machine.used = 60.0, 60 - (low + high) / 2
    shown._reading.watch._look()
    assert shown.memory.verdict.text().startswith("▲ Tight")
    assert shown.memory.verdict.property("kind") == "attention"


def test_that_without_a_card_it_is_said_that_the_cpu_trains(meaning, machine, bench, big_folder, qtbot):
    bench.draft.set("model.path", str(big_folder))
    qtbot.waitUntil(lambda: "GiB" in meaning.memory.figure.text(), timeout=60_000)
    machine.has_gpu, machine.gpu_name, machine.gpu_total_gib = False, "", 0.0
    meaning._reading.watch._look()
    assert meaning.memory.verdict.text().endswith("GiB are free in main memory.")
    assert "main memory" in meaning.memory.note.text()
    assert meaning.memory.parts["weights"].text() == "29.9"


def test_that_the_lengths_of_the_pairs_decide(shown, bench, tmp_path, qtbot):
    before = shown.memory.parts["activations"].text()
    assert "every pair at the maximum length" in shown.memory.note.text()
    bench.draft.set("data.source", str(pairs_file(tmp_path, [10, 60, 20] * 10)))
    qtbot.waitUntil(lambda: "longest of your pairs" in shown.memory.note.text(), timeout=60_000)
    assert float(shown.memory.parts["activations"].text()) < float(before)
    assert shown.memory.limits["max_length"].text() == "any of your pairs"


def test_that_what_is_not_known_is_left_out_and_said(meaning, bench, tmp_path, qtbot):
    odd = {
        "model.embed_tokens.weight": ("BF16", (8, 4)),
        "model.layers.0.mixer.in_proj.weight": ("BF16", (6, 4)),
        "lm_head.weight": ("BF16", (8, 4)),
    }
    bench.draft.set("model.path", str(write_model(tmp_path / "odd", odd)))
    qtbot.waitUntil(lambda: "at least" in meaning.memory.figure.text(), timeout=60_000)
    assert meaning.memory.parts["activations"].text() == "–"
    assert "left out" in meaning.memory.note.text()
    assert not meaning.memory._limits.isVisible()


def test_that_a_run_is_shown_without_an_offer_to_change_it(shown, bench, big_folder):
    spec = RunSpec.model_validate(
        {"model": {"path": str(big_folder)}, "data": {"source": "/d"}, "recipe": {"micro_batch": 8}}
    )
    bench.show_run(create_run(bench.workspace, spec))
    assert shown.memory.verdict.text() == "24.0 GiB on Test Card."
    assert not shown.memory._limits.isVisible()
    assert not shown.memory._savings.isVisible()


def test_that_a_measured_figure_takes_the_place_of_the_estimate(shown, bench, monkeypatch):
    probe = MemoryEstimate(10 * GIB, 0, GIB, 2 * GIB, GIB, GIB, GIB, measured=True)
    monkeypatch.setattr(shown._reading, "memory", lambda _case: probe)
    shown.refresh()
    assert shown.memory.figure.text() == "15.0 GiB"
    assert "Measured on this machine" in shown.memory.note.text()


def test_that_a_keystroke_is_answered_at_once_and_reads_nothing(shown, bench):
    figures, taken = [], []
    for length in [512, 513, 600, 601, 700, 800, 900]:
        begun = time.thread_time()  # other threads do not keep the window waiting
        bench.draft.set("recipe.max_length", length)
        taken.append(time.thread_time() - begun)
        figures.append(shown.memory.figure.text())
        assert not shown._reading.is_busy
    assert figures[0] != figures[-1]
    assert sorted(taken)[len(taken) // 2] < 0.1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_that_the_parts_look_apart_without_color(shown, scheme):
    theme().choose(scheme)
    card = shown.memory
    card.bar.resize(320, 30)
    seen = set()
    for swatch in card.findChildren(type(card.layout().itemAt(4).layout().itemAt(0).widget())):
        picture = swatch.grab().toImage().convertToFormat(swatch.grab().toImage().Format.Format_Grayscale8)
        seen.add(bytes(picture.constBits()))
    assert len(seen) == 6


def test_that_bytes_are_written_with_the_digits_that_count():
    assert [gib(size * GIB) for size in (0, 0.001, 0.5, 9.99, 15.02, 163.4)] == [
        "0.00",
        "<0.01",
        "0.50",
        "9.99",
        "15.0",
        "163",
    ]


def test_that_the_longest_pairs_are_among_those_counted():
    import numpy as np

    sizes = np.random.default_rng(0).integers(1, 10_000, 20_000)
    rows = choose_rows(sizes)
    assert len(rows) <= 512 + 1500
    assert set(np.argsort(sizes)[-500:]) <= set(rows)
    assert choose_rows(sizes[:100]) == list(range(100))


def test_that_lengths_are_those_of_the_model_and_cancelling_ends_the_count(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    prepared = prepare(pairs_file(tmp_path, [4, 40, 7, 9, 12] * 4), held_out=0.1, seed=1, cache=tmp_path / "cache")
    card = inspect_model(folder)
    found = count_lengths(card, prepared, lambda: False)
    assert found is not None
    assert len(found) == prepared.summary.train
    # the made-up tokenizer makes a token of each word; the plain template adds its headings to the prompt
    assert int(found.chosen.max()) == 41
    assert set(found.rejected) == {4}
    assert count_lengths(card, prepared, lambda: True) is None
    sizes = text_bytes(str(prepared.folder / "pairs.arrow"), prepared.summary.train)
    assert sizes.shape == (prepared.summary.train, 3)
    assert int(sizes[:, 1].max()) == len("hello " * 40)
