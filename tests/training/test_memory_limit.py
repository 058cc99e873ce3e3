"""The real allocator under a real limit: halved and gone on with to the same effect, or told in words."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.tiny_model import WORDS, write_rows, write_tiny_model
from helpers.training import error, losses, make_run, of_kind, outcome, run
from orpo_studio.events import Event, Problem, read_events
from orpo_studio.runs import RunFolder
from orpo_studio.trainer.heldout import HeldOut
from orpo_studio.trainer.token_rows import PieceWriter

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's limits")

LIMITED = """
import ctypes, resource, sys
from pathlib import Path
from orpo_studio.trainer.environment import prepare_environment
prepare_environment()
import torch
torch.set_num_threads(1)
from orpo_studio.runs import Job, RunFolder
from orpo_studio.trainer.context import Lifeline
from orpo_studio.trainer.jobs import run_job
from orpo_studio.trainer.orpo import StudioOrpoTrainer

original = StudioOrpoTrainer.train

def train(self, *arguments, **options):
    ctypes.CDLL(None).malloc_trim(0)  # what the first measurement has freed
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(status["VmSize"].split()[0]) * 1024 + int(sys.argv[2]) * 1024**2
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return original(self, *arguments, **options)

StudioOrpoTrainer.train = train
run_job(RunFolder(Path(sys.argv[1])), Job.TRAIN, Lifeline())
"""
"""Trains with so many MiB beyond what model, data and libraries take already."""

RECIPE = {"max_steps": 2, "learning_rate": 1e-3, "max_length": 400}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and pairs of some 600 tokens each: eight of them take some 100 MiB, one some 15."""
    place = tmp_path_factory.mktemp("material")
    text = " ".join(WORDS)
    rows = [
        {"prompt": f"{n} {w}?", "chosen": f"{w} {text * 4}", "rejected": f"no {text * 3} {n}"}
        for n, w in enumerate(WORDS[:24])
    ]
    return write_tiny_model(place / "model", hidden=128), write_rows(place / "pairs.jsonl", rows)


def run_limited(folder: RunFolder, mebibytes: int) -> list[Event]:
    subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder.path), str(mebibytes)],
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        check=False,
        capture_output=True,
    )
    return list(read_events(folder.events_file))


def recipe(**options: object) -> dict[str, Any]:
    return {"recipe": {**RECIPE, **options}, "evaluate": {"samples": 0, "pairs": 2}}


def test_that_a_step_that_the_allocator_refuses_is_made_in_smaller_parts(
    tmp_path: Path, material: tuple[Path, Path]
) -> None:
    whole = run(make_run(tmp_path / "enough", *material, **recipe(micro_batch=2, accumulation=4)))

    short = run_limited(make_run(tmp_path / "short", *material, **recipe(micro_batch=8, accumulation=1)), 30)

    assert outcome(short) == "completed"
    warnings = of_kind(short, Problem)
    assert warnings
    assert {warning.code for warning in warnings} == {"memory-short"}
    assert "allocate" in warnings[0].more
    for name in ("loss", "nll_loss", "logps/chosen", "log_odds"):
        assert losses(short, name) == pytest.approx(losses(whole, name), rel=1e-5), name


def test_that_memory_for_not_even_one_pair_is_told_in_words(tmp_path: Path, material: tuple[Path, Path]) -> None:
    events = run_limited(make_run(tmp_path, *material, **recipe(micro_batch=4, accumulation=2)), 0)

    assert outcome(events) == "failed"
    problem = error(events)
    assert problem.code == "out-of-memory"
    assert problem.title.startswith("The memory is not enough for ")
    assert problem.hint.endswith("Then start again.")


def no_memory(*_arguments: object, **_options: object) -> Any:
    raise MemoryError


def test_that_a_measurement_under_way_is_left_out_where_memory_is_short(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = HeldOut.measure

    def only_at_the_ends(self: HeldOut, moment: Any) -> Any:
        return no_memory() if moment == "during" else measure(self, moment)

    monkeypatch.setattr(HeldOut, "measure", only_at_the_ends)

    events = run(make_run(tmp_path, tiny_model, pairs_file, train={"evaluation_steps": 3}))

    assert outcome(events) == "completed"
    assert [problem.code for problem in of_kind(events, Problem)] == ["not-measured"]


def test_that_other_stages_short_of_memory_say_what_it_was_not_enough_for(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PieceWriter, "add", no_memory)

    problem = error(run(make_run(tmp_path, tiny_model, pairs_file)))

    assert (problem.code, problem.title) == ("out-of-memory", "The memory is not enough to tokenize the pairs.")
    assert "micro-batch" not in problem.hint
