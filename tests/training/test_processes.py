"""The trainer as the supervisor starts it: stops, kills, and what they leave."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from helpers.training import losses, make_run, of_kind, outcome, run
from orpo_studio.events import CheckpointSaved, ExportFinished, RunEnded, Stage, TrainMetrics, read_events
from orpo_studio.events.types import Event
from orpo_studio.runs import Job, RunFolder, launch
from orpo_studio.trainer import checkpoints

PATIENCE = 120.0


def wait_for(folder: RunFolder, wanted: Callable[[Event], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not any(wanted(event) for event in read_events(folder.events_file)):
        assert time.monotonic() < deadline, folder.console_log.read_text()[-2000:]
        time.sleep(0.02)


def trainer_of(supervisor: "subprocess.Popen[bytes]") -> psutil.Process:
    (trainer,) = psutil.Process(supervisor.pid).children()
    return trainer


def test_that_importing_the_trainer_leaves_the_window_out() -> None:
    code = (
        "import sys, orpo_studio.trainer.train, orpo_studio.trainer.evaluate, orpo_studio.trainer.export\n"
        "print([name for name in sys.modules if 'PySide6' in name or 'pyqtgraph' in name])"
    )
    answer = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


@pytest.mark.slow
def test_that_a_run_stopped_by_a_killed_supervisor_is_saved_and_a_killed_trainer_resumed(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in this process: how sums are rounded depends on it
    recipe = {"max_steps": 400, "lora_dropout": 0.1}
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe=recipe, train={"checkpoint_steps": 5})

    supervisor = launch(folder)
    wait_for(folder, lambda event: isinstance(event, TrainMetrics) and event.step >= 2)
    trainer = trainer_of(supervisor)
    supervisor.kill()
    supervisor.wait()
    wait_for(folder, lambda event: isinstance(event, RunEnded) and event.outcome == "stopped")
    psutil.wait_procs([trainer], timeout=PATIENCE)
    saved = checkpoints.complete_checkpoints(folder.checkpoints)[-1]
    assert saved.step < 400

    supervisor = launch(folder)
    wait_for(folder, lambda event: isinstance(event, CheckpointSaved) and event.step > saved.step)
    trainer_of(supervisor).kill()
    assert supervisor.wait(PATIENCE) == 1
    end = of_kind(list(read_events(folder.events_file)), RunEnded)[-1]
    assert (end.outcome, end.signal) == ("failed", 9)

    events = list(read_events(folder.events_file))
    last = max(losses(events))
    events += run_to(folder, last + 3)
    assert outcome(events) == "stopped"

    whole = make_run(tmp_path / "whole", tiny_model, pairs_file, recipe=recipe)
    assert losses(events) == losses(run_to(whole, last + 3))


def run_to(folder: RunFolder, step: int) -> list[Event]:
    """Run in this process up to a step."""
    from helpers.training import ask_at_step

    with pytest.MonkeyPatch.context() as patch:
        ask_at_step(patch, step, folder, "stop")
        return run(folder)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no polite signal")
def test_that_a_trainer_told_to_end_saves_and_stops(tmp_path: Path, tiny_model: Path, pairs_file: Path) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 100_000})

    supervisor = launch(folder)
    wait_for(folder, lambda event: isinstance(event, TrainMetrics))
    trainer_of(supervisor).terminate()

    assert supervisor.wait(PATIENCE) == 0
    events = list(read_events(folder.events_file))
    assert outcome(events) == "stopped"
    assert of_kind(events, CheckpointSaved)[-1].step == max(losses(events))


@pytest.mark.slow
def test_that_a_killed_export_leaves_no_model_and_can_be_repeated(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 1})
    run(folder)
    target = tmp_path / "shipped"

    supervisor = launch(folder, Job.EXPORT, kind="merged", target=str(target))
    wait_for(folder, lambda event: isinstance(event, Stage) and event.title.startswith("Load the merged model"))
    trainer_of(supervisor).kill()
    assert supervisor.wait(PATIENCE) == 1
    assert not target.exists()

    assert of_kind(run(folder, Job.EXPORT, kind="merged", target=str(target)), ExportFinished)
    assert (target / "model.safetensors").is_file()
    assert not list(tmp_path.glob(".shipped*"))
