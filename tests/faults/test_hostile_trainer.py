"""Runs and models of strangers in the real trainer: what they bring is not run, and what is wrong is told in words."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import error, make_run, of_kind, outcome, run
from orpo_studio import paths
from orpo_studio.events import ExportFinished
from orpo_studio.runs import Job, RunFolder
from orpo_studio.trainer.checkpoints import COMPLETE
from orpo_studio.trainer.environment import prepare_environment

prepare_environment()


class Payload:
    """A pickle that makes a file when it is opened."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self._marker,)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with a result and a checkpoint in the middle of its way."""
    place = tmp_path_factory.mktemp("stranger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "cache_folder", lambda: place / "cache")
        model = write_tiny_model(place / "tiny-llama")
        data = write_rows(place / "pairs.jsonl", make_rows(16))
        folder = make_run(place / "workspace", model, data, recipe={"max_steps": 2}, train={"checkpoint_steps": 1})
        assert outcome(run(folder)) == "completed"
    return folder


@pytest.fixture
def gift(stopped: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A copy of it, as it comes from somebody else."""
    monkeypatch.setattr(paths, "cache_folder", lambda: stopped.path.parents[2] / "cache")
    return RunFolder(Path(shutil.copytree(stopped.path, tmp_path / "runs" / "gift")))


def to_be_resumed(gift: RunFolder) -> Path:
    """Let the run's end be before its last step. Returns the checkpoint that it goes on from."""
    shutil.rmtree(gift.checkpoints / "checkpoint-2")
    shutil.rmtree(gift.adapter)
    lines = gift.events_file.read_text().splitlines(keepends=True)
    gift.events_file.write_text("".join(line for line in lines if '"run.ended"' not in line))
    return gift.checkpoints / "checkpoint-1"


def seal(checkpoint: Path) -> None:
    """Make the sizes right again, as an attacker would."""
    note = json.loads((checkpoint / COMPLETE).read_text())
    files = [path for path in checkpoint.rglob("*") if path.is_file() and path.name != COMPLETE]
    note["files"] = {path.relative_to(checkpoint).as_posix(): path.stat().st_size for path in files}
    (checkpoint / COMPLETE).write_text(json.dumps(note))


@pytest.mark.parametrize(
    "names",
    [
        ["optimizer.pt"],
        ["scheduler.pt"],
        ["rng_state.pth", "pytorch_model.bin"],
        ["training_args.bin", "adapter_model.bin", "random_states_0.pkl"],
    ],
    ids=["optimizer", "scheduler", "random numbers", "what is not read"],
)
def test_that_no_pickle_of_a_checkpoint_is_run(gift: RunFolder, tmp_path: Path, names: list[str]) -> None:
    checkpoint = to_be_resumed(gift)
    for name in names:
        (checkpoint / name).write_bytes(pickle.dumps(Payload(tmp_path / "it ran"), protocol=2))
    seal(checkpoint)
    events = run(gift)
    assert not (tmp_path / "it ran").exists()
    if names[0] == "training_args.bin":
        assert outcome(events) == "completed"
    else:
        assert error(events).code == "unsafe-file"
        assert "checkpoint-1" in error(events).detail


def change(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


ADAPTERS: dict[str, Callable[[Path, Path], object]] = {
    "weights as a pickle": lambda adapter, marker: (
        (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Payload(marker))),
        (adapter / "adapter_model.safetensors").rename(adapter / "model.safetensors"),
    ),
    "another method": lambda adapter, _: change(
        adapter / "adapter_config.json",
        peft_type="PROMPT_TUNING",
        num_virtual_tokens=1,
        prompt_tuning_init="TEXT",
        tokenizer_name_or_path=str(adapter),
        tokenizer_kwargs={"trust_remote_code": True},
    ),
    "a module to import": lambda adapter, _: change(
        adapter / "adapter_config.json", megatron_config={}, megatron_core="antigravity"
    ),
    "layers without end": lambda adapter, _: change(
        adapter / "adapter_config.json", layer_replication=[[0, 2]] * 50_000
    ),
    "a pattern without end": lambda adapter, _: change(
        adapter / "adapter_config.json", target_modules="(([a-z_.0-9])*)*!"
    ),
    "no settings": lambda adapter, _: (adapter / "adapter_config.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("job", [Job.EXPORT, Job.EVALUATE])
def test_that_an_adapter_that_no_training_leaves_is_refused(
    gift: RunFolder, tmp_path: Path, name: str, job: Job
) -> None:
    ADAPTERS[name](gift.adapter, tmp_path / "it ran")
    events = run(gift, job, target=str(tmp_path / "shipped"))
    assert error(events).code == "foreign-adapter"
    assert not (tmp_path / "it ran").exists()
    assert not (tmp_path / "shipped").exists()


def test_that_a_model_with_an_adapter_in_it_is_not_loaded_with_that(gift: RunFolder, tmp_path: Path) -> None:
    model = Path(shutil.copytree(gift.read_spec().model.path, tmp_path / "model"))
    change_spec(gift, model)
    for path in gift.adapter.glob("adapter_*"):
        shutil.copy(path, model)
    assert error(run(gift, Job.EVALUATE)).code == "model-and-adapter"


def test_that_code_in_a_model_folder_is_not_run(gift: RunFolder, tmp_path: Path) -> None:
    model = Path(shutil.copytree(gift.read_spec().model.path, tmp_path / "model"))
    change_spec(gift, model)
    (model / "evil.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'it ran')!r}).touch()\n")
    mapped = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.T", "evil.T"]}
    change(model / "config.json", auto_map=mapped)
    change(model / "tokenizer_config.json", auto_map=mapped, tokenizer_class="EvilTokenizer")
    run(gift, Job.EXPORT, kind="merged", target=str(tmp_path / "shipped"))
    assert not (tmp_path / "it ran").exists()


def change_spec(gift: RunFolder, model: Path) -> None:
    """Let a run name another model."""
    before = gift.read_spec().model.path
    gift.spec_file.write_text(gift.spec_file.read_text().replace(before, str(model)))


def test_that_names_in_a_model_card_are_text_and_nothing_else(gift: RunFolder, tmp_path: Path) -> None:
    model = Path(shutil.copytree(gift.read_spec().model.path, tmp_path / 'x")\nimport os  # `<b>'))
    lines = gift.spec_file.read_text().splitlines()
    lines = ["name = '<script>alert(1)</script> [a](javascript:1) \\u001b[2J'" if "name =" in s else s for s in lines]
    lines = [f"path = {json.dumps(str(model))}" if line.startswith("path =") else line for line in lines]
    gift.spec_file.write_text("\n".join(lines))
    events = run(gift, Job.EXPORT, kind="adapter", target=str(tmp_path / "shipped"))
    assert of_kind(events, ExportFinished)
    card = (tmp_path / "shipped" / "README.md").read_text()
    assert "<script>" not in card
    assert "[a](javascript" not in card
    assert "\nimport os" not in card
    assert "\x1b" not in card
