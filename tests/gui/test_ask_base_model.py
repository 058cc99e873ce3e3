"""Asking the base model from the window, with a trainer that follows a script."""

import json
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from helpers.fake_trainer import DIES_AT_IMPORT, put_in_front
from helpers.scripted_run import ScriptedRun
from orpo_studio import paths
from orpo_studio.data.margins_file import SAMPLE
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.doctor import margins_job
from orpo_studio.gui.doctor.margins_job import MarginsJob
from orpo_studio.gui.workbench import Workbench

ASKS = """
log.append(Stage(name="load_model", title="Load the model"))
for done in (0, 5, 10):
    log.append(Stage(name="ask_model", title="Ask the base model about the pairs", done=done, total=10, unit="pairs"))
"""
ANSWERS = """
log.append(MarginsFinished(file=request["pairs"] + "/answer", asked=request["sample"], unknown=0, total=10))
end()
"""
WAITS = """
while not pending(folder, "stop"):
    time.sleep(0.01)
end("stopped")
"""
FAILS = """
log.append(Problem(severity="error", code="cannot-load-model", title="The model cannot be loaded.",
                   detail="A tensor is missing.", hint="Copy the model again."))
end("failed")
"""


@pytest.fixture
def job(bench: Workbench, model_folder: Path, tmp_path: Path, qtbot: QtBot) -> MarginsJob:
    """A job with model and pairs read."""
    file = tmp_path / "pairs.jsonl"
    rows = ({"prompt": f"Question {n}", "chosen": "Yes, indeed.", "rejected": "No."} for n in range(10))
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = MarginsJob(bench)
    assert "pairs" in made.hindrance()
    bench.draft.set("data.source", str(file))
    qtbot.waitUntil(lambda: bench.data.prepared is not None, timeout=60_000)
    assert "model" in made.hindrance()
    bench.draft.set("model.path", str(model_folder))
    qtbot.waitUntil(lambda: not made.hindrance(), timeout=60_000)
    return made


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    return lambda script, **options: put_in_front(monkeypatch, tmp_path / "fake", script, **options)


def folders() -> list[Path]:
    return list((paths.cache_folder() / "margins" / "runs").glob("*"))


def test_that_the_answer_is_told_with_the_way_there_and_no_folder_is_left(job, bench, trainer, qtbot):
    trainer(ASKS + ANSWERS)
    shares: list[float] = []
    job.progressed.connect(shares.append)
    with qtbot.waitSignal(job.finished, timeout=30_000) as told:
        begun = time.process_time()
        job.start()
        assert time.process_time() - begun < 0.016
        assert job.is_running
    assert told.args == [bench.data.prepared.folder / "answer"]
    assert not job.is_running
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)
    assert wait_for_background(20)
    assert folders() == []


def test_that_it_can_be_stopped_even_before_the_process_is_there(job, trainer, qtbot):
    trainer(ASKS + WAITS)
    with qtbot.waitSignal(job.stopped, timeout=30_000):
        job.start()
        qtbot.waitUntil(lambda: job.stage is not None and job.stage.name == "ask_model", timeout=30_000)
        job.cancel()
        assert job.is_stopping
    with qtbot.waitSignal(job.stopped, timeout=30_000):
        job.start()
        job.cancel()
    assert not job.is_running
    assert wait_for_background(20)
    assert folders() == []


def test_that_a_failure_is_told_in_words(job, trainer, qtbot):
    trainer(ASKS + FAILS)
    with qtbot.waitSignal(job.failed, timeout=30_000) as told:
        job.start()
    (notice,) = told.args
    assert (notice.title, notice.hint) == ("The model cannot be loaded.", "Copy the model again.")

    trainer(DIES_AT_IMPORT, bare=True)
    with qtbot.waitSignal(job.failed, timeout=30_000) as told:
        job.start()
    (notice,) = told.args
    assert notice.title == "The training packages are missing or broken."
    assert str(paths.cache_folder() / "margins" / "console.log") in notice.hint


def test_that_a_cache_that_cannot_be_written_is_told(job, trainer, qtbot):
    trainer(ASKS + ANSWERS)
    (paths.cache_folder() / "margins").write_text("in the way")
    with qtbot.waitSignal(job.failed, timeout=30_000) as told:
        job.start()
    assert told.args[0].title == "The base model cannot be asked."
    assert not job.is_running


def test_that_a_run_has_the_machine_for_itself(job, bench, trainer, qtbot):
    trainer(ASKS + WAITS)
    with qtbot.waitSignal(job.stopped, timeout=30_000):
        job.start()
        bench.run_started.emit()
    going = ScriptedRun(bench.workspace)
    going.begin()
    bench.runs.refresh()
    qtbot.waitUntil(lambda: "A run is under way" in job.hindrance(), timeout=30_000)
    job.start()
    assert not job.is_running
    going.close()


def test_that_window_and_trainer_ask_about_as_many():
    assert margins_job._SAMPLE == SAMPLE
