"""Two windows on one workspace: the second shows and follows, and what both ask at once is done once and told."""

import os
import subprocess
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from helpers.fake_trainer import TRAINS_UNTIL_STOPPED, put_in_front
from helpers.waiting import wait_until
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.events import ExportFinished, JobEnded, JobStarted, RunEnded, RunLaunched, StopRequested, read_events
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.preferences import Preferences, load_preferences
from orpo_studio.gui.theme import install_theme
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job, RunFolder, create_run, is_held, launch

SPEC = RunSpec.model_validate({"name": "Shared", "model": {"path": "demo"}, "data": {"source": "demo"}})

EXPORTS = """
from pathlib import Path
while not Path(request["target"]).with_name("go on").exists():
    time.sleep(0.02)
log.append(ExportFinished(kind=request["kind"], folder=request["target"], size_bytes=5))
end()
"""

SAVES = """
import sys
from pathlib import Path
from orpo_studio.gui.preferences import Preferences, save_preferences
mine = Preferences(theme=sys.argv[2], recent_data=[sys.argv[2] * 1000] * 8)
for _ in range(100):
    save_preferences(mine, Path(sys.argv[1]))
"""

MakeWindow = Callable[[], Workbench]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")
    return create_run(tmp_path / "workspace", SPEC)


@pytest.fixture
def open_window(qtbot: QtBot, qapp: object, run: RunFolder, tmp_path: Path) -> Iterator[MakeWindow]:
    """Open the models of a window that looks at the run; what it tells lies in ``told``."""
    install_theme(qapp, "light")
    made: list[Workbench] = []

    def make() -> Workbench:
        bench = Workbench(tmp_path / "workspace", Preferences())
        bench.told = told = []  # type: ignore[attr-defined]
        bench.noticed.connect(told.append)
        made.append(bench)
        bench.show_run(run)
        return bench

    yield make
    for bench in made:
        bench.close()
    assert wait_for_background(20)
    wait_until(lambda: not is_held(run.lock_file), 30)


def words(bench: Workbench) -> list[str]:
    notices: list[Notice] = bench.told  # type: ignore[attr-defined]
    return [notice.title for notice in notices]


def count(run: RunFolder, kind: type) -> int:
    return sum(isinstance(event, kind) for event in read_events(run.events_file))


def test_that_both_follow_one_run_and_a_stop_of_both_is_one(
    qtbot: QtBot, run: RunFolder, open_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS_UNTIL_STOPPED)
    process = launch(run)
    one, other = open_window(), open_window()
    for bench in (one, other):
        qtbot.waitUntil(lambda bench=bench: bench.follower.fold.latest.step > 3, timeout=30_000)
    for bench in (one, other):
        bench.run_job(Job.EVALUATE, prompts=[])
        assert words(bench) == [f"The run “{run.title()}” is already being worked on."]
    bench.delete_run(run)
    qtbot.waitUntil(lambda: len(words(other)) == 2, timeout=10_000)
    assert "was not deleted" in words(other)[-1]
    other.show_run(run)
    for bench in (one, other):
        bench.request("stop")
    for bench in (one, other):
        qtbot.waitUntil(lambda bench=bench: bench.follower.state == "stopped", timeout=30_000)
    process.wait(20)
    assert (count(run, RunLaunched), count(run, StopRequested), count(run, RunEnded)) == (1, 1, 1)
    qtbot.waitUntil(lambda: one.follower.fold.last_seq == other.follower.fold.last_seq, timeout=10_000)


def test_that_of_two_exports_at_once_one_is_made_and_the_other_window_is_told(
    qtbot: QtBot, run: RunFolder, open_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.adapter.mkdir()
    (run.adapter / "adapter_model.safetensors").touch()
    put_in_front(monkeypatch, tmp_path / "fake", EXPORTS)
    windows = [open_window(), open_window()]
    kinds = {"adapter": windows[0], "merged": windows[1]}
    launching = sys.modules["orpo_studio.runs.launch"]
    monkeypatch.setattr(launching, "is_held", lambda _path: False)  # neither sees the other in time
    for kind, bench in kinds.items():
        bench.run_job(Job.EXPORT, kind=kind, target=str(tmp_path / kind))
    qtbot.waitUntil(lambda: any(words(bench) for bench in windows), timeout=30_000)
    (tmp_path / "go on").touch()  # not before the other has waited in vain for the lock
    qtbot.waitUntil(lambda: count(run, JobEnded) == 1, timeout=30_000)

    (started,) = (event for event in read_events(run.events_file) if isinstance(event, JobStarted))
    (made,) = (event for event in read_events(run.events_file) if isinstance(event, ExportFinished))
    assert (made.kind, made.folder) == (started.kind, str(tmp_path / started.kind))
    (loser,) = (bench for kind, bench in kinds.items() if kind != made.kind)
    assert words(loser) == [f"The run “{run.title()}” is already being worked on."]
    assert words(kinds[made.kind]) == []
    wait_until(lambda: not list(run.control.glob("request.*")), 10)


def test_that_preferences_of_two_windows_are_never_torn(tmp_path: Path) -> None:
    file = tmp_path / "preferences.json"
    savers = [subprocess.Popen([sys.executable, "-c", SAVES, str(file), theme]) for theme in ("dark", "light")]
    while any(saver.poll() is None for saver in savers):
        loaded, warning = load_preferences(file)
        assert warning == ""
        assert loaded.recent_data in ([], ["dark" * 1000] * 8, ["light" * 1000] * 8)
    assert [saver.wait() for saver in savers] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["preferences.json"]
