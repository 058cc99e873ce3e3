"""The job "margins" by its real processes: what a killed supervisor leaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.tiny_model import make_rows, write_rows
from helpers.training import of_kind
from helpers.waiting import wait_until
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.data.conversion import prepare
from orpo_studio.data.margins_file import read_margins_file, rows_to_ask
from orpo_studio.data.prepared import PreparedData
from orpo_studio.events import Stage, read_events
from orpo_studio.runs import Job, RunFolder, is_held, launch
from orpo_studio.runs.margins import make_margins_folder, remove_margins_folder

PAIRS = 1_000


@pytest.fixture
def data(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedData:
    monkeypatch.setattr(paths, "cache_folder", lambda: own_cache / "orpo-studio")
    source = write_rows(tmp_path / "pairs.jsonl", make_rows(PAIRS))
    return prepare(source, held_out=0.1, seed=1, cache=paths.cache_folder() / "data")


@contextmanager
def asking(model: Path, data: PreparedData) -> Iterator[tuple[RunFolder, "subprocess.Popen[bytes]"]]:
    spec = {"model": {"path": str(model)}, "data": {"source": data.summary.source}, "recipe": {"micro_batch": 2}}
    folder = make_margins_folder(RunSpec.model_validate(spec))
    process = launch(folder, Job.MARGINS, pairs=str(data.folder), sample=0)
    try:
        yield folder, process
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not is_held(folder.lock_file), 60, "the trainer to leave")
        remove_margins_folder(folder, process)


def measured(folder: RunFolder) -> int:
    """Return how many pairs the job says it has measured."""
    stages = of_kind(list(read_events(folder.events_file)), Stage)
    return max((stage.done for stage in stages if stage.name == "ask_model"), default=0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_that_what_a_killed_job_measured_is_kept(tiny_model: Path, data: PreparedData) -> None:
    """The trainer reads end-of-file where its supervisor was, keeps what it has, and leaves."""
    with asking(tiny_model, data) as (folder, process):
        wait_until(lambda: measured(folder) >= 64, 120, "some pairs to be measured")
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not is_held(folder.lock_file), 60, "the trainer to leave")
    (file,) = (paths.cache_folder() / "margins").glob("*.parquet")
    kept = read_margins_file(file).rows
    assert 0 < len(kept) < PAIRS
    assert set(kept) == set(rows_to_ask(PAIRS, len(kept)))
    assert list((paths.cache_folder() / "margins" / "runs").glob("*")) == []
