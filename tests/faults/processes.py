"""The processes of a run: starting them, finding them and killing them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import orpo_studio
from orpo_studio.runs import Job, RunFolder, is_held, launch

ENVIRONMENT = {
    # Absolute: a supervisor works in its run's folder.
    "PYTHONPATH": os.pathsep.join(str(Path(file).resolve().parents[1]) for file in (orpo_studio.__file__, __file__)),
    # Sums over as many threads are the same to the last bit; and lives share the cores.
    "OMP_NUM_THREADS": "1",
}
"""Of all processes that are started: this code and no other, on one thread."""
VICTIMS = ("trainer", "supervisor", "both", "window", "all")
"""Who is killed; ``both`` are supervisor and trainer, ``all`` the window as well."""
WITH_WINDOW = {"window", "all"}
PATIENCE = 300.0
"""How long anything may take on a busy machine before it counts as hanging."""


class HangsError(AssertionError):
    """Something did not come about."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Return as soon as a condition holds.

    Raises:
        HangsError: it does not come about.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise HangsError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.005)


def is_alive(process: psutil.Process | None) -> bool:
    """Tell whether a process lives; one that nobody has reaped is dead."""
    if process is None:
        return False
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Window:
    """A window that follows a run, and what it noted."""

    def __init__(self, folder: RunFolder, notes: Path, *start: str) -> None:
        self._notes = notes
        command = [sys.executable, "-m", "faults.window", str(folder.path), str(notes), *start]
        self.popen = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def notes(self) -> list[dict[str, Any]]:
        """Return what it has noted so far."""
        if not self._notes.exists():
            return []
        content = self._notes.read_text(encoding="utf-8")
        return [json.loads(line) for line in content[: content.rfind("\n") + 1].splitlines()]

    def seen(self) -> list[int]:
        """Return the numbers of the events it was given, in their order."""
        return [seq for note in self.notes() for seq in note.get("seqs", ())]

    def noted(self, name: str) -> Any:
        """Return the last value noted under a name, or None."""
        return next((note[name] for note in reversed(self.notes()) if name in note), None)

    def kill(self) -> None:
        """Kill it, where it still lives."""
        self.popen.kill()
        self.popen.wait()


@dataclass(slots=True)
class Attempt:
    """One start of a job: its supervisor, the trainer when it is there, and the window that started it, if one did."""

    folder: RunFolder
    supervisor: psutil.Process
    popen: "subprocess.Popen[bytes] | None"
    trainer: psutil.Process | None = None

    def find_trainer(self) -> psutil.Process | None:
        """Return the trainer, where it has been started."""
        if self.trainer is None:
            with suppress(psutil.NoSuchProcess):
                self.trainer = next(iter(self.supervisor.children()), None)
        return self.trainer

    def is_over(self) -> bool:
        """Tell whether all its processes have ended."""
        if is_alive(self.supervisor) or is_held(self.folder.lock_file):
            return False
        if self.popen is not None:
            self.popen.wait()  # dead already: only now is it certain that its end can be collected
        return True

    def helpers(self) -> int:
        """Return how many processes the trainer has started, such as data loaders; the program starts none."""
        with suppress(psutil.NoSuchProcess):
            return len(self.trainer.children(recursive=True)) if self.trainer else 0
        return 0


def start(folder: RunFolder, job: Job, request: dict[str, Any]) -> Attempt:
    """Start a job from this process."""
    popen = launch(folder, job, patience=1.0, **request)
    return Attempt(folder, psutil.Process(popen.pid), popen)


def start_by_window(folder: RunFolder, job: Job, request: dict[str, Any], notes: Path) -> tuple[Attempt, Window]:
    """Start a job from a window, which then follows it."""
    window = Window(folder, notes, job.value, json.dumps(request))
    wait_for(lambda: window.noted("supervisor") or window.popen.poll() is not None, "the window to start the job")
    return Attempt(folder, psutil.Process(window.noted("supervisor")), None), window


def kill(attempt: Attempt, victim: str, window: Window | None, draw: random.Random) -> None:
    """Kill a victim at once; several of them as a group or one after the other, in an order by chance."""
    trainer, supervisor = attempt.find_trainer(), attempt.supervisor
    if victim in {"both", "all"}:
        with suppress(ProcessLookupError):
            if draw.random() < 0.5:
                os.killpg(supervisor.pid, signal.SIGKILL)  # the supervisor leads the group
            else:
                for process in draw.sample([supervisor, *filter(None, [trainer])], k=2 if trainer else 1):
                    _kill(process)
                os.killpg(supervisor.pid, signal.SIGKILL)  # a trainer that had just come
    elif victim != "window":
        _kill(supervisor if victim == "supervisor" else trainer)
    if victim in WITH_WINDOW and window is not None:
        window.kill()


def _kill(process: psutil.Process | None) -> None:
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_all_of(folder: RunFolder) -> None:
    """Kill every process that works on a run, when a life ends in the middle."""
    for process in psutil.process_iter(["cmdline"]):
        if str(folder.path) in (process.info["cmdline"] or ()) and process.pid != os.getpid():
            _kill(process)
