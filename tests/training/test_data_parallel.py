"""Two processes with half the pairs each make the step that one process makes with all of them.

Each holds the whole model, as data parallelism has it, or half of every weight, sharded.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import two_ranks, two_shards
from helpers.random_pairs import uneven_pairs
from helpers.watched_trainer import difference, load, stock_step

TESTS = Path(two_ranks.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(("micro_batch", "accumulation"), [(4, 1), (1, 4)])
def test_that_two_ranks_make_the_step_of_one(
    tmp_path: Path, tiny_model: Path, micro_batch: int, accumulation: int
) -> None:
    pairs = 2 * micro_batch * accumulation
    whole = stock_step(
        load(tiny_model, adapter="full").model, uneven_pairs(pairs, seed=two_ranks.SEED, longest=20), 0.3
    )
    _start_two(two_ranks.__file__, tiny_model, tmp_path, micro_batch, accumulation, pairs)

    ranks = [torch.load(tmp_path / f"step-{rank}.pt") for rank in (0, 1)]

    assert sorted(ranks[0]["rows"] + ranks[1]["rows"]) == sorted(whole.rows)
    for rank in ranks:
        assert difference(rank["gradients"], whole.gradients) < 2e-6
    assert (ranks[0]["loss"] + ranks[1]["loss"]) / 2 == pytest.approx(whole.loss, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_that_two_shards_have_the_gradients_of_one(tmp_path: Path, tiny_model: Path, adapter: str) -> None:
    pairs = uneven_pairs(6, seed=two_shards.SEED, longest=20)
    whole = stock_step(load(tiny_model, adapter=adapter).model, pairs, two_shards.LAMBDA)

    _start_two(two_shards.__file__, tiny_model, tmp_path, adapter, len(pairs))

    shards = [torch.load(tmp_path / f"shard-{rank}.pt") for rank in (0, 1)]
    for shard in shards:
        assert shard["is_fused"]
        assert difference(shard["gradients"], whole.gradients) < 2e-6
    assert (shards[0]["loss"] + shards[1]["loss"]) / 2 == pytest.approx(whole.loss, abs=1e-6)


def _start_two(script: str, *arguments: object) -> None:
    started = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script,
            *map(str, arguments),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr[-2000:]
