"""Where memory is short, fewer pairs are computed at a time, to the same effect, and each of them once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.families import write_family
from helpers.training import ask_at_step, error, losses, make_run, of_kind, outcome, run
from helpers.watched_trainer import difference, watch
from orpo_studio.events import Event, PathChosen, Problem
from orpo_studio.runs import RunFolder
from orpo_studio.trainer import checkpoints, recomputing
from orpo_studio.trainer.orpo import StudioOrpoTrainer
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.scorer import Scorer

RECIPE = {"max_steps": 4, "micro_batch": 4, "accumulation": 2, "max_grad_norm": 1e6, "learning_rate": 1e-3}
Fits = Callable[[PairBatch], bool]


def no_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.\nMore words.")


def short_forward(monkeypatch: pytest.MonkeyPatch, fits: Fits) -> None:
    """Let a forward pass fail over batches that do not fit."""
    original = Scorer.score

    def score(self: Scorer, model: Any, batch: PairBatch, placed: Any) -> Any:
        if not fits(batch):
            raise no_memory()
        return original(self, model, batch, placed)

    monkeypatch.setattr(Scorer, "score", score)


def short_backward(monkeypatch: pytest.MonkeyPatch, fits: Fits) -> None:
    """Let a backward pass fail near its end, when most gradients of the batch are already added up."""
    original = StudioOrpoTrainer.compute_loss
    under_way: list[PairBatch] = []

    def fault(gradient: torch.Tensor) -> torch.Tensor:
        if not fits(under_way[-1]):
            raise no_memory()
        return gradient

    def compute_loss(self: StudioOrpoTrainer, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        if not under_way:
            first = next(p for name, p in model.named_parameters() if "layers.0.self_attn.q_proj.lora_B" in name)
            first.register_hook(fault)
        under_way.append(inputs["pairs"])
        return original(self, model, inputs, *arguments, **options)

    monkeypatch.setattr(StudioOrpoTrainer, "compute_loss", compute_loss)


def one_by_one(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that computes its pairs one by one, as it would after the memory ran short."""

    def computes(self: StudioOrpoTrainer, *arguments: Any) -> Any:
        self._at_once = 1
        return compute(self, *arguments)

    return computes


def at_most(pairs: int) -> Fits:
    return lambda batch: len(batch) <= pairs


def alone(row: int) -> Fits:
    """Return what runs short over one large pair together with any other."""
    return lambda batch: row not in batch.source_rows or len(batch) == 1


def halvings(events: list[Event]) -> list[str]:
    problems = of_kind(events, Problem)
    assert {problem.code for problem in problems} <= {"memory-short"}
    assert all(problem.severity == "warning" for problem in problems)
    return [problem.title for problem in problems]


def adapter(folder: RunFolder) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_file(folder.adapter / "adapter_model.safetensors")
    return weights


@pytest.mark.parametrize("short", [short_forward, short_backward])
@pytest.mark.parametrize("case", ["two fit", "one fits", "a pair of the second step is large"])
def test_that_a_run_short_of_memory_learns_what_it_would_have(
    tmp_path: Path,
    tiny_model: Path,
    pairs_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    short: Callable[[pytest.MonkeyPatch, Fits], None],
    case: str,
) -> None:
    with monkeypatch.context() as patch:
        enough = watch(patch)
        whole = make_run(tmp_path / "whole", tiny_model, pairs_file, recipe=RECIPE)
        without = run(whole)
    fits, expected = {
        "two fit": (at_most(2), [2]),
        "one fits": (at_most(1), [2, 1]),
        "a pair of the second step is large": (alone(enough.steps[1].rows[5]), [2, 1]),
    }[case]
    watching = watch(monkeypatch)
    short(monkeypatch, fits)
    parts = make_run(tmp_path / "parts", tiny_model, pairs_file, recipe=RECIPE)

    events = run(parts)

    assert outcome(events) == "completed"
    told = ["one pair is" if count == 1 else f"{count} pairs are" for count in expected]
    assert halvings(events) == [f"Memory ran short; from here on {count} computed at a time." for count in told]
    first = of_kind(events, Problem)[0]
    assert first.hint.endswith(
        "The result stays the same; it only takes longer. Next time, start with a micro-batch of "
        "2 and an accumulation of 4."
    )
    assert "CUDA" not in first.detail
    assert first.more == str(no_memory())
    assert len(watching.steps) == len(enough.steps) == 4
    for step, other in zip(watching.steps, enough.steps, strict=True):
        assert len(set(step.rows)) == len(step.rows)
        assert step.rows == other.rows
        assert difference(step.gradients, other.gradients) < 1e-5
    for name in ("loss", "nll_loss", "log_odds", "rewards/accuracies", "logps/rejected"):
        assert losses(events, name) == pytest.approx(losses(without, name), abs=2e-5), name
    assert difference(adapter(parts), adapter(whole)) < 1e-3


