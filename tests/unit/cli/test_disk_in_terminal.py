"""What a run and an export take of the disk is told in the terminal before they begin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.fake_trainer import TRAINS
from helpers.terminal import Say
from orpo_studio.cli import export as export_command
from orpo_studio.cli import full_disk, preflight
from orpo_studio.runs import list_runs
from orpo_studio.runs.room import Disk

Trainer = Callable[..., None]


def set_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(preflight, "disk_of", lambda _path: Disk(free, 10**12, 1))
    monkeypatch.setattr(export_command, "free_bytes", lambda _path: free)


def test_that_a_run_says_what_it_takes(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(TRAINS)
    set_free(monkeypatch, 2 * 10**9)

    said = say("train", "--model", model, "--data", data)

    assert said.code == 0
    (line,) = (line for line in said.out.splitlines() if line.startswith("Disk: about"))
    assert line.endswith(f"2.0 GB free in {workspace}")


def test_that_a_run_without_room_is_refused_and_a_tight_one_is_warned_of(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(TRAINS)
    set_free(monkeypatch, 10**6)
    error = say("train", "--model", model, "--data", data, "--json").error
    assert error["code"] == "disk-full"
    assert "1.0 MB are free" in error["detail"]
    assert list_runs(workspace) == []
    set_free(monkeypatch, 12 * 10**6)

    many = ("--max-steps", 100, "--set", "train.checkpoint_steps=1", "--set", "train.keep_checkpoints=90")
    said = say("train", "--model", model, "--data", data, *many)

    assert said.code == 0
    assert "Note: The disk gets full" in said.out


def test_that_an_export_says_what_it_takes_and_is_refused_without_room(
    say: Say, trainer: Trainer, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(TRAINS)
    say("train", "--model", model, "--data", data)
    set_free(monkeypatch, 1000)
    target = tmp_path / "out"

    error = say("export", "last", "--merged", target, "--json").error

    assert error["code"] == "disk-full"
    assert f"1.0 kB are free where {target} lies" in error["detail"]
    set_free(monkeypatch, 10**9)
    assert f"1.0 GB free where {target} lies" in say("export", "last", "--merged", target).out


def test_that_a_full_disk_is_told_once_while_a_run_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Notes(list[str]):
        note = list.append

    now, free = [0.0], [0]
    monkeypatch.setattr(full_disk.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(full_disk, "free_bytes", lambda _place: free[0])
    notes = Notes()
    disk = full_disk.FullDisk(tmp_path, notes)  # type: ignore[arg-type]

    def after(seconds: float, *, has_spoken: bool = False) -> list[str]:
        now[0] += seconds
        disk.look(has_spoken=has_spoken)
        return [note.partition(".")[0] for note in notes]

    assert after(1) == []
    assert after(5, has_spoken=True) == []
    assert after(4) == []
    assert after(2) == ["The disk is full"]
    assert after(6) == ["The disk is full"]
    free[0] = 10**9
    assert after(6) == ["The disk is full", "The disk has room again"]
