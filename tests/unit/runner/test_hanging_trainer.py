"""Trainers that hang, as real processes: told with their stack, ended by the stages of a stop, and the truth said."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from helpers.fake_trainer import put_in_front
from helpers.impatient import start_impatient
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import (
    AnyEvent,
    JobEnded,
    Machine,
    RunEnded,
    StopStage,
    TrainerHeard,
    TrainerSilent,
    TrainMetrics,
    read_events,
)
from orpo_studio.runs import Job, RunFolder, ask, create_run, is_held
from orpo_studio.runs.ending import explain_end

BEATS = """
import faulthandler, itertools
faulthandler.register(signal.SIGUSR1, all_threads=True)
signal.signal(signal.SIGTERM, lambda *_: None)
def beat():
    folder.heartbeat.write_text(str(time.monotonic_ns()))

def in_a_loop():
    sum(itertools.repeat(0))

beat()
started(9); step(1)
"""
"""What a trainer does before it hangs: it can print its stack, has shown life, and has made a step."""
LOOPS = f"{BEATS}\nin_a_loop()"
"""Hangs in C code that looks at no signal: only a kill ends it."""
LEAVES = (
    BEATS
    + """
from orpo_studio.runs import take
class Leave(BaseException): pass
def leave(*_):
    assert take(folder, "leave")
    raise Leave
signal.signal(signal.SIGTERM, leave)
try:
    while True: time.sleep(0.01)
except Leave:
    log.append(RunEnded(outcome="failed", step=1, exit_code=1, forced=True))
"""
)
"""Does not look at requests, and leaves when it is terminated."""


class Hanging:
    """A run with a trainer that hangs and a supervisor that loses patience soon."""

    def __init__(self, folder: RunFolder, process: "subprocess.Popen[bytes]") -> None:
        self.folder, self.process = folder, process

    def events(self) -> list[AnyEvent]:
        return list(read_events(self.folder.events_file))

    def all(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [event for event in self.events() if isinstance(event, kind)]

    def log(self) -> str:
        return self.folder.console_log.read_text(errors="replace")

    def stages(self) -> list[str]:
        """The stages of the stop, each once however often its deadline was told."""
        found = [event.stage for event in self.events() if isinstance(event, StopStage)]
        return list(dict.fromkeys(found))

    def trainer(self) -> psutil.Process:
        (found,) = (
            child for child in psutil.Process(self.process.pid).children() if "orpo_studio.trainer" in child.cmdline()
        )
        return found


Hang = Callable[..., Hanging]


@pytest.fixture
def hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hang]:
    made: list[Hanging] = []

    def start(script: str, job: Job = Job.TRAIN, **patience: float) -> Hanging:
        put_in_front(monkeypatch, tmp_path / "fake", script)
        spec = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})
        folder = create_run(tmp_path / "workspace", spec)
        made.append(Hanging(folder, start_impatient(folder, job, **patience)))
        return made[-1]

    yield start
    for hanging in made:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(hanging.process.pid).children(recursive=True):
                child.kill()
        hanging.process.kill()
        hanging.process.wait(60)


def test_that_an_endless_loop_is_told_as_computing_with_its_stack_in_the_log_and_ends_by_a_kill(hang: Hang) -> None:
    hanging = hang(LOOPS)
    wait_until(lambda: "in in_a_loop" in hanging.log())
    wait_until(lambda: any(silent.doing == "computing" for silent in hanging.all(TrainerSilent)))
    assert "No progress of the trainer" in hanging.log()

    ask(hanging.folder, "stop")
    assert hanging.process.wait(60) == 1

    assert hanging.stages() == ["asked", "terminated", "killed"]
    deadlines = [event.next_at for event in hanging.all(StopStage)]
    assert None not in deadlines[1:-1]
    (end,) = hanging.all(RunEnded)
    assert isinstance(end, RunEnded)
    assert (end.outcome, end.signal, end.step, end.forced) == ("failed", 9, 1, True)
    ending = explain_end(hanging.folder, end, None)
    assert ending is not None
    assert ending.code == "forced"
    assert not is_held(hanging.folder.lock_file)


def test_that_a_suspended_trainer_is_told_as_such_and_heard_again_when_it_goes_on(hang: Hang) -> None:
    hanging = hang(f"{BEATS}\nwhile not pending(folder, 'stop'): beat(); time.sleep(0.02)\nend('stopped')")
    wait_until(lambda: hanging.all(TrainMetrics))
    trainer = hanging.trainer()
    trainer.suspend()
    wait_until(lambda: any(silent.doing == "suspended" for silent in hanging.all(TrainerSilent)))
    trainer.resume()
    wait_until(lambda: hanging.all(TrainerHeard))
    wait_until(lambda: "most recent call first" in hanging.log())

    ask(hanging.folder, "stop")
    assert hanging.process.wait(60) == 0
    assert [event.outcome for event in hanging.all(RunEnded)] == ["stopped"]


def test_that_a_trainer_that_hears_no_request_leaves_when_it_is_terminated(hang: Hang) -> None:
    hanging = hang(LEAVES, terminated=60)
    wait_until(lambda: hanging.all(TrainMetrics))
    ask(hanging.folder, "stop")
    assert hanging.process.wait(60) == 1

    assert hanging.stages() == ["asked", "terminated"]
    assert [(end.outcome, end.forced, end.signal) for end in hanging.all(RunEnded)] == [("failed", True, None)]
    assert isinstance([event for event in hanging.events() if not isinstance(event, Machine)][-1], RunEnded)


def test_that_a_suspended_trainer_is_woken_to_save(hang: Hang) -> None:
    hanging = hang(f"{BEATS}\nwhile not pending(folder, 'stop'): time.sleep(0.02)\nend('stopped')", asked=60)
    wait_until(lambda: hanging.all(TrainMetrics))
    hanging.trainer().suspend()
    ask(hanging.folder, "stop")
    assert hanging.process.wait(60) == 0
    assert hanging.stages() == ["asked"]


def test_that_a_job_that_hangs_is_ended_and_the_run_stays_what_it_was(hang: Hang) -> None:
    hanging = hang(f"{BEATS}\nin_a_loop()", Job.EXPORT)
    wait_until(lambda: hanging.all(TrainMetrics))
    ask(hanging.folder, "stop")
    assert hanging.process.wait(60) == 1
    (end,) = hanging.all(JobEnded)
    assert isinstance(end, JobEnded)
    assert (end.job, end.forced) == ("export", True)
    assert not hanging.all(RunEnded)
