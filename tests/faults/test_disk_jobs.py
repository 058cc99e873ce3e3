"""A full or read-only disk while a run is evaluated, exported, started or deleted: told, and nothing half is there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from faults.small_disk import SmallDisk, contents, mounted
from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import error, make_run, of_kind, outcome, run
from orpo_studio.config import RunSpec
from orpo_studio.data.conversion import convert_plan
from orpo_studio.data.plan import DataPlan
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem
from orpo_studio.events import EvaluationFinished, ExportFinished, JobEnded
from orpo_studio.gui.preferences import Preferences, load_preferences, save_preferences
from orpo_studio.runs import Job, RunFolder, RunFolderError, ask, create_run, is_held, launch, list_runs, pending, take
from orpo_studio.runs.lock import RunLock
from orpo_studio.trainer.environment import prepare_environment

prepare_environment()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("inputs")
    return write_tiny_model(home / "tiny-llama"), write_rows(home / "pairs.jsonl", make_rows(24))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 24) as made:
        yield made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, inputs: tuple[Path, Path]) -> Iterator[RunFolder]:
    """A trained run, elsewhere, for all tests."""
    home = tmp_path_factory.mktemp("trained")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        folder = make_run(home, *inputs, recipe={"max_steps": 2})
        assert outcome(run(folder)) == "completed"
        yield folder
    torch.set_num_threads(before)


@pytest.fixture
def on_disk(disk: SmallDisk, trained: RunFolder) -> RunFolder:
    """The trained run, on the small disk."""
    import shutil

    place = disk.path / "runs" / trained.id
    shutil.copytree(trained.path, place)
    return RunFolder(place)


def fill_when(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fill: Callable[[], object]) -> None:
    """Do something just before a function is called."""
    original = getattr(module, name)

    def first(*arguments: Any, **options: Any) -> Any:
        fill()
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, first)


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_that_an_export_onto_a_disk_that_fills_leaves_nothing_and_can_be_repeated(
    disk: SmallDisk, trained: RunFolder, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from orpo_studio.trainer import export, merge

    target = disk.path / "out" / "shipped"
    with monkeypatch.context() as patch:
        where = (merge, "_write") if kind == "merged" else (export, "copy_adapter")
        fill_when(patch, *where, lambda: disk.fill(leave=60_000))
        events = run(trained, Job.EXPORT, kind=kind, target=str(target))

    problem = error(events)
    assert problem.code == "disk-full"
    assert str(target.parent) in problem.detail
    assert "another disk" in problem.hint
    assert of_kind(events, JobEnded)[0].outcome == "failed"
    assert not of_kind(events, ExportFinished)
    assert list(target.parent.iterdir()) == []
    disk.make_room()
    assert of_kind(run(trained, Job.EXPORT, kind=kind, target=str(target)), ExportFinished)


def test_that_an_export_without_room_is_refused_before_a_model_is_loaded(disk: SmallDisk, trained: RunFolder) -> None:
    disk.fill(leave=100_000)

    events = run(trained, Job.EXPORT, kind="merged", target=str(disk.path / "shipped"))

    assert error(events).code == "disk-full"
    assert "too little room" in error(events).title
    assert "kB are free" in error(events).detail
    assert not any(event.type == "stage" for event in events)


def test_that_an_export_onto_a_read_only_disk_is_told(disk: SmallDisk, trained: RunFolder) -> None:
    with disk.read_only():
        events = run(trained, Job.EXPORT, kind="adapter", target=str(disk.path / "shipped"))

    assert error(events).code == "not-writable"
    assert "Read-only" in error(events).detail
    assert not (disk.path / "shipped").exists()


def test_that_an_evaluation_that_finds_no_room_leaves_the_earlier_one(
    disk: SmallDisk, on_disk: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer import evaluate

    assert of_kind(run(on_disk, Job.EVALUATE), EvaluationFinished)
    before = contents(on_disk.evaluation)
    with monkeypatch.context() as patch:
        fill_when(patch, evaluate, "_write", disk.fill)
        events = run(on_disk, Job.EVALUATE)

    assert error(events).code == "disk-full"
    assert of_kind(events, JobEnded)[0].outcome == "failed"
    assert contents(on_disk.evaluation) == before
    disk.make_room()
    assert of_kind(run(on_disk, Job.EVALUATE), EvaluationFinished)


def test_that_a_conversion_that_fills_the_disk_leaves_nothing(disk: SmallDisk, inputs: tuple[Path, Path]) -> None:
    plan = DataPlan(inputs[1], held_out=0.25, seed=1)
    disk.fill(leave=8_192)

    with pytest.raises(DataProblem) as raised:
        convert_plan(plan, disk.path / "data")

    assert raised.value.code == "cannot-write"
    assert "No space left" in raised.value.detail
    assert "Make room" in raised.value.hint
    assert [path.name for path in disk.path.iterdir()] == ["ballast"]
    disk.make_room()
    assert isinstance(convert_plan(plan, disk.path / "data"), PreparedData)


def test_that_a_full_cache_does_not_keep_a_run_from_training(
    disk: SmallDisk, tmp_path: Path, inputs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk.path))
    disk.fill()

    folder = make_run(tmp_path, *inputs, recipe={"max_steps": 1})

    assert outcome(run(folder)) == "completed"
    assert list((folder.data / "tokens").iterdir())


def test_that_no_half_run_is_made_on_a_full_disk(disk: SmallDisk) -> None:
    disk.fill()

    with pytest.raises(RunFolderError) as raised:
        create_run(disk.path, RunSpec())

    assert raised.value.code == "workspace-not-writable"
    assert "No space left" in raised.value.detail
    assert raised.value.hint == "Make room on this disk, or choose another workspace."
    assert list_runs(disk.path) == []
    assert list((disk.path / "runs").iterdir()) == []
    disk.make_room()
    assert create_run(disk.path, RunSpec()).spec_file.is_file()


def test_that_a_read_only_workspace_is_told_at_the_start(disk: SmallDisk) -> None:
    with disk.read_only(), pytest.raises(RunFolderError) as raised:
        create_run(disk.path, RunSpec())

    assert "Read-only" in raised.value.detail
    assert "allow writing there" in raised.value.hint


@pytest.mark.parametrize("job", [Job.TRAIN, Job.EVALUATE, Job.EXPORT])
def test_that_a_job_on_a_read_only_run_is_refused_in_words(disk: SmallDisk, on_disk: RunFolder, job: Job) -> None:
    with disk.read_only(), pytest.raises(RunFolderError) as raised:
        launch(on_disk, job)

    assert raised.value.code == "cannot-start"
    assert "Read-only" in raised.value.detail
    assert "Allow writing there" in raised.value.hint


def test_that_a_run_on_a_read_only_disk_is_read_and_not_deleted(disk: SmallDisk, on_disk: RunFolder) -> None:
    before = contents(on_disk.path)
    with disk.read_only():
        (summary,) = list_runs(disk.path)
        with pytest.raises(RunFolderError) as raised:
            on_disk.delete()

    assert summary.state == "completed"
    assert raised.value.code == "cannot-delete"
    assert "read-only" in raised.value.hint
    assert contents(on_disk.path) == before


def test_that_a_lock_is_seen_on_a_disk_that_is_read_only_here(disk: SmallDisk, tmp_path: Path) -> None:
    import os
    import subprocess

    path = disk.path / "run.lock"
    lock = RunLock(path)
    assert lock.take()
    here = tmp_path / "here"
    here.mkdir()
    subprocess.run(["mount", "--bind", "-o", "ro", str(disk.path), str(here)], check=True)
    try:
        assert not os.access(here, os.W_OK)
        assert is_held(here / "run.lock")
        lock.release()
        assert not is_held(here / "run.lock")
    finally:
        subprocess.run(["umount", str(here)], check=True)


def test_that_a_stop_is_heard_on_a_full_disk(disk: SmallDisk) -> None:
    folder = create_run(disk.path, RunSpec())
    disk.fill()

    ask(folder, "stop")

    assert pending(folder, "stop")
    assert [request.details for request in take(folder, "stop")] == [{}]


def test_that_a_request_with_details_on_a_full_disk_fails_and_leaves_nothing(disk: SmallDisk) -> None:
    folder = create_run(disk.path, RunSpec())
    disk.fill()

    with pytest.raises(OSError, match="No space left"):
        ask(folder, "sample", prompts=["Who are you?"])

    assert list(folder.control.iterdir()) == []


def test_that_preferences_survive_a_full_disk(disk: SmallDisk) -> None:
    path = disk.path / "preferences.json"
    save_preferences(Preferences(theme="dark"), path)
    disk.fill()

    with pytest.raises(OSError, match="No space left"):
        save_preferences(Preferences(theme="light"), path)

    assert load_preferences(path) == (Preferences(theme="dark"), "")
    assert sorted(place.name for place in disk.path.iterdir()) == ["ballast", "preferences.json"]
