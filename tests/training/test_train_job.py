"""A run from its specification to its adapter, with stops, resumes and requests in between."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.tiny_model import make_rows, write_rows
from helpers.training import ask_at_step, losses, make_run, of_kind, outcome, run
from orpo_studio.events import (
    CheckpointSaved,
    DataPrepared,
    EvaluationMetrics,
    ModelLoaded,
    PathChosen,
    Problem,
    SampleAnswer,
    StopRequested,
    TrainingStarted,
    TrainMetrics,
)
from orpo_studio.runs import RunFolder, ask, summarize
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.checkpoints import COMPLETE

METRICS = {
    "loss", "nll_loss", "odds_ratio_loss", "log_odds", "rewards/accuracies", "rewards/margins", "rewards/chosen",
    "rewards/rejected", "logps/chosen", "logps/rejected", "learning_rate", "grad_norm", "tokens_per_second",
}  # fmt: skip


def test_that_a_run_says_all_it_should_and_leaves_an_adapter(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, train={"evaluation_steps": 3, "checkpoint_steps": 2})

    events = run(folder)

    assert outcome(events) == "completed"
    (data,) = of_kind(events, DataPrepared)
    assert (data.rows_in, data.train, data.held_out) == (24, 18, 6)
    (model,) = of_kind(events, ModelLoaded)
    assert 0 < model.trainable < model.parameters
    assert of_kind(events, PathChosen)[0].path == "packed"
    assert of_kind(events, TrainingStarted)[0].total_steps == 6
    assert [e.moment for e in of_kind(events, EvaluationMetrics)] == ["before", "during", "after"]
    assert [(e.source, e.step) for e in of_kind(events, SampleAnswer)] == [("base", 0), ("tuned", 3), ("tuned", 6)]
    assert [e.step for e in of_kind(events, CheckpointSaved)] == [2, 4, 6]
    metrics = of_kind(events, TrainMetrics)
    assert [e.step for e in metrics] == [1, 2, 3, 4, 5, 6]
    for event in metrics:
        assert set(event.values) == METRICS
        assert event.values["loss"] == pytest.approx(event.values["nll_loss"] + event.values["odds_ratio_loss"])
    adapter = {path.name for path in folder.adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "chat_template.jinja"} <= adapter
    assert not of_kind(events, Problem)


def test_that_a_run_paused_and_stopped_resumes_to_the_losses_of_an_uninterrupted_one(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"lora_dropout": 0.2, "max_steps": 7}
    whole = make_run(tmp_path / "whole", tiny_model, pairs_file, recipe=recipe)
    parts = make_run(tmp_path / "parts", tiny_model, pairs_file, recipe=recipe)
    expected = run(whole)

    with monkeypatch.context() as patch:
        ask_at_step(patch, 3, parts, "pause")
        first = run(parts)
    assert summarize(parts).state == "paused"
    assert not parts.has_result()
    with monkeypatch.context() as patch:
        ask_at_step(patch, 5, parts, "stop")
        second = run(parts)
    assert summarize(parts).state == "stopped"
    assert parts.has_result()
    third = run(parts)

    assert (outcome(first), outcome(second), outcome(third)) == ("stopped", "stopped", "completed")
    assert [event.to_pause for event in of_kind([*first, *second], StopRequested)] == [True, False]
    assert [of_kind(part, TrainingStarted)[0].first_step for part in (first, second, third)] == [0, 3, 5]
    assert not [e for e in of_kind(third, EvaluationMetrics) if e.moment == "before"]
    for name in ("loss", "grad_norm", "learning_rate"):
        assert losses(first, name) | losses(second, name) | losses(third, name) == losses(expected, name)
    assert_same_weights(whole, parts)
    seconds = [e.seconds for e in of_kind([*first, *second, *third], TrainMetrics)]
    assert seconds == sorted(seconds)


def test_that_a_pause_before_the_first_step_is_one_and_a_stop_outweighs_it(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 2})
    ask(folder, "pause")
    run(folder)
    assert summarize(folder).state == "paused"
    ask(folder, "pause")
    ask(folder, "stop")
    run(folder)
    assert summarize(folder).state == "stopped"
    assert outcome(run(folder)) == "completed"


def assert_same_weights(first: RunFolder, second: RunFolder) -> None:
    one, two = (load_file(folder.adapter / "adapter_model.safetensors") for folder in (first, second))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def test_that_evaluating_under_way_changes_no_loss(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    recipe = {"lora_dropout": 0.2}
    often = make_run(tmp_path / "a", tiny_model, pairs_file, recipe=recipe, train={"evaluation_steps": 1},
                     evaluate={"temperature": 1.0})  # fmt: skip
    never = make_run(tmp_path / "b", tiny_model, pairs_file, recipe=recipe, train={"evaluation_steps": 100})

    assert losses(run(often)) == losses(run(never))
    assert_same_weights(often, never)


def test_that_full_fine_tuning_trains_every_weight_and_resumes(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"adapter": "full", "max_steps": 4, "learning_rate": 1e-3}
    whole = make_run(tmp_path / "whole", tiny_model, pairs_file, recipe=recipe)
    parts = make_run(tmp_path / "parts", tiny_model, pairs_file, recipe=recipe)
    expected = run(whole)
    with monkeypatch.context() as patch:
        ask_at_step(patch, 2, parts, "stop")
        first = run(parts)
    second = run(parts)

    (model,) = of_kind(expected, ModelLoaded)
    assert model.trainable == model.parameters
    assert losses(first) | losses(second) == losses(expected)
    trained, base = load_file(whole.adapter / "model.safetensors"), load_file(tiny_model / "model.safetensors")
    assert all(not torch.equal(tensor, base[name]) for name, tensor in trained.items())


def test_that_a_completed_run_says_so_instead_of_training_again(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 2})
    run(folder)

    again = run(folder)

    assert outcome(again) == "completed"
    assert not of_kind(again, TrainMetrics)
    assert of_kind(again, Problem)[0].code == "already-completed"


def test_that_an_incomplete_checkpoint_is_passed_over_and_removed(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, train={"checkpoint_steps": 2, "keep_checkpoints": 5})
    with monkeypatch.context() as patch:
        ask_at_step(patch, 5, folder, "stop")
        run(folder)
    torn = folder.checkpoints / "checkpoint-5"
    weights = torn / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    unsealed = folder.checkpoints / "checkpoint-4"
    (unsealed / COMPLETE).unlink()

    events = run(folder)

    assert of_kind(events, TrainingStarted)[0].first_step == 2
    assert outcome(events) == "completed"
    assert [c.step for c in checkpoints.complete_checkpoints(folder.checkpoints)] == [2, 4, 6]


def test_that_a_run_killed_between_the_last_step_and_its_result_is_finished(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file)
    with monkeypatch.context() as patch:
        patch.setattr("orpo_studio.trainer.train.save_result", lambda *_: (_ for _ in ()).throw(RuntimeError("gone")))
        assert outcome(run(folder)) == "failed"

    events = run(folder)

    assert outcome(events) == "completed"
    assert not of_kind(events, TrainMetrics)
    saved = load_file(folder.checkpoints / "checkpoint-6" / "adapter_model.safetensors")
    result = load_file(folder.adapter / "adapter_model.safetensors")
    assert all(torch.equal(tensor, result[name]) for name, tensor in saved.items())


def test_that_only_as_many_checkpoints_are_kept_as_wished(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, train={"checkpoint_steps": 1, "keep_checkpoints": 2})

    run(folder)

    assert [c.step for c in checkpoints.complete_checkpoints(folder.checkpoints)] == [5, 6]
    assert {path.name for path in folder.checkpoints.iterdir()} == {"checkpoint-5", "checkpoint-6"}
    note = json.loads((folder.checkpoints / "checkpoint-6" / COMPLETE).read_text())
    assert "adapter_model.safetensors" in note["files"]


@pytest.mark.parametrize(("name", "kind"), [("checkpoint", CheckpointSaved), ("sample", SampleAnswer)])
def test_that_a_request_is_answered_after_the_step(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Any]
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file)
    details = {"prompts": ["where is the fish?"]} if name == "sample" else {}
    ask_at_step(monkeypatch, 3, folder, name, **details)

    events = run(folder)

    answers = [event for event in of_kind(events, kind) if event.step == 3]
    assert len(answers) == 1
    if name == "sample":
        assert answers[0].prompt == "where is the fish?"


def test_that_rows_are_counted_with_those_set_aside_for_want_of_room(tmp_path: Path, tiny_model: Path) -> None:
    rows = make_rows(20)
    rows[3]["prompt"] = "where is the cat " * 60
    rows.append({"prompt": "where?", "chosen": "here", "rejected": "here"})
    folder = make_run(tmp_path, tiny_model, write_rows(tmp_path / "p.jsonl", rows), recipe={"max_steps": 1})

    (data,) = of_kind(run(folder), DataPrepared)

    assert data.rows_in == 21
    assert data.set_aside == {"no-room": 1, "same-answers": 1}
    assert data.rows_in == data.train + data.held_out + sum(data.set_aside.values())


def test_that_a_model_without_a_template_gets_the_plain_one_for_good(tmp_path: Path, pairs_file: Path) -> None:
    from helpers.tiny_model import write_tiny_model
    from orpo_studio.models.chat_template import PLAIN_TEMPLATE

    model = write_tiny_model(tmp_path / "model", chat_template=None, pad=False)
    folder = make_run(tmp_path, model, pairs_file, recipe={"max_steps": 2})

    events = run(folder)

    assert outcome(events) == "completed"
    assert (folder.adapter / "chat_template.jinja").read_text() == PLAIN_TEMPLATE


def test_that_gradient_checkpointing_gives_the_same_losses(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    recipe = {"max_steps": 3}
    plain = run(make_run(tmp_path / "a", tiny_model, pairs_file, recipe=recipe))
    saving = run(make_run(tmp_path / "b", tiny_model, pairs_file, recipe={**recipe, "gradient_checkpointing": "on"}))

    assert losses(saving) == pytest.approx(losses(plain), rel=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        {"schedule": "cosine", "optimizer": "rmsprop", "warmup": 2, "use_rslora": True},
        {"schedule": "inverse_sqrt", "use_dora": True, "lora_targets": ["q_proj", "v_proj"]},
        {"schedule": "constant", "precision": "bf16", "weight_decay": 0.1},
    ],
)
def test_that_a_recipe_trains(tmp_path: Path, tiny_model: Path, pairs_file: Path, recipe: dict[str, Any]) -> None:
    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 3, **recipe}))

    assert outcome(events) == "completed"
    assert losses(events)[3] < losses(events)[1] + 0.2


def test_that_the_source_may_vanish_once_it_is_converted(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 3})
    with monkeypatch.context() as patch:
        ask_at_step(patch, 1, folder, "stop")
        run(folder)
    pairs_file.unlink()

    assert outcome(run(folder)) == "completed"
    shutil.rmtree(folder.path)


def test_that_an_answer_that_fails_does_not_end_the_training(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(*_arguments: Any, **_options: Any) -> list[str]:
        raise IndexError("index out of range in self")  # what a model with learned positions says

    monkeypatch.setattr("orpo_studio.trainer.heldout.answer", too_long)
    folder = make_run(tmp_path, tiny_model, pairs_file)

    events = run(folder)

    assert outcome(events) == "completed"
    assert {problem.code for problem in of_kind(events, Problem)} == {"no-sample"}
    assert (folder.adapter / "adapter_model.safetensors").is_file()
