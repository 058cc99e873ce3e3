"""A window killed in the middle of a run, and a new one that follows it without a gap."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio.events import TrainMetrics, read_events
from orpo_studio.gui.window import MainWindow
from orpo_studio.runs import list_runs

FIRST_WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from orpo_studio.gui.app import application, make_window

app = application()
window = make_window(Path(sys.argv[1]), None)
window.show()
bench = window.bench
bench.use_demo()
bench.draft.set("recipe.max_steps", 12)
bench.draft.set("train.evaluation_steps", 6)

def start_when_ready():
    if bench.can_start():
        timer.stop()
        window.foot.main.click()

timer = QTimer(interval=50)
timer.timeout.connect(start_when_ready)
timer.start()
app.exec()
"""


def steps_made(events_file: Path) -> int:
    return sum(isinstance(event, TrainMetrics) for event in read_events(events_file))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_that_a_new_window_follows_a_run_whose_window_was_killed(
    qtbot: QtBot, workspace: Path, window: MainWindow
) -> None:
    first = subprocess.Popen([sys.executable, "-c", FIRST_WINDOW, str(workspace)])
    deadline = time.monotonic() + 240
    while not (found := list_runs(workspace)) or steps_made(found[0].folder.events_file) < 3:
        assert first.poll() is None
        assert time.monotonic() < deadline
        qtbot.wait(100)
    folder = found[0].folder
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait(10) == -signal.SIGKILL

    bench = window.bench
    bench.runs.refresh()
    qtbot.waitUntil(lambda: bool(bench.runs.summaries), timeout=10_000)
    follower = bench.show_run(bench.runs.summaries[0].folder)
    assert follower is not None
    seen: list[int] = []
    follower.events.connect(lambda events: seen.extend(event.seq for event in events))
    qtbot.waitUntil(lambda: follower.fold.ended is not None and not follower.is_live, timeout=240_000)

    assert follower.state == "completed"
    assert follower.fold.latest.step == 12
    follower.poll()
    written = [event.seq for event in read_events(folder.events_file)]
    assert written == list(range(1, len(written) + 1))
    assert seen == written
