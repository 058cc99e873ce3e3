"""Why a run should not start now, in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.scripted_run import ScriptedRun
from orpo_studio import paths
from orpo_studio.events import JobEnded, JobStarted, StopRequested
from orpo_studio.runs import Job, RunLock, list_runs
from orpo_studio.runs.card import CardHolder, CardUse
from orpo_studio.runs.obstacle import find_obstacle
from orpo_studio.runs.probe import make_probe

HELD = CardUse((CardHolder("python3", 4711, 9.1), CardHolder("blender", 12, 2.0)))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ScriptedRun]:
    made = ScriptedRun(tmp_path, "Bot v1")
    yield made
    made.close()


def clause(workspace: Path, card: CardUse = CardUse()) -> str:  # noqa: B008 - frozen
    found = find_obstacle(list_runs(workspace), card)
    return found.clause if found else ""


def test_that_a_run_is_in_the_way_from_its_start_to_its_end(tmp_path: Path, run: ScriptedRun) -> None:
    assert clause(tmp_path) == "“Bot v1” is starting"
    run.begin()
    assert clause(tmp_path, HELD) == "“Bot v1” is training"
    run.say(StopRequested(step=1, to_pause=True))
    assert clause(tmp_path) == "“Bot v1” is pausing"
    run.complete()
    assert clause(tmp_path) == ""


def test_that_a_job_on_a_run_is_in_the_way_while_its_processes_live(tmp_path: Path, run: ScriptedRun) -> None:
    run.begin()
    run.complete()
    run.say(JobStarted(job="evaluate"))
    assert clause(tmp_path) == ""  # its processes are gone
    lock = RunLock(run.folder.lock_file)
    assert lock.take()
    assert clause(tmp_path) == "“Bot v1” is being evaluated"
    run.say(JobEnded(job="evaluate", outcome="completed"))
    lock.release()
    assert clause(tmp_path) == ""


def test_that_a_run_that_starts_while_it_is_read_is_in_the_way(tmp_path: Path, run: ScriptedRun) -> None:
    run.die()
    (read,) = list_runs(tmp_path)
    assert read.state == "created"
    assert run.lock.take()
    found = find_obstacle([read], CardUse())
    assert found is not None
    assert found.clause == "“Bot v1” is being worked on"


def test_that_a_probe_is_in_the_way_unless_it_would_be_stopped(tmp_path: Path, run: ScriptedRun) -> None:
    probe = make_probe(run.folder.read_spec())
    run.die()
    lock = RunLock(probe.lock_file)
    assert lock.take()
    assert probe.path.is_relative_to(tmp_path / "cache" / Job.PROBE)
    assert clause(tmp_path) == "two steps are being tried"
    assert find_obstacle(list_runs(tmp_path), CardUse(), passing=False) is None
    lock.release()


def test_that_other_programs_are_named(tmp_path: Path) -> None:
    found = find_obstacle([], HELD)
    assert found is not None
    assert found.sentence == "The graphics card is in use by python3 (process 4711, 9.1 GiB) and 1 more program."
    assert found.until == "when the graphics card is free"
    assert not found.is_own
    assert clause(tmp_path, CardUse(fault="GPU is lost")) == "the graphics card cannot be used (GPU is lost)"
