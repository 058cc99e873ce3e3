"""What goes wrong is told in words, ends with a non-zero exit, and ruins nothing."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.tiny_model import write_rows, write_tiny_model
from helpers.training import ask_at_step, error, make_run, of_kind, outcome, run
from orpo_studio.events import CheckpointSaved, RunEnded, TrainMetrics, read_events
from orpo_studio.runs import Job
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.problems import explain


def assert_finite(adapter: Path) -> None:
    assert all(torch.isfinite(tensor).all() for tensor in load_file(adapter / "adapter_model.safetensors").values())


def test_that_a_gradient_that_is_not_finite_is_caught_before_the_step(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer import train as train_job

    load = train_job.load_for_training
    backwards = 0

    def load_with_a_fault(*arguments: Any) -> Any:
        loaded = load(*arguments)
        weight = next(p for name, p in loaded.model.named_parameters() if "lora_B" in name)

        def fault(gradient: torch.Tensor) -> torch.Tensor:
            nonlocal backwards
            backwards += 1
            return gradient * float("inf") if backwards == 7 else gradient  # two are the first batch's proof

        weight.register_hook(fault)
        return loaded

    monkeypatch.setattr(train_job, "load_for_training", load_with_a_fault)
    folder = make_run(tmp_path, tiny_model, pairs_file)

    events = run(folder)

    assert error(events).code == "non-finite"
    assert "gradient of step 3" in error(events).title
    assert of_kind(events, RunEnded)[-1].exit_code == 1
    assert of_kind(events, CheckpointSaved)[-1].step == 2
    assert_finite(folder.checkpoints / "checkpoint-2")


def test_that_memory_too_short_for_a_pair_names_what_each_change_would_save(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer.scoring.scorer import Scorer

    def no_memory(*_arguments: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Scorer, "score", no_memory)

    recipe = {"max_length": 500_000, "gradient_checkpointing": "off"}
    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe=recipe))

    problem = error(events)
    assert (outcome(events), problem.code) == ("failed", "out-of-memory")
    assert "one pair at a time" in problem.title
    assert re.search(r"Switch on gradient checkpointing .*: about \d+\.\d GiB less", problem.hint)
    assert re.search(r"Halve the maximum length to 250000 tokens .*: about \d+\.\d GiB less", problem.hint)


@pytest.mark.parametrize(
    ("recipe", "code", "words"),
    [
        ({"lora_targets": ["c_attn"]}, "lora-targets", "q_proj"),
        ({"precision": "fp16"}, "precision", "float32"),
        ({"max_length": 8}, "no-room", "maximum length"),
    ],
)
def test_that_a_recipe_that_does_not_fit_is_refused_in_words(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, recipe: dict[str, Any], code: str, words: str
) -> None:
    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe=recipe))

    assert outcome(events) == "failed"
    assert error(events).code == code
    assert words in error(events).hint


def test_that_a_model_without_a_tokenizer_is_refused(tmp_path: Path, pairs_file: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    (model / "tokenizer.json").unlink()

    events = run(make_run(tmp_path, model, pairs_file))

    assert error(events).code == "no-tokenizer"
    assert outcome(events) == "failed"


def test_that_damaged_weights_are_told(tmp_path: Path, pairs_file: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])

    events = run(make_run(tmp_path, model, pairs_file))

    assert outcome(events) == "failed"
    assert "model.safetensors" in error(events).detail


def test_that_missing_data_is_told(tmp_path: Path, tiny_model: Path) -> None:
    events = run(make_run(tmp_path, tiny_model, tmp_path / "nowhere.jsonl"))

    assert error(events).code == "no-such-file"
    assert outcome(events) == "failed"


def test_that_data_with_one_prompt_alone_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"prompt": "where?", "chosen": f"here {n}", "rejected": "no"} for n in range(5)]

    events = run(make_run(tmp_path, tiny_model, write_rows(tmp_path / "p.jsonl", rows)))

    assert error(events).code == "nothing-held-out"


@pytest.mark.parametrize("choice", ["go_on", "stop"])
def test_that_a_checkpoint_that_cannot_be_saved_leaves_the_earlier_one(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    train = {"checkpoint_steps": 2, "checkpoint_failure": choice}
    folder = make_run(tmp_path, tiny_model, pairs_file, train=train)
    with monkeypatch.context() as patch, disk_full_from(patch, step=4):
        events = run(folder)

    assert [c.step for c in checkpoints.complete_checkpoints(folder.checkpoints)] == [2]
    assert {path.name for path in folder.checkpoints.iterdir()} == {"checkpoint-2"}
    if choice == "go_on":
        assert outcome(events) == "completed"
        return
    assert (outcome(events), error(events).code) == ("failed", "checkpoint-not-saved")
    assert outcome(run(folder)) == "completed"


@contextmanager
def disk_full_from(patch: pytest.MonkeyPatch, *, step: int) -> Iterator[None]:
    seal = checkpoints.seal

    def full(written: Path, home: Path, **options: Any) -> Any:
        if options["step"] >= step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(written))
        return seal(written, home, **options)

    patch.setattr(checkpoints, "seal", full)
    yield


def test_that_a_stop_before_the_first_step_ends_the_run_as_stopped(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    from orpo_studio.runs import ask, pending

    folder = make_run(tmp_path, tiny_model, pairs_file)
    ask(folder, "stop")

    events = run(folder)

    assert outcome(events) == "stopped"
    assert not of_kind(events, TrainMetrics)
    assert not pending(folder, "stop")
    assert outcome(run(folder)) == "completed"


def test_that_a_stop_during_an_evaluation_is_answered_after_the_next_step(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer.heldout import HeldOut

    folder = make_run(tmp_path, tiny_model, pairs_file, train={"evaluation_steps": 2})
    ask_at_step(monkeypatch, 99, folder, "stop")
    evaluate = HeldOut.evaluate

    def stop_in_between(self: HeldOut, moment: Any, **options: Any) -> Any:
        from orpo_studio.runs import ask

        if moment == "during":
            ask(folder, "stop")
        return evaluate(self, moment, **options)

    monkeypatch.setattr(HeldOut, "evaluate", stop_in_between)

    events = run(folder)

    assert outcome(events) == "stopped"
    assert of_kind(events, CheckpointSaved)[-1].step == 3


@pytest.mark.parametrize("job", [Job.EVALUATE, Job.EXPORT])
def test_that_jobs_on_an_untrained_run_are_refused(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, job: Job
) -> None:
    events = run(make_run(tmp_path, tiny_model, pairs_file), job)

    assert error(events).code == "not-trained"


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out-of-memory"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17.95 GiB)"), "out-of-memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), "out-of-memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out-of-memory"),
        (RuntimeError("std::bad_alloc"), "out-of-memory"),
        (MemoryError(), "out-of-memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk-full"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 961152 vs 961044"), "disk-full"),
        (PermissionError(errno.EACCES, "Permission denied", "adapter"), "not-writable"),
        (OSError(errno.EROFS, "Read-only file system", "adapter"), "not-writable"),
        (PermissionError(errno.EACCES, "Permission denied", "caf\udce9"), "not-writable"),
        (RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported"), "device-fault"),
        (torch.AcceleratorError("CUDA error: out of memory"), "out-of-memory"),
        (ModuleNotFoundError("No module named 'torch'"), "cannot-import"),
        (ZeroDivisionError("division by zero"), "unexpected"),
    ],
)
def test_that_foreign_exceptions_become_words(exception: Exception, code: str) -> None:
    problem = explain(exception)

    assert problem.code == code
    assert problem.title
    assert problem.hint
    assert "Traceback" not in problem.detail


def test_that_a_trainer_that_dies_at_import_says_so(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file)
    broken = tmp_path / "site" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libtorch_cpu.so: cannot open shared object file')\n")

    process = subprocess.run(
        [sys.executable, "-P", "-m", "orpo_studio.trainer", str(folder.path), "train"],
        env={**os.environ, "PYTHONPATH": str(broken.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 1
    events = list(read_events(folder.events_file))
    assert error(events).code == "cannot-import"
    assert "libtorch_cpu.so" in error(events).detail
    assert outcome(events) == "failed"
    assert "Traceback" in process.stderr
