"""A run that was ended goes on as if it had not been: the same figures to the last bit, nothing missing or half."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.training import ask_at_step, losses, make_run, of_kind, outcome, run
from orpo_studio.events import CheckpointSaved, Event, PathChosen, Problem, SampleAnswer, TrainingStarted, TrainMetrics
from orpo_studio.runs import RunFolder, ask
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.heldout import HeldOut
from orpo_studio.trainer.orpo import StudioOrpoTrainer
from orpo_studio.trainer.reporter import Reporter
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.first_batch import NotProvenError, Proof
from orpo_studio.trainer.scoring.ladder import Way
from orpo_studio.trainer.scoring.scorer import Scorer

Make = Callable[[str], RunFolder]


def figures(events: list[Event]) -> dict[int, dict[str, float]]:
    """Return all that is said of each step, but for the pace."""
    return {
        event.step: {name: value for name, value in event.values.items() if name != "tokens_per_second"}
        for event in of_kind(events, TrainMetrics)
    }


def in_two_parts(folder: RunFolder, step: int) -> list[Event]:
    """Run to a step and stop there, then to the end."""
    with pytest.MonkeyPatch.context() as patch:
        ask_at_step(patch, step, folder, "stop")
        first = run(folder)
    assert outcome(first) == "stopped"
    second = run(folder)
    assert outcome(second) == "completed"
    assert of_kind(second, TrainingStarted)[0].first_step == step
    return first + second


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    (file,) = folder.adapter.glob("*.safetensors")
    found: dict[str, torch.Tensor] = load_file(file)
    return found


def assert_same(whole: RunFolder, parts: RunFolder, expected: list[Event], found: list[Event]) -> None:
    assert figures(found) == figures(expected)
    assert {(e.moment, e.step): e.values for e in found if e.type == "evaluation.metrics"} == {
        (e.moment, e.step): e.values for e in expected if e.type == "evaluation.metrics"
    }
    assert all(torch.equal(tensor, weights(parts)[name]) for name, tensor in weights(whole).items())


@pytest.mark.parametrize(
    "recipe",
    [
        {"lora_dropout": 0.2, "group_by_length": True},
        {"adapter": "full"},
        {"quantization": "nf4", "lora_dropout": 0.2},
    ],
    ids=["groups by length", "full", "nf4"],
)
def test_that_a_resume_in_a_later_epoch_gives_the_figures_of_an_uninterrupted_run(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, recipe: dict[str, Any]
) -> None:
    options = {"recipe": {"max_steps": 9, **recipe}, "train": {"evaluation_steps": 4}}  # five steps are an epoch
    whole, parts = (make_run(tmp_path / name, tiny_model, pairs_file, **options) for name in ("whole", "parts"))
    expected = run(whole)

    assert_same(whole, parts, expected, in_two_parts(parts, 7))


def test_that_means_over_several_steps_are_over_the_same_ones_behind_a_checkpoint(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    train = {"logging_steps": 5, "checkpoint_steps": 3, "evaluation_steps": 100}
    options = {"recipe": {"max_steps": 10, "lora_dropout": 0.2}, "train": train}
    whole, parts = (make_run(tmp_path / name, tiny_model, pairs_file, **options) for name in ("whole", "parts"))
    expected = run(whole)

    found = in_two_parts(parts, 6)

    assert losses(found) == losses(expected)
    assert set(losses(found)) == {1, 3, 5, 6, 9, 10}


def test_that_what_a_run_decided_for_want_of_memory_holds_after_a_resume(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Scorer.score
    scored: list[int] = []

    def score(self: Scorer, model: Any, batch: PairBatch, placed: Any) -> Any:
        scored.append(len(batch))
        if len(batch) > 1 and short[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(self, model, batch, placed)

    monkeypatch.setattr(Scorer, "score", score)
    monkeypatch.setattr(StudioOrpoTrainer, "_prove_once", lambda *_: None)
    whole, parts = (make_run(tmp_path / name, tiny_model, pairs_file) for name in ("whole", "parts"))
    short = [True]
    expected = run(whole)
    with monkeypatch.context() as patch:
        ask_at_step(patch, 3, parts, "stop")
        first = run(parts)
    assert of_kind(first, Problem)[0].code == "memory-short"
    short[0] = False
    scored.clear()

    second = run(parts)

    assert set(scored) == {1}
    assert not of_kind(second, Problem)
    assert_same(whole, parts, expected, first + second)


def test_that_the_way_an_attempt_came_down_to_is_where_the_next_begins(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs_when_packed(scorer: Scorer, *_: Any) -> Proof:
        if scorer.choice.way is Way.PACKED:
            raise NotProvenError("it differs")
        return Proof(0.0, 0.0)

    folder = make_run(tmp_path, tiny_model, pairs_file)
    with monkeypatch.context() as patch:
        patch.setattr("orpo_studio.trainer.orpo.prove", differs_when_packed)
        ask_at_step(patch, 3, folder, "stop")
        first = run(folder)
    ways = [event.path for event in of_kind(first, PathChosen)]

    second = run(folder)

    assert ways == ["padded"]
    assert [event.path for event in of_kind(second, PathChosen)] == ways


def test_that_a_run_killed_before_its_base_had_answered_has_it_answer_later(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, evaluate={"samples": 3})
    original = HeldOut.sample

    def sample(self: HeldOut, prompts: Any, **options: Any) -> Any:
        original(self, prompts[:1], **options)
        raise OSError(5, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(HeldOut, "sample", sample)
        first = run(folder)
    assert outcome(first) == "failed"

    second = run(folder)

    assert outcome(second) == "completed"
    answers = [event for event in of_kind(first + second, SampleAnswer) if event.source == "base"]
    assert len({event.prompt for event in answers}) == len(answers) == 3


@pytest.mark.parametrize("is_asked", [True, False])
def test_that_a_stop_that_nobody_asked_for_is_told_as_such(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, *, is_asked: bool
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file)
    original = Reporter.on_step_begin

    def on_step_begin(self: Reporter, args: Any, state: Any, control: Any, **options: Any) -> None:
        if state.global_step == 2:
            self._context.lifeline.cut()  # as at the end of the supervisor
            if is_asked:
                ask(folder, "stop")
        original(self, args, state, control, **options)

    monkeypatch.setattr(Reporter, "on_step_begin", on_step_begin)

    events = run(folder)

    assert outcome(events) == "stopped"
    assert [problem.code for problem in of_kind(events, Problem)] == ([] if is_asked else ["cut-off"])


def test_that_a_checkpoint_that_lacked_nothing_but_its_place_counts(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, train={"checkpoint_steps": 3})
    run(folder)
    shutil.rmtree(folder.adapter)
    shutil.rmtree(folder.checkpoints / "checkpoint-6")
    whole = folder.checkpoints / "checkpoint-3"
    writing = folder.checkpoints / checkpoints.WRITING
    writing.mkdir()
    whole.rename(writing / whole.name)

    events = run(folder)

    assert of_kind(events, TrainingStarted)[0].first_step == 3
    assert outcome(events) == "completed"
    assert not writing.exists()


def test_that_saving_a_step_again_never_takes_its_checkpoint_away(tmp_path: Path) -> None:
    def written(content: str) -> Path:
        folder = tmp_path / checkpoints.WRITING / "checkpoint-4"
        folder.mkdir(parents=True)
        (folder / "weights").write_text(content)
        return folder

    first = checkpoints.seal(written("first"), tmp_path, step=4, seconds=1.0, course={"at_once": 2})
    again = checkpoints.seal(written("again"), tmp_path, step=4, seconds=2.0)

    assert again == first == checkpoints.read(tmp_path / "checkpoint-4")
    assert (first.path / "weights").read_text() == "first"
    assert again.course == {"at_once": 2}


def test_that_a_result_whose_replacement_was_killed_is_back_before_the_next_job(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 1})
    run(folder)
    folder.adapter.rename(folder.adapter.with_name(".adapter.old"))

    events = run(folder)

    assert of_kind(events, Problem)[0].code == "already-completed"
    assert folder.has_result()
    assert not of_kind(events, CheckpointSaved)


def test_that_data_left_short_by_a_power_cut_is_converted_again(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 1})
    run(folder)
    shutil.rmtree(folder.adapter)
    (folder.data / "pairs.arrow").write_bytes(b"")
    left = folder.path / ".data.0123abcd"
    left.mkdir()

    assert outcome(run(folder)) == "completed"
    assert not left.exists()
