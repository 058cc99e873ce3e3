"""The trainer as the supervisor starts it, told to end; what kills leave is held in `faults`."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from helpers.training import losses, make_run, of_kind, outcome
from orpo_studio.events import CheckpointSaved, TrainMetrics, read_events
from orpo_studio.events.types import Event
from orpo_studio.runs import RunFolder, launch

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
