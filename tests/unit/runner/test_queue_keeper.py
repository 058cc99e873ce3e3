"""The process that starts what waits: in order, once each, and never into a card that others hold."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_nvml import FakeNvml, NVMLError
from helpers.fake_trainer import DIES_AT_IMPORT, TRAINS, TRAINS_UNTIL_STOPPED, put_in_front
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, RunEnded, RunLaunched, read_events
from orpo_studio.runner.queue import RETRY_SECONDS, QueueKeeper
from orpo_studio.runner.supervisor import BUSY, NOT_QUEUED
from orpo_studio.runs import RunFolder, RunFolderError, ask, create_run, is_held, launch, list_runs, summarize
from orpo_studio.runs.card import CardWatch
from orpo_studio.runs.queue import KEEP_QUEUE, add_to_queue, is_kept, queue_of, take_out

SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def waiting(workspace: Path, count: int = 1) -> list[RunFolder]:
    made = [create_run(workspace, SPEC) for _ in range(count)]
    for folder in made:
        add_to_queue(workspace, folder)
    return made


class FakeProcess:
    """A supervisor that ends with a code when it is told to."""

    def __init__(self) -> None:
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


class Bench:
    """A keeper whose card, clock and supervisors are set by hand."""

    def __init__(self, workspace: Path) -> None:
        self.nvml, self.now = FakeNvml(), 0.0
        self.started: list[RunFolder] = []
        self.processes: dict[RunFolder, FakeProcess] = {}
        self.refuse: Callable[[RunFolder], None] = lambda folder: None
        self.keeper = QueueKeeper(workspace, CardWatch(self.nvml), self.start, lambda: self.now)

    def start(self, folder: RunFolder, **options: Any) -> Any:
        assert options == {"only_if_queued": True}
        self.refuse(folder)
        self.started.append(folder)
        self.processes[folder] = FakeProcess()
        return self.processes[folder]

    def goes(self, folder: RunFolder, outcome: Any = "completed") -> None:
        """Let a run that was started be trained, and end."""
        with EventLog(folder.events_file) as log:
            log.append(RunLaunched(attempt=1))
            log.append(RunEnded(outcome=outcome))
        self.processes[folder].returncode = 0 if outcome == "completed" else 1


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_that_a_run_that_was_not_put_into_the_queue_here_is_not_started(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "elsewhere").mkdir()
    (theirs,) = waiting(tmp_path / "elsewhere")
    copied = RunFolder(tmp_path / "runs" / theirs.id)
    copied.path.parent.mkdir()
    shutil.copytree(theirs.path, copied.path)
    bench.keeper.look()
    assert bench.started == []
    assert summarize(copied).state == "failed"
    assert "was not put into the queue here" in summarize(copied).fold.problems[-1].title

    add_to_queue(tmp_path, copied)  # now a person wants it
    bench.keeper.look()
    assert bench.started == [copied]


def test_that_runs_start_one_after_the_other_and_a_failed_one_holds_nobody_up(tmp_path: Path, bench: Bench) -> None:
    first, second, third = waiting(tmp_path, 3)
    assert bench.keeper.look()
    assert bench.keeper.look()
    assert bench.started == [first]  # its supervisor has not come to a word yet
    bench.goes(first, "failed")
    assert bench.keeper.look()
    assert bench.started == [first, second]
    bench.goes(second)
    assert bench.keeper.look()
    bench.goes(third)
    assert not bench.keeper.look()
    assert bench.started == [first, second, third]


def test_that_nothing_starts_while_another_program_holds_the_card(tmp_path: Path, bench: Bench) -> None:
    (folder,) = waiting(tmp_path)
    bench.nvml.computing = {os.getppid(): 9.1}
    assert bench.keeper.look()
    bench.nvml.computing = {}
    bench.nvml.error = NVMLError(15, "GPU is lost")
    assert bench.keeper.look()
    assert bench.started == []
    bench.nvml.error = None
    assert bench.keeper.look()
    assert bench.started == [folder]


def test_that_a_run_that_cannot_be_read_when_its_turn_comes_fails_with_the_reason(tmp_path: Path) -> None:
    broken, next_one = waiting(tmp_path, 2)
    broken.spec_file.write_text("[recipe]\nlambda = 'much'\n")
    keeper = QueueKeeper(
        tmp_path, CardWatch(FakeNvml()), lambda folder, **options: folder.read_spec() and FakeProcess()
    )
    keeper.look()
    failed = summarize(broken)
    assert failed.state == "failed"
    assert failed.fold.error is not None
    assert failed.fold.error.code == "unreadable-run"
    assert [summary.folder for summary in queue_of(list_runs(tmp_path))] == [next_one]


def test_that_a_full_disk_is_waited_for_and_takes_no_run_out_of_the_queue(tmp_path: Path, bench: Bench) -> None:
    (folder,) = waiting(tmp_path)

    def full(_folder: RunFolder) -> None:
        raise RunFolderError("cannot-start", "The run could not be started.", "No space left on device.", "Make room.")

    bench.refuse = full
    bench.keeper.look()
    bench.refuse = lambda folder: None
    assert bench.keeper.look()
    assert bench.started == []
    bench.now += RETRY_SECONDS
    assert bench.keeper.look()
    assert bench.started == [folder]


def test_that_a_supervisor_that_dies_without_a_word_is_told_and_not_tried_for_ever(
    tmp_path: Path, bench: Bench
) -> None:
    folder, second = waiting(tmp_path, 2)
    bench.keeper.look()
    folder.console_log.write_text("ModuleNotFoundError: No module named 'psutil'\n")
    bench.processes[folder].returncode = 1
    bench.keeper.look()
    failed = summarize(folder)
    assert failed.state == "failed"
    assert failed.fold.error is not None
    assert "psutil" in failed.fold.error.detail
    bench.keeper.look()
    assert bench.started == [folder, second]


def test_that_a_run_that_waits_again_is_not_taken_for_one_that_failed_to_start(tmp_path: Path, bench: Bench) -> None:
    (folder,) = waiting(tmp_path)
    bench.keeper.look()
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
        log.append(RunEnded(outcome="stopped", paused=True))
    add_to_queue(tmp_path, folder)
    bench.processes[folder].returncode = 1
    assert bench.keeper.look()
    assert bench.started == [folder, folder]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_that_a_link_out_of_the_workspace_is_never_started(tmp_path: Path) -> None:
    (elsewhere,) = waiting(tmp_path / "elsewhere")
    workspace = tmp_path / "workspace"
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "link").symlink_to(elsewhere.path)
    bench = Bench(workspace)
    assert not bench.keeper.look()
    assert bench.started == []


# --- real processes


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return lambda script, **options: put_in_front(monkeypatch, tmp_path / "fake", script, **options)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """A workspace whose processes have all left when the test ends."""
    place = tmp_path / "workspace"
    yield place
    for summary in list_runs(place):
        take_out(summary.folder)
        ask(summary.folder, "stop")
    wait_until(lambda: not is_kept(place) and not any(is_held(s.folder.lock_file) for s in list_runs(place)))


def keeper_of(workspace: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-P", "-m", "orpo_studio.runner", KEEP_QUEUE, str(workspace)])


def launches(folder: RunFolder) -> int:
    return sum(isinstance(event, RunLaunched) for event in read_events(folder.events_file))


def test_that_a_supervisor_leaves_again_where_somebody_was_faster(
    workspace: Path, trainer: Callable[..., None]
) -> None:
    trainer(TRAINS_UNTIL_STOPPED)
    (folder,) = waiting(workspace)
    rivals = [launch(folder), launch(folder, only_if_queued=True)]  # a person insists while its turn comes
    wait_until(lambda: summarize(folder).state == "running")
    wait_until(lambda: any(rival.poll() == BUSY for rival in rivals))
    ask(folder, "pause")
    assert sorted(rival.wait(20) for rival in rivals) == [0, BUSY]
    assert launch(folder, only_if_queued=True).wait(20) == NOT_QUEUED
    assert launches(folder) == 1
    assert summarize(folder).state == "paused"


def test_that_two_supervisors_of_two_keepers_do_not_train_at_once(
    workspace: Path, trainer: Callable[..., None]
) -> None:
    trainer(TRAINS_UNTIL_STOPPED)
    first, second = waiting(workspace, 2)
    process = launch(first, only_if_queued=True)  # whose keeper is killed, so that another one looks before it shows
    wait_until(lambda: summarize(first).state == "running")
    assert launch(second, only_if_queued=True).wait(20) == BUSY
    assert summarize(second).state == "waiting"
    ask(first, "stop")
    assert process.wait(20) == 0


def test_that_a_killed_keeper_loses_no_run_and_starts_none_twice(workspace: Path, trainer: Callable[..., None]) -> None:
    trainer(TRAINS)
    folders = waiting(workspace, 3)
    rivals = [keeper_of(workspace) for _ in range(2)]
    for folder in folders[:2]:  # killed as soon as it has started one, whether that one has come to a word or not
        wait_until(lambda folder=folder: folder.console_log.exists())
        for keeper in rivals:
            keeper.send_signal(signal.SIGKILL)
            keeper.wait(10)
        rivals = [keeper_of(workspace) for _ in range(2)]
    wait_until(lambda: all(summarize(folder).state == "completed" for folder in folders), 40)
    assert [launches(folder) for folder in folders] == [1, 1, 1]
    assert sorted(keeper.wait(20) for keeper in rivals) == [0, 0]
    assert not is_kept(workspace)


def test_that_a_broken_installation_is_told_on_the_run_and_empties_no_queue_silently(
    workspace: Path, trainer: Callable[..., None]
) -> None:
    trainer(DIES_AT_IMPORT, bare=True)
    (folder,) = waiting(workspace)
    keeper = keeper_of(workspace)
    wait_until(lambda: summarize(folder).state == "failed")
    assert launches(folder) == 1
    assert keeper.wait(20) == 0
