"""The run folder and the catalogue of runs."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.config import SCHEMA_VERSION, RunSpec
from orpo_studio.events import EvaluationMetrics, EventLog, Folded, RunEnded, RunLaunched, TrainMetrics
from orpo_studio.runs import RunFolder, RunFolderError, RunLock, catalogue, create_run, find_run, list_runs, summarize

SPEC = RunSpec.model_validate({"name": "First", "model": {"path": "demo"}, "data": {"source": "demo"}})


def test_that_a_new_run_holds_its_specification(tmp_path: Path) -> None:
    folder = create_run(tmp_path, SPEC)
    assert folder.read_spec() == SPEC
    assert folder.path.parent == tmp_path / "runs"
    assert summarize(folder).state == "created"


def test_that_runs_of_the_same_second_and_name_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {create_run(tmp_path, SPEC).path for _ in range(5)}
    assert len(folders) == 5


@given(st.text(max_size=200))
def test_that_any_name_gives_a_folder_that_every_system_can_hold(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = create_run(tmp_path_factory.getbasetemp(), SPEC.model_copy(update={"name": name}))
    assert folder.id.isascii()
    assert len(folder.id) < 80
    assert all(letter.isalnum() or letter == "-" for letter in folder.id)


def test_that_a_workspace_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError) as caught:
        create_run(tmp_path / "file", SPEC)
    assert caught.value.code == "workspace-not-writable"
    assert "Choose another workspace" in caught.value.hint


def test_that_a_disk_that_fills_up_leaves_no_half_made_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        create_run(tmp_path, SPEC)
    assert list((tmp_path / "runs").iterdir()) == []


def test_that_a_run_of_a_newer_version_is_listed_told_and_left_alone(tmp_path: Path) -> None:
    folder = create_run(tmp_path, SPEC)
    content = f"schema_version = {SCHEMA_VERSION + 1}\n[quantum]\nbits = 3\n"
    folder.spec_file.write_text(content)
    (summary,) = list_runs(tmp_path)
    assert summary.spec is None
    assert summary.problem is not None
    assert summary.problem.code == "newer-version"
    assert "Update ORPO Studio" in summary.problem.hint
    assert folder.spec_file.read_text() == content


def test_that_one_unreadable_run_does_not_hide_the_others(tmp_path: Path) -> None:
    broken, whole = create_run(tmp_path, SPEC), create_run(tmp_path, SPEC)
    broken.spec_file.write_text("[recipe")
    odd = create_run(tmp_path, SPEC)
    odd.events_file.mkdir()
    (tmp_path / "runs" / "no-run").mkdir()
    problems = {run.folder.id: run.problem.code if run.problem else "" for run in list_runs(tmp_path)}
    assert problems == {broken.id: "unreadable-run", whole.id: "", odd.id: "unreadable-run"}


def test_that_the_list_is_newest_first(tmp_path: Path) -> None:
    for run_id in ("20260101-000000-b", "20261231-000000-a", "20260601-000000-c"):
        create_run(tmp_path, SPEC).path.rename(tmp_path / "runs" / run_id)
    assert [run.folder.id[:6] for run in list_runs(tmp_path)] == ["202612", "202606", "202601"]
    assert find_run(tmp_path, "last").id == "20261231-000000-a"


def test_that_only_runs_that_have_said_something_are_read_again(tmp_path: Path) -> None:
    quiet, talking = create_run(tmp_path, SPEC), create_run(tmp_path, SPEC)
    for run in (quiet, talking):
        with EventLog(run.events_file) as log:
            log.append(RunLaunched(attempt=1))
    known = {summary.folder: summary for summary in list_runs(tmp_path)}
    with EventLog(talking.events_file) as log:
        log.append(RunEnded(outcome="completed"))
    lock = RunLock(quiet.lock_file)
    assert lock.take()
    now = {summary.folder: summary for summary in list_runs(tmp_path, known.values())}
    lock.release()

    assert now[quiet].fold is known[quiet].fold
    assert (known[quiet].state, now[quiet].state) == ("lost", "launching")
    assert now[talking].state == "completed"


def test_that_a_run_that_ends_while_it_is_read_is_not_shown_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create_run(tmp_path, SPEC)
    lock = RunLock(folder.lock_file)
    assert lock.take()
    read = catalogue.fold_stream

    def ends_behind_it(events_file: Path, known: Folded | None = None) -> Folded:
        fold = read(events_file, known)
        with EventLog(events_file) as log:
            log.append(RunEnded(outcome="completed"))
        lock.release()
        return fold

    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "fold_stream", ends_behind_it)
        assert summarize(folder).state == "launching"
    assert summarize(folder).state == "completed"


def test_that_only_what_a_run_has_said_since_is_read(tmp_path: Path) -> None:
    run = create_run(tmp_path, SPEC)
    with EventLog(run.events_file) as log:
        log.append(RunLaunched(attempt=7))
    known = list_runs(tmp_path)
    with run.events_file.open("r+b") as file:
        file.write(b"?" * 20)  # nobody looks there again
    with EventLog(run.events_file) as log:
        log.append(TrainMetrics(step=5, epoch=0, seconds=5, values={"loss": 0.5}))
    (now,) = list_runs(tmp_path, known)

    assert (now.fold.attempts, now.fold.latest.step) == (7, 5)
    assert known[0].fold.latest.step == 0


def test_that_a_run_whose_events_are_another_file_is_read_from_the_beginning(tmp_path: Path) -> None:
    run = create_run(tmp_path, SPEC)
    with EventLog(run.events_file) as log:
        log.append(RunLaunched(attempt=7))
    known = list_runs(tmp_path)
    other = tmp_path / "other"
    with EventLog(other) as log:
        log.append(RunLaunched(attempt=1))
        log.append(RunEnded(outcome="completed", step=3))
    other.replace(run.events_file)
    (now,) = list_runs(tmp_path, known)

    assert (now.fold.attempts, now.state) == (1, "completed")


def test_that_an_absent_workspace_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_that_a_run_is_found_by_a_beginning_or_a_path_and_not_by_chance(tmp_path: Path) -> None:
    one, two = create_run(tmp_path, SPEC), create_run(tmp_path, SPEC)
    while not two.id.startswith(one.id):  # the second had just passed
        one, two = two, create_run(tmp_path, SPEC)
    assert find_run(tmp_path, one.id) == one  # although it is also the beginning of the other
    assert find_run(tmp_path, two.id[:-1] + "2") == two
    assert find_run(Path("/elsewhere"), str(one.path)) == one
    with pytest.raises(RunFolderError, match=r"fits \d runs"):
        find_run(tmp_path, one.id[:8])
    for name in ("nothing", "~nobody-of-this-name/x", "a\0b"):
        with pytest.raises(RunFolderError, match="There is no run"):
            find_run(tmp_path, name)


def test_that_the_figures_are_the_last_ones(tmp_path: Path) -> None:
    folder = create_run(tmp_path, SPEC)
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
        for step in range(1, 50):
            log.append(TrainMetrics(step=step, epoch=0, seconds=step, values={"loss": 1 / step}))
        values = {"rewards/accuracies": 0.9, "loss": 1.5}
        log.append(EvaluationMetrics(moment="after", step=49, epoch=1, seconds=1, pairs=5, values=values))
        log.append(RunEnded(outcome="completed", step=49))
    summary = summarize(folder)
    assert summary.state == "completed"
    figures = {"step": 49, "total_steps": 0, "loss": 1 / 49, "reward_accuracy_after": 0.9, "held_out_loss_after": 1.5}
    assert summary.figures() == figures


def test_that_deleting_removes_the_run_and_refuses_while_it_is_worked_on(tmp_path: Path) -> None:
    folder = create_run(tmp_path, SPEC)
    lock = RunLock(folder.lock_file)
    assert lock.take()
    with pytest.raises(RunFolderError, match="being worked on"):
        folder.delete()
    assert folder.read_spec() == SPEC
    lock.release()
    folder.delete()
    assert not folder.path.exists()
    with pytest.raises(RunFolderError, match="could not be deleted"):
        RunFolder(tmp_path / "none").delete()
