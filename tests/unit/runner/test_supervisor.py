"""The supervisor: every end of a run is recorded, whatever the trainer does."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.fake_trainer import DIES_AT_IMPORT, TRAINS, TRAINS_UNTIL_STOPPED, put_in_front
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import (
    AnyEvent,
    JobEnded,
    Machine,
    RunEnded,
    RunLaunched,
    StopRequested,
    TrainMetrics,
    read_events,
)
from orpo_studio.runs import Job, RunFolderError, ask, create_run, is_held, launch, mark_lost, summarize

SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})


class Supervised:
    """A run whose trainer follows a script."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place, self._monkeypatch = place, monkeypatch
        self.folder = create_run(place / "workspace", SPEC)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, script: str, job: Job = Job.TRAIN, *, bare: bool = False) -> subprocess.Popen[bytes]:
        put_in_front(self._monkeypatch, self._place / "fake", script, bare=bare)
        process = launch(self.folder, job)
        self.started.append(process)
        return process

    def events(self) -> list[AnyEvent]:
        return list(read_events(self.folder.events_file))

    def has(self, kind: type[AnyEvent]) -> bool:
        return any(isinstance(event, kind) for event in self.events())

    def end(self) -> RunEnded | JobEnded:
        (end,) = (event for event in self.events() if isinstance(event, RunEnded | JobEnded))
        return end


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, monkeypatch)
    yield supervised
    for process in supervised.started:
        ask(supervised.folder, "stop")
        process.wait(20)


def test_that_a_run_goes_from_launch_to_end_without_a_gap(run: Supervised) -> None:
    assert run.start(TRAINS).wait(20) == 0
    events = run.events()
    assert isinstance(events[0], RunLaunched)
    assert events[0].versions["pydantic"]
    assert isinstance(events[-1], RunEnded)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert summarize(run.folder).state == "completed"
    assert not is_held(run.folder.lock_file)


def test_that_the_supervisor_outlives_whoever_started_it_in_a_session_of_its_own(run: Supervised) -> None:
    process = run.start(TRAINS_UNTIL_STOPPED)
    wait_until(lambda: run.has(TrainMetrics))
    assert is_held(run.folder.lock_file)
    assert os.getsid(process.pid) == process.pid


def test_that_the_machine_is_sampled_while_the_trainer_works(run: Supervised) -> None:
    run.start(TRAINS_UNTIL_STOPPED)
    wait_until(lambda: run.has(Machine))
    (sample, *_) = (event for event in run.events() if isinstance(event, Machine))
    assert sample.values["process_memory_gib"] > 0
    assert sample.values["memory_gib"] > 0


def test_that_a_second_start_is_refused_and_leaves_the_run_alone(run: Supervised) -> None:
    run.start(TRAINS_UNTIL_STOPPED)
    wait_until(lambda: run.has(TrainMetrics))
    with pytest.raises(RunFolderError) as caught:
        run.start(TRAINS)
    assert caught.value.code == "already-running"
    assert sum(isinstance(event, RunLaunched) for event in run.events()) == 1


def test_that_of_two_supervisors_started_at_once_one_works(run: Supervised) -> None:
    put_in_front(run._monkeypatch, run._place / "fake", TRAINS_UNTIL_STOPPED)
    run.started = [launch(run.folder), launch(run.folder)]
    wait_until(lambda: any(process.poll() is not None for process in run.started))
    assert sorted(process.poll() or 0 for process in run.started) == [0, 3]
    wait_until(lambda: run.has(TrainMetrics))
    assert sum(isinstance(event, RunLaunched) for event in run.events()) == 1


def test_that_a_trainer_that_dies_at_import_ends_the_run_as_failed_with_its_last_words(run: Supervised) -> None:
    assert run.start(DIES_AT_IMPORT, bare=True).wait(20) == 1
    end = run.end()
    assert (end.outcome, end.exit_code, end.signal) == ("failed", 1, None)
    assert "package_that_is_not_there" in end.log_tail


def test_that_a_killed_trainer_is_recorded_with_its_signal_and_step(run: Supervised) -> None:
    run.start("started(9); step(4); os.kill(os.getpid(), signal.SIGKILL)").wait(20)
    end = run.end()
    assert isinstance(end, RunEnded)
    assert (end.outcome, end.signal, end.exit_code, end.step) == ("failed", 9, -9, 4)


