"""What is shipped is what was trained, complete, and never in the place of something else."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny_model import write_tiny_model
from helpers.training import error, make_run, of_kind, run
from orpo_studio.events import ExportFinished, JobEnded
from orpo_studio.runs import Job, RunFolder
from orpo_studio.trainer.unfinished import Unfinished


@pytest.fixture
def trained(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> RunFolder:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 4, "learning_rate": 2e-2})
    run(folder)
    return folder


def logits(model: Any, text: str, tokenizer: Any) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        result: torch.Tensor = model(**tokenizer(text, return_tensors="pt")).logits
    return result


def test_that_the_merged_model_answers_as_base_and_adapter_do(
    tmp_path: Path, tiny_model: Path, trained: RunFolder
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = tmp_path / "shipped"
    events = run(trained, Job.EXPORT, kind="merged", target=str(target))

    (exported,) = of_kind(events, ExportFinished)
    assert exported.folder == str(target)
    assert exported.proof["max_abs_logit_difference"] < 1e-4
    assert exported.proof["next_token_agreement"] == 1.0
    assert exported.proof["pairs"] >= 4
    tokenizer = AutoTokenizer.from_pretrained(target)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    text = "<|im_start|>user\nwhere is the cat"
    before = logits(base, text, tokenizer)
    adapted = logits(PeftModel.from_pretrained(base, trained.adapter), text, tokenizer)
    merged = logits(AutoModelForCausalLM.from_pretrained(target), text, tokenizer)
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert not torch.allclose(merged, before, atol=1e-2)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(tiny_model).chat_template
    assert (target / "generation_config.json").is_file()


def test_that_the_card_tells_how_it_was_made_without_a_path(tmp_path: Path, trained: RunFolder) -> None:
    run(trained, Job.EXPORT, kind="merged")
    folder = trained.export / "merged"

    card = (folder / "README.md").read_text(encoding="utf-8")

    for words in ('base_model: "tiny-llama"', "λ: 0.1", "`pairs.jsonl`", "Reward accuracy", "from_pretrained"):
        assert words in card
    for path in folder.iterdir():
        if path.suffix in {".md", ".json", ".jinja"}:
            assert str(tmp_path.parent) not in path.read_text(encoding="utf-8"), path.name


def test_that_the_adapter_loads_on_its_base(tmp_path: Path, tiny_model: Path, trained: RunFolder) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    (exported,) = of_kind(run(trained, Job.EXPORT, kind="adapter"), ExportFinished)

    assert exported.folder == "export/adapter"  # in the run, and found when the run moves
    folder = trained.path / exported.folder
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), folder)
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny-llama"


@pytest.mark.parametrize(("precision", "stored"), [("auto", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")])
def test_that_the_merged_model_has_the_precision_asked_for(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, precision: str, stored: str
) -> None:
    ship = {"merge_precision": precision, "shard_size": 0.0001}
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 1}, ship=ship)
    run(folder)

    (exported,) = of_kind(run(folder, Job.EXPORT, kind="merged"), ExportFinished)

    made = folder.path / exported.folder
    config = json.loads((made / "config.json").read_text())
    assert config["dtype"] == stored
    assert len(list(made.glob("*.safetensors"))) > 1
    assert exported.proof["mean_kl"] < 1e-3


def test_that_full_fine_tuning_ships_the_trained_model(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"adapter": "full", "max_steps": 2})
    run(folder)

    refused = run(folder, Job.EXPORT, kind="adapter")
    (exported,) = of_kind(run(folder, Job.EXPORT, kind="merged"), ExportFinished)

    assert error(refused).code == "no-adapter"
    assert exported.proof["max_abs_logit_difference"] == 0.0


def test_that_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, trained: RunFolder) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "letter.txt").write_text("dear")

    events = run(trained, Job.EXPORT, kind="merged", target=str(target))

    assert error(events).code == "target-exists"
    assert of_kind(events, JobEnded)[0].outcome == "failed"
    assert [path.name for path in target.iterdir()] == ["letter.txt"]


def test_that_too_little_room_is_told_before_anything_is_written(
    tmp_path: Path, trained: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000, total=2000))

    events = run(trained, Job.EXPORT, kind="merged", target=str(tmp_path / "shipped"))

    assert error(events).code == "disk-full"
    assert not list(tmp_path.glob("*shipped*"))


def test_that_a_merge_that_differs_is_not_kept(
    tmp_path: Path, trained: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer import merge

    load = merge.load_base

    def load_something_else(folder: Path, **options: Any) -> Any:
        if folder.name.startswith("."):  # what was merged, on its way back
            folder = write_tiny_model(tmp_path / "other", seed=9)
        return load(folder, **options)

    monkeypatch.setattr(merge, "load_base", load_something_else)

    events = run(trained, Job.EXPORT, kind="merged")

    assert error(events).code == "merge-differs"
    assert [path.name for path in trained.export.iterdir()] == []


class Killed(BaseException):
    """Nothing that the trainer catches."""


def test_that_an_export_killed_behind_its_last_rename_is_told_as_finished_by_the_next(
    tmp_path: Path, trained: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"kind": "adapter", "target": str(tmp_path / "shipped")}
    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "finished", lambda _self, _home: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(trained, Job.EXPORT, **asked)
    assert (tmp_path / "shipped" / "adapter_model.safetensors").is_file()

    (exported,) = of_kind(run(trained, Job.EXPORT, **asked), ExportFinished)

    assert exported.folder == asked["target"]
    assert exported.proof["parameters"] > 0
    assert error(run(trained, Job.EXPORT, **asked)).code == "target-exists"


def test_that_what_a_killed_export_left_is_cleared_wherever_the_next_one_goes(
    tmp_path: Path, trained: RunFolder
) -> None:
    killed = Unfinished("merged", str(tmp_path / "elsewhere" / "model"))
    killed.begin()
    (killed.beside / "model.safetensors").write_bytes(b"half")
    trained.export.mkdir()
    (trained.export / "under_way.json").write_text(json.dumps(asdict(killed)))

    events = run(trained, Job.EXPORT, kind="adapter", target=str(tmp_path / "shipped"))

    assert [event.kind for event in of_kind(events, ExportFinished)] == ["adapter"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [path.name for path in trained.export.iterdir()] == []
