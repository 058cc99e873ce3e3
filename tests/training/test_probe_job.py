"""The job "probe", by the terminal's command and the real trainer: what it measures, and that it leaves nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.tiny_model import make_rows, write_rows
from helpers.training import error, of_kind, run
from helpers.waiting import wait_until
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.events import JobEnded, ProbeFinished, Problem, Stage, read_events
from orpo_studio.runs import Job, RunFolder, list_runs
from orpo_studio.runs.probe import make_probe
from orpo_studio.trainer import probe_rows
from orpo_studio.trainer.orpo import StudioOrpoTrainer
from orpo_studio.trainer.scoring.batch import PairBatch

LONG = (7, 19, 30, 41)
"""Rows of the data whose answers are far longer than all others'."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = make_rows(48)
    for row in LONG:
        rows[row]["chosen"] += " thank you very gladly" * (5 + row // 10)
    return write_rows(tmp_path / "pairs.jsonl", rows)


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: own_cache / "orpo-studio")


def command(model: Path, data: Path, workspace: Path, *settings: str) -> list[str]:
    options = ["recipe.micro_batch=2", "recipe.accumulation=2", "recipe.max_length=256", *settings]
    words = ["probe", "--model", str(model), "--data", str(data), "--workspace", str(workspace), "--json"]
    words += [word for option in options for word in ("--set", option)]
    return [sys.executable, "-m", "orpo_studio.cli", *words]


def probes() -> list[Path]:
    return list((paths.cache_folder() / "probe" / "runs").glob("*"))


def make(model: Path, data: Path, **recipe: Any) -> RunFolder:
    values = {"micro_batch": 2, "accumulation": 2, "max_length": 256, **recipe}
    spec = {"model": {"path": str(model)}, "data": {"source": str(data), "held_out": 0.1}, "recipe": values}
    return make_probe(RunSpec.model_validate(spec))


def computed(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Return a list that takes the source rows of every micro-batch that is computed."""
    seen: list[list[int]] = []
    original: Callable[..., Any] = StudioOrpoTrainer._compute

    def compute(self: Any, model: Any, batch: PairBatch, weights: Any) -> Any:
        seen.append(batch.source_rows)
        return original(self, model, batch, weights)

    monkeypatch.setattr(StudioOrpoTrainer, "_compute", compute)
    return seen


@pytest.mark.slow
def test_that_the_terminal_tells_memory_pace_and_time_and_leaves_nothing(
    tmp_path: Path, tiny_model: Path, data: Path
) -> None:
    said = subprocess.run(
        command(tiny_model, data, tmp_path / "workspace"), capture_output=True, text=True, timeout=300, check=False
    )

    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout.splitlines()[-1])
    # the libraries take a hundred MiB and more, this model and its step hardly any
    assert 100e6 < found["library_bytes"] < found["peak_bytes"] < found["library_bytes"] + 500e6
    assert len(found["seconds"]) == len(found["tokens"]) >= 2
    assert all(0 < seconds < 60 for seconds in found["seconds"])
    assert (found["pairs"], found["pairs_at_once"], found["way"], found["device"]) == (4, 2, "packed", "cpu")
    assert found["steps"] == 11
    # the longest pairs of all: a run of usual ones takes less than as many steps as long as these
    assert 0 < found["total_seconds"] < found["steps"] * found["step_seconds"]
    assert "Peak memory" in said.stderr
    assert "The whole run" in said.stderr
    assert probes() == []
    assert list_runs(tmp_path / "workspace") == []


def test_that_the_longest_pairs_are_trained_on_and_the_heaviest_last(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, data: Path
) -> None:
    seen = computed(monkeypatch)
    folder = make(tiny_model, data)
    events = run(folder, Job.PROBE)

    (found,) = of_kind(events, ProbeFinished)
    assert [event.outcome for event in of_kind(events, JobEnded)] == ["completed"]
    held_out = {row + 1 for row in LONG} - {row for rows in seen for row in rows}
    assert len(held_out) <= 1  # one of the four may be held out
    assert 42 in seen[1]
    assert seen[0] == seen[2]
    assert found.longest > 3 * found.pair_tokens / 2 / 2
    assert not list(folder.checkpoints.glob("*"))
    assert not folder.has_result()


def test_that_pairs_without_room_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Path
) -> None:
    rows = make_rows(40)
    for row in rows[:10]:
        row["prompt"] += " where is the house" * 100
    seen = computed(monkeypatch)
    monkeypatch.setattr(probe_rows, "_CANDIDATES", 4)
    events = run(make(tiny_model, write_rows(tmp_path / "long.jsonl", rows), max_length=64), Job.PROBE)
    (found,) = of_kind(events, ProbeFinished)
    assert found.pairs == 4
    assert min(row for rows in seen for row in rows) > 10

    for row in rows:
        row["prompt"] += " where is the house" * 100
    events = run(make(tiny_model, write_rows(tmp_path / "none.jsonl", rows), max_length=64), Job.PROBE)
    assert error(events).code == "no-room"
    assert error(events).hint


def test_that_short_memory_is_answered_by_fewer_pairs_at_once(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, data: Path
) -> None:
    original: Callable[..., Any] = StudioOrpoTrainer.compute_loss

    def compute_loss(self: Any, model: Any, inputs: Any, *more: Any, **options: Any) -> Any:
        if len(inputs["pairs"]) > 1:
            raise MemoryError
        return original(self, model, inputs, *more, **options)

    monkeypatch.setattr(StudioOrpoTrainer, "compute_loss", compute_loss)
    events = run(make(tiny_model, data), Job.PROBE)

    (found,) = of_kind(events, ProbeFinished)
    assert found.pairs_at_once == 1
    assert "memory-short" in [event.code for event in of_kind(events, Problem)]


def test_that_memory_that_is_not_enough_ends_it_in_words(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, data: Path
) -> None:
    def compute_loss(*_arguments: Any, **_options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(StudioOrpoTrainer, "compute_loss", compute_loss)
    events = run(make(tiny_model, data), Job.PROBE)

    assert error(events).code == "out-of-memory"
    assert not of_kind(events, ProbeFinished)


@contextmanager
def going(words: list[str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no polite signal")
def test_that_ctrl_c_ends_it_at_once_and_nothing_is_left(tmp_path: Path, tiny_model: Path, data: Path) -> None:
    """A stop is seen while the model is loaded, not only between steps."""
    with going(command(tiny_model, data, tmp_path / "workspace")) as process:

        def is_loading() -> bool:
            events = (event for path in probes() for event in read_events(RunFolder(path).events_file))
            return any(isinstance(event, Stage) and event.name == "prepare_data" for event in events)

        wait_until(is_loading, 120, "the probe to begin")
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "interrupted"
    assert probes() == []
    assert list_runs(tmp_path / "workspace") == []


def test_that_what_a_killed_window_left_is_removed_before_the_next_probe(tiny_model: Path, data: Path) -> None:
    left, fresh = make(tiny_model, data), make(tiny_model, data)
    os.utime(left.path, (1, 1))
    again = make(tiny_model, data)
    assert sorted(probes()) == sorted([fresh.path, again.path])
