"""Numbers that are not finite: the step or its weights are not kept, and the pairs they come from are named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import error, losses, make_run, of_kind, outcome, run
from helpers.watched_trainer import watch
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import Reason
from orpo_studio.events import CheckpointSaved, DataPrepared
from orpo_studio.runs import RunFolder
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.non_finite import MOST_SKIPPED

POISON = "~"
INF, NAN = float("inf"), float("nan")


@pytest.fixture
def poisoned_model(tmp_path: Path) -> Path:
    """A model for which one rare token is not a number."""
    from transformers import AutoTokenizer

    folder = write_tiny_model(tmp_path / "model")
    (token,) = AutoTokenizer.from_pretrained(folder)(POISON, add_special_tokens=False)["input_ids"]
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][token] = NAN
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def poisoned_run(tmp_path: Path, model: Path, **data: object) -> RunFolder:
    """A run whose tenth row holds the token, four pairs a micro-batch and eight a step."""
    rows = make_rows(20)
    rows[9] = {**rows[9], "chosen": f"thank you {POISON}"}
    source = write_rows(tmp_path / "pairs.jsonl", rows[:16])
    held_out = write_rows(tmp_path / "held_out.jsonl", rows[16:])
    return make_run(
        tmp_path,
        model,
        source,
        recipe={"max_steps": 4, "micro_batch": 4, "accumulation": 2},
        data={"held_out_file": str(held_out), **data},
    )


def saved(folder: RunFolder) -> list[int]:
    """Return the steps of the complete checkpoints, every weight of which is finite."""
    found = checkpoints.complete_checkpoints(folder.checkpoints)
    for checkpoint in found:
        weights = load_file(checkpoint.path / "adapter_model.safetensors")
        assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    return [checkpoint.step for checkpoint in found]


def test_that_the_one_pair_of_a_step_that_is_to_blame_is_named(tmp_path: Path, poisoned_model: Path) -> None:
    folder = poisoned_run(tmp_path, poisoned_model)

    events = run(folder)

    problem = error(events)
    assert (outcome(events), problem.code, problem.rows) == ("failed", "non-finite", ["10"])
    assert "Of the step's 8 pairs it comes from row 10 of your data." in problem.detail
    assert f"“thank you {POISON}”" in problem.detail
    assert "model.embed_tokens.weight" in problem.detail
    assert "damaged" in problem.hint
    assert saved(folder)[-1:] == [max(losses(events), default=0)]


def test_that_a_run_without_the_row_goes_through(tmp_path: Path, poisoned_model: Path) -> None:
    folder = poisoned_run(tmp_path, poisoned_model, skip_rows=["10"])

    events = run(folder)

    assert outcome(events) == "completed"
    (prepared,) = of_kind(events, DataPrepared)
    assert prepared.set_aside == {"skipped": 1}
    assert prepared.rows_in == 20
    (row,) = PreparedData.open(folder.data).set_aside()
    assert (row.source_row, row.reason) == (10, Reason.SKIPPED)


def spoil(monkeypatch: pytest.MonkeyPatch, at: int, value: float) -> None:
    """Let one optimizer step make a weight that is not finite."""
    original: Callable[..., Any] = torch.optim.AdamW.step
    made = 0

    def step(self: torch.optim.AdamW, *arguments: Any, **options: Any) -> Any:
        nonlocal made
        result = original(self, *arguments, **options)
        made += 1
        if made == at:
            with torch.no_grad():
                self.param_groups[0]["params"][3].view(-1)[5] = value
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", step)


@pytest.mark.parametrize(("bad", "last", "value"), [(3, 2, INF), (4, 2, NAN), (6, 4, -INF), (1, None, NAN)])
def test_that_weights_that_are_not_finite_are_never_saved(
    tmp_path: Path,
    tiny_model: Path,
    pairs_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad: int,
    last: int | None,
    value: float,
) -> None:
    watching = watch(monkeypatch)
    folder = make_run(tmp_path, tiny_model, pairs_file, train={"checkpoint_steps": 2})
    with monkeypatch.context() as patch:
        spoil(patch, bad, value)
        events = run(folder)

    problem = error(events)
    assert (outcome(events), problem.code) == ("failed", "non-finite-weights")
    assert problem.title == f"Step {bad} spoilt the weights: some are infinite or no numbers."
    assert (
        "There is no checkpoint yet." if last is None else f"The checkpoint of step {last} is kept."
    ) in problem.detail
    assert "The base model itself" not in problem.detail
    assert {int(row) for row in problem.rows} == set(watching.steps[bad - 1].rows)
    assert f"rows {', '.join(problem.rows[:-1])} and {problem.rows[-1]} of your data" in problem.detail
    assert problem.hint.endswith("A run that is started again begins at the first step.")
    assert saved(folder)[-1:] == ([] if last is None else [last])
    assert not folder.has_result()
    assert outcome(run(folder)) == "completed"  # nothing that was kept is spoilt


def test_that_a_base_with_broken_weights_is_told_before_a_step_is_made(tmp_path: Path, pairs_file: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = INF
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})

    events = run(make_run(tmp_path, model, pairs_file, recipe={"adapter": "full"}))

    problem = error(events)
    assert (outcome(events), problem.code) == ("failed", "damaged-weights")
    assert "model.layers.1.mlp.up_proj.weight" in problem.detail
    assert not of_kind(events, CheckpointSaved)
    assert not losses(events)


def test_that_float16_steps_skipped_without_end_are_told(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Accelerator, "optimizer_step_was_skipped", property(lambda _self: True))
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 2 * MOST_SKIPPED, "micro_batch": 1})

    events = run(folder)

    problem = error(events)
    assert (outcome(events), problem.code) == ("failed", "float16-overflow")
    assert "float32" in problem.hint
    assert saved(folder)
    assert max(losses(events)) < MOST_SKIPPED + 1