@pytest.mark.parametrize("short", [short_forward, short_backward])
def test_that_a_pair_that_does_not_fit_ends_the_run_in_words(
    tmp_path: Path,
    tiny_model: Path,
    pairs_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    short: Callable[[pytest.MonkeyPatch, Fits], None],
) -> None:
    short(monkeypatch, at_most(0))

    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe={**RECIPE, "gradient_checkpointing": "off"}))

    assert outcome(events) == "failed"
    assert error(events).code == "out-of-memory"
    assert error(events).detail.startswith("More memory was asked for than is free. ")
    assert error(events).more.startswith("CUDA out of memory. Tried to allocate 1.00 GiB.")
    assert " 0.0 GiB" not in error(events).hint
    assert "Close other programs" in error(events).hint
    warnings = [problem for problem in of_kind(events, Problem) if problem.severity == "warning"]
    assert [warning.code for warning in warnings] == ["memory-short", "memory-short"]


def test_that_what_is_kept_of_a_single_pair_is_computed_again_where_it_does_not_fit(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {**RECIPE, "lora_dropout": 0.2}
    whole, short, parts = (
        make_run(tmp_path / name, tiny_model, pairs_file, recipe=recipe) for name in ("whole", "short", "parts")
    )
    with monkeypatch.context() as patch:
        patch.setattr(StudioOrpoTrainer, "_compute", one_by_one(StudioOrpoTrainer._compute))
        without = run(whole)
    recomputed: list[bool] = []
    original = StudioOrpoTrainer.compute_loss

    def compute_loss(self: StudioOrpoTrainer, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        recomputed.append(self._loaded.model.is_activation_checkpointing)
        if not (len(inputs["pairs"]) == 1 and recomputed[-1]):
            raise no_memory()
        return original(self, model, inputs, *arguments, **options)

    monkeypatch.setattr(StudioOrpoTrainer, "compute_loss", compute_loss)
    events = run(short)

    assert outcome(events) == "completed"
    assert halvings(events) == [
        "Memory ran short; from here on 2 pairs are computed at a time.",
        "Memory ran short; from here on one pair is computed at a time.",
        "Memory ran short; from here on activations are computed twice instead of kept.",
    ]
    assert losses(events) == pytest.approx(losses(without), abs=2e-5)
    assert difference(adapter(short), adapter(whole)) < 1e-3

    with monkeypatch.context() as patch:
        ask_at_step(patch, 2, parts, "stop")
        first = run(parts)
    recomputed.clear()
    second = run(parts)
    assert all(recomputed), "a resumed run begins as it was left"
    assert losses(first + second) == losses(events)


def test_that_a_run_begins_with_it_where_it_would_not_fit_without(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, setting, wanted in ((2**40, "auto", False), (2**20, "auto", True), (2**20, "off", False)):
        monkeypatch.setattr(recomputing, "_free_in_main_memory", lambda free=free: float(free))
        folder = make_run(
            tmp_path / f"{free} {setting}", tiny_model, pairs_file, recipe={"gradient_checkpointing": setting}
        )
        run(folder)
        last = checkpoints.complete_checkpoints(folder.checkpoints)[-1]
        assert last.course["recomputes"] is wanted


def test_that_a_router_of_experts_is_spoken_of_where_there_is_one(
    tmp_path: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_forward(monkeypatch, at_most(2))
    model = write_family(tmp_path / "experts", "mixtral")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"output_router_logits": True}))

    events = run(make_run(tmp_path, model, pairs_file, recipe=RECIPE | {"adapter": "full"}))

    (warning,) = of_kind(events, Problem)
    assert warning.hint.startswith("The result stays nearly the same: only what balances the model's experts")


def test_that_a_batch_too_large_to_prove_still_trains_by_its_way(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_forward(monkeypatch, at_most(2))

    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe=RECIPE))

    (path,) = of_kind(events, PathChosen)
    assert path.path == "packed"
    assert "Memory was not enough to compare it" in path.reason
