"""4-bit and 8-bit bases; on a CPU, measuring in the middle must leave 4-bit training untouched."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny_model import write_tiny_model
from helpers.training import losses, make_run, of_kind, outcome, run
from orpo_studio.events import EvaluationMetrics, ExportFinished, ModelLoaded
from orpo_studio.runs import Job
from orpo_studio.trainer.quiet import quiet

bitsandbytes = pytest.importorskip("bitsandbytes")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("nf4") / "model", hidden=64)


def test_that_nf4_training_with_evaluations_gives_the_losses_of_one_without(
    tmp_path: Path, model: Path, pairs_file: Path
) -> None:
    recipe = {"quantization": "nf4", "max_steps": 5}
    without = make_run(tmp_path / "a", model, pairs_file, recipe=recipe, train={"evaluation_steps": 99})
    often = make_run(tmp_path / "b", model, pairs_file, recipe=recipe, train={"evaluation_steps": 1})

    expected, events = run(without), run(often)

    assert outcome(events) == "completed"
    assert of_kind(events, ModelLoaded)[0].quantization == "nf4"
    assert len(of_kind(events, EvaluationMetrics)) == 6
    assert losses(events) == losses(expected)
    assert losses(events, "grad_norm") == losses(expected, "grad_norm")


def test_that_quiet_switches_dropout_off_but_keeps_4bit_layers_in_training_mode() -> None:
    layers = torch.nn.Sequential(
        bitsandbytes.nn.Linear4bit(64, 64, quant_type="nf4"), torch.nn.Dropout(0.5), torch.nn.Linear(64, 64)
    )
    layers[2].eval()

    with quiet(layers):
        modes = [layer.training for layer in layers]
        assert not torch.is_grad_enabled()

    assert modes == [True, False, False]
    assert [layer.training for layer in layers] == [True, True, False]


def test_that_an_nf4_run_merges_into_the_full_precision_base(tmp_path: Path, model: Path, pairs_file: Path) -> None:
    folder = make_run(tmp_path, model, pairs_file, recipe={"quantization": "nf4", "max_steps": 3})
    run(folder)

    (exported,) = of_kind(run(folder, Job.EXPORT, kind="merged"), ExportFinished)

    assert exported.proof["max_abs_logit_difference"] < 1e-4
    assert exported.proof["mean_kl"] < 1e-8
    assert 0 < exported.proof["mean_kl_as_trained"] < 1


def test_that_an_8bit_base_trains(tmp_path: Path, model: Path, pairs_file: Path) -> None:
    recipe: dict[str, Any] = {"quantization": "8bit", "max_steps": 2}

    events = run(make_run(tmp_path, model, pairs_file, recipe=recipe))

    assert outcome(events) == "completed"
    assert of_kind(events, ModelLoaded)[0].quantization == "8bit"
