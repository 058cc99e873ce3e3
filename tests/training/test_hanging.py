"""The real trainer when it hangs: it prints its stack, leaves when it is told to, and goes on from its checkpoint."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from helpers.impatient import start_impatient
from helpers.training import ask_at_step, make_run, of_kind, outcome, run
from helpers.waiting import wait_until
from orpo_studio.events import CheckpointSaved, RunEnded, StopStage, TrainerSilent, TrainMetrics, read_events
from orpo_studio.runs import ask
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.heartbeat import Heartbeat


@pytest.mark.skipif(sys.platform == "win32", reason="Windows suspends no process by a signal")
def test_that_a_suspended_trainer_is_woken_leaves_without_saving_and_can_go_on(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"checkpoint_steps": 3, "logging_steps": 1}
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 5000}, train=options)
    supervisor = start_impatient(folder, silent=1, asked=120, terminated=120)
    try:
        wait_until(lambda: of_kind(read_events(folder.events_file), CheckpointSaved), 120)
        (trainer,) = (
            child for child in psutil.Process(supervisor.pid).children() if "orpo_studio.trainer" in child.cmdline()
        )
        trainer.suspend()
        wait_until(
            lambda: any(
                silent.doing == "suspended" for silent in of_kind(read_events(folder.events_file), TrainerSilent)
            ),
            120,
        )
        ask(folder, "end_now")
        assert supervisor.wait(120) == 1
    finally:
        supervisor.kill()

    events = list(read_events(folder.events_file))
    assert [event.stage for event in of_kind(events, StopStage)] == ["terminated"]
    (end,) = of_kind(events, RunEnded)
    assert (end.outcome, end.forced, end.exit_code, end.signal) == ("failed", True, 1, None)
    log = folder.console_log.read_text()
    assert "most recent call first" in log
    assert "orpo_studio/trainer/train.py" in log
    kept = checkpoints.complete_checkpoints(folder.checkpoints)[-1].step
    assert kept % 3 == 0  # none was made on leaving

    ask_at_step(monkeypatch, kept + 1, folder, "stop")
    again = run(folder)
    assert outcome(again) == "stopped"
    assert of_kind(again, TrainMetrics)[0].step == kept + 1


def test_that_a_beat_is_shown_now_and_then_and_never_fails(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    heartbeat = Heartbeat(file)
    heartbeat.beat()
    assert file.exists()
    os.utime(file, (1, 1))
    heartbeat.beat()
    assert file.stat().st_mtime == 1
    Heartbeat(tmp_path / "missing" / "heartbeat").beat()
