"""Ending a run whose supervisor does not answer: from outside, by what the processes were started as."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from helpers.fake_trainer import TRAINS_UNTIL_STOPPED, put_in_front
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import RunEnded, StopStage, TrainMetrics, read_events
from orpo_studio.runs import RunFolder, ask, create_run, is_held, launch, pending, summarize
from orpo_studio.runs.ending import explain_end
from orpo_studio.runs.force import end_now

HANGS = "signal.signal(signal.SIGTERM, lambda *_: None)\nstarted(9); step(4)\nwhile True: time.sleep(0.05)"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    spec = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})
    return create_run(tmp_path / "workspace", spec)


@pytest.fixture
def supervisor(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    """The supervisor of a trainer that hears nothing."""
    put_in_front(monkeypatch, tmp_path / "fake", HANGS)
    process = launch(run)
    wait_until(lambda: any(isinstance(event, TrainMetrics) for event in read_events(run.events_file)))
    trainers = [child for child in psutil.Process(process.pid).children() if "orpo_studio.trainer" in child.cmdline()]
    yield process
    for trainer in trainers:
        with suppress(psutil.NoSuchProcess):
            trainer.kill()
    process.kill()
    process.wait(60)


def end_of(run: RunFolder) -> RunEnded:
    (end,) = (event for event in read_events(run.events_file) if isinstance(event, RunEnded))
    return end


def test_that_nothing_is_ended_where_nothing_runs(run: RunFolder) -> None:
    assert end_now(run) == "not-running"
    assert not pending(run, "end_now")


def test_that_a_supervisor_that_answers_does_it(run: RunFolder, supervisor: "subprocess.Popen[bytes]") -> None:
    assert end_now(run) == "asked"
    wait_until(lambda: any(isinstance(event, StopStage) for event in read_events(run.events_file)))
    assert end_now(run) == "asked"
    assert supervisor.wait(60) == 1
    assert end_of(run).forced


@pytest.mark.parametrize("is_killed", [True, False])
def test_that_a_trainer_without_a_supervisor_that_answers_is_ended_from_outside_and_the_truth_is_told(
    run: RunFolder, supervisor: "subprocess.Popen[bytes]", is_killed: bool
) -> None:
    supervisor.send_signal(signal.SIGKILL if is_killed else signal.SIGSTOP)
    if is_killed:
        supervisor.wait(60)
    assert is_held(run.lock_file)

    assert end_now(run, patience=0.3) == "ended"

    wait_until(lambda: not is_held(run.lock_file))
    end = end_of(run)
    assert (end.outcome, end.forced, end.step) == ("lost", True, 4)
    ending = explain_end(run, end, None)
    assert ending is not None
    assert ending.code == "forced"
    assert not pending(run, "end_now")


def test_that_another_run_is_left_alone(
    run: RunFolder, supervisor: "subprocess.Popen[bytes]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_run(tmp_path / "workspace", run.read_spec())
    put_in_front(monkeypatch, tmp_path / "other", TRAINS_UNTIL_STOPPED)
    process = launch(other)
    wait_until(lambda: any(isinstance(event, TrainMetrics) for event in read_events(other.events_file)))
    supervisor.kill()
    supervisor.wait(60)
    assert end_now(run, patience=0.3) == "ended"
    assert summarize(other).state == "running"
    ask(other, "stop")
    assert process.wait(60) == 0


def test_that_a_folder_that_cannot_be_written_keeps_no_run_alive(
    run: RunFolder, supervisor: "subprocess.Popen[bytes]"
) -> None:
    run.control.rmdir()
    run.control.write_text("in the way")
    assert end_now(run) == "ended"
    wait_until(lambda: not is_held(run.lock_file))
    assert end_of(run).forced
