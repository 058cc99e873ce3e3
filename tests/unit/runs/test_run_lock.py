"""The lock of a run, requests to it, and the end of runs that nobody recorded."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, Folded, JobStarted, RunEnded, RunLaunched, fold_stream, read_events
from orpo_studio.runs import RunFolder, RunLock, ask, create_run, is_held, launch, mark_lost, pending, summarize, take

launching = sys.modules[launch.__module__]  # the package's name for it is the function's
SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})

HOLD = """
import sys, time
from pathlib import Path
from orpo_studio.runs import RunLock
print(RunLock(Path(sys.argv[1])).take(), flush=True)
sys.stdin.read()
"""

FIND = """
import sys
from pathlib import Path
from orpo_studio.runs import RunFolder, mark_lost
mark_lost(RunFolder(Path(sys.argv[1])))
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, SPEC)


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    return holder


def test_that_a_lock_is_held_once_and_freed(run: RunFolder) -> None:
    one, other = RunLock(run.lock_file), RunLock(run.lock_file)
    assert one.take()
    assert is_held(run.lock_file)
    assert not other.take(patience=0.05)
    one.release()
    assert not is_held(run.lock_file)
    assert other.take()
    other.release()


def test_that_a_lock_never_taken_is_not_held_and_looking_does_not_make_it(run: RunFolder) -> None:
    assert not is_held(run.lock_file)
    assert not run.lock_file.exists()


def test_that_a_lock_is_free_as_soon_as_its_holder_is_killed(run: RunFolder) -> None:
    with hold(run.lock_file) as holder:
        assert is_held(run.lock_file)
        holder.send_signal(signal.SIGKILL)
        wait_until(lambda: not is_held(run.lock_file), 2, "the lock to be free")


def test_that_looking_at_a_lock_does_not_keep_a_supervisor_from_taking_it(run: RunFolder) -> None:
    run.lock_file.touch()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            is_held(run.lock_file)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(50):
            lock = RunLock(run.lock_file)
            assert lock.take()
            lock.release()
    finally:
        done.set()
        for looker in lookers:
            looker.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shared locks")
def test_that_those_who_look_at_a_lock_do_not_see_each_other(run: RunFolder) -> None:
    run.lock_file.touch()
    seen: list[bool] = []
    lookers = [threading.Thread(target=lambda: seen.extend(is_held(run.lock_file) for _ in range(5000))) for _ in "12"]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert len(seen) == 10_000
    assert not any(seen)


def test_that_a_run_whose_supervisor_was_killed_is_lost_and_recorded_once(run: RunFolder) -> None:
    with EventLog(run.events_file) as log:
        log.append(RunLaunched(attempt=1))
        log.append(JobStarted(job="export"))
    with hold(run.lock_file) as holder:
        assert not mark_lost(run)
        holder.kill()
    assert summarize(run).state == "lost"
    assert mark_lost(run)
    assert not mark_lost(run)
    events = list(read_events(run.events_file))
    assert [event.type for event in events] == ["run.launched", "job.started", "job.ended", "run.ended"]
    assert [event.seq for event in events] == [1, 2, 3, 4]


def test_that_many_finders_record_a_lost_run_once(run: RunFolder) -> None:
    with EventLog(run.events_file) as log:
        log.append(RunLaunched(attempt=1))
    finders = [subprocess.Popen([sys.executable, "-c", FIND, str(run.path)]) for _ in range(4)]
    assert [finder.wait() for finder in finders] == [0] * 4
    assert sum(isinstance(event, RunEnded) for event in read_events(run.events_file)) == 1


def test_that_a_run_never_started_or_well_ended_is_not_lost(run: RunFolder) -> None:
    assert not mark_lost(run)
    with EventLog(run.events_file) as log:
        log.append(RunLaunched(attempt=1))
        log.append(RunEnded(outcome="completed"))
    assert not mark_lost(run)


def test_that_a_request_waits_until_it_is_taken(run: RunFolder) -> None:
    assert not pending(run, "sample")
    ask(run, "sample", prompts=["Hello?"])
    ask(run, "stop")
    assert pending(run, "sample")
    (request,) = take(run, "sample")
    assert request.details == {"prompts": ["Hello?"]}
    assert not pending(run, "sample")
    assert pending(run, "stop")


def test_that_a_request_that_cannot_be_read_counts_without_details(run: RunFolder) -> None:
    (run.control / "stop.x").write_bytes(b"\xff not json")
    (request,) = take(run, "stop")
    assert request.details == {}


def test_that_requests_work_where_the_folder_for_them_is_gone(run: RunFolder) -> None:
    run.control.rmdir()
    assert not pending(run, "stop")
    ask(run, "stop")
    assert pending(run, "stop")


def test_that_a_start_waits_for_whoever_records_a_loss_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create_run(tmp_path, SPEC)
    looks = iter([True, True, False])
    started: list[Path] = []
    monkeypatch.setattr(launching, "is_held", lambda _path: next(looks))
    monkeypatch.setattr(launching, "start_detached", lambda _command, place, _log: started.append(place))

    launching.launch(folder, patience=20)

    assert started == [folder.path]
    assert list(looks) == []


def test_that_recording_a_loss_holds_the_lock_for_no_second_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create_run(tmp_path, SPEC)
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
    size = folder.events_file.stat().st_size
    begun: list[int] = []

    def read(path: Path, known: Folded | None = None) -> Folded:
        if is_held(folder.lock_file):
            begun.append(known.read_to if known else 0)
        return fold_stream(path, known)

    monkeypatch.setattr(launching, "fold_stream", read)

    assert mark_lost(folder)
    assert begun == [size]
    assert summarize(folder).state == "lost"