def test_that_a_trainer_that_leaves_politely_without_a_word_has_failed(run: Supervised) -> None:
    assert run.start("print('so long')").wait(20) == 1
    assert run.end().log_tail.strip().endswith("so long")


def test_that_only_the_end_of_this_attempts_log_is_kept(run: Supervised) -> None:
    run.start("print('first attempt')").wait(20)
    run.start("print('second attempt')").wait(20)
    last = run.events()[-1]
    assert isinstance(last, RunEnded)
    assert "second" in last.log_tail
    assert "first" not in last.log_tail


def test_that_a_polite_end_of_the_supervisor_stops_and_saves_the_run(run: Supervised) -> None:
    process = run.start(TRAINS_UNTIL_STOPPED)
    wait_until(lambda: run.has(TrainMetrics))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert run.end().outcome == "stopped"
    assert run.has(StopRequested)


def test_that_the_trainer_learns_of_its_supervisors_death(run: Supervised) -> None:
    process = run.start("started(9); step(1); sys.stdin.read(); log.append(StopRequested(step=1)); end('stopped')")
    wait_until(lambda: run.has(TrainMetrics))
    process.kill()
    process.wait(20)
    wait_until(lambda: run.has(RunEnded))
    assert run.end().outcome == "stopped"


def test_that_a_run_is_not_lost_while_its_trainer_still_saves(run: Supervised) -> None:
    process = run.start(
        "started(9); step(1); sys.stdin.read(); log.append(StopRequested(step=1))\n"
        "while not (folder.path / 'go').exists(): time.sleep(0.02)\n"
        "end('stopped')"
    )
    wait_until(lambda: run.has(TrainMetrics))
    process.kill()
    process.wait(20)
    wait_until(lambda: run.has(StopRequested))
    assert not mark_lost(run.folder)
    assert summarize(run.folder).state == "stopping"
    with pytest.raises(RunFolderError, match="already being worked on"):
        launch(run.folder)
    (run.folder.path / "go").touch()
    wait_until(lambda: not is_held(run.folder.lock_file))
    assert run.end().outcome == "stopped"


def test_that_a_killed_supervisor_with_its_trainer_leaves_a_lost_run_that_can_start_again(run: Supervised) -> None:
    process = run.start("started(9); step(1); sys.stdin.read()")
    wait_until(lambda: run.has(TrainMetrics))
    process.kill()
    process.wait(20)
    wait_until(lambda: mark_lost(run.folder) or run.has(RunEnded))
    assert summarize(run.folder).state == "lost"
    assert run.start(TRAINS).wait(20) == 0
    assert [event.attempt for event in run.events() if isinstance(event, RunLaunched)] == [1, 2]
    assert summarize(run.folder).state == "completed"


def test_that_an_old_request_to_stop_does_not_stop_a_new_start(run: Supervised) -> None:
    ask(run.folder, "stop")
    run.start(TRAINS_UNTIL_STOPPED)
    wait_until(lambda: run.has(TrainMetrics))
    assert not run.has(StopRequested)


def test_that_a_failed_job_is_recorded_and_the_runs_end_stays(run: Supervised) -> None:
    run.start(TRAINS).wait(20)
    assert run.start("os._exit(7)", Job.EXPORT).wait(20) == 1
    last = run.events()[-1]
    assert isinstance(last, JobEnded)
    assert (last.job, last.outcome, last.exit_code) == ("export", "failed", 7)
    assert summarize(run.folder).state == "completed"


def test_that_a_run_folder_that_cannot_be_written_is_told_at_the_start(run: Supervised) -> None:
    run.folder.console_log.mkdir()
    with pytest.raises(RunFolderError) as caught:
        run.start(TRAINS)
    assert caught.value.code == "cannot-start"
    assert "console.log" in caught.value.detail


def test_that_events_that_cannot_be_written_are_told_in_the_console_log(run: Supervised) -> None:
    run.folder.events_file.mkdir()
    assert run.start(TRAINS).wait(20) != 0
    assert "could not be written" in run.folder.console_log.read_text()
