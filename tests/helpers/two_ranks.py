"""One optimizer step of the real trainer, written to a file by the first of the processes that make it.

Started as ``python -m torch.distributed.run … helpers/two_ranks.py MODEL HOME MICRO_BATCH ACCUMULATION PAIRS``, or in
one process alone.
"""

import os
import sys
from pathlib import Path
from typing import Any

from orpo_studio.trainer.environment import prepare_environment

prepare_environment()

SEED = 5


def make_step(model: Path, home: Path, micro_batch: int, accumulation: int, pairs: int) -> Path:
    """Make the step; return the file that holds its gradients and loss."""
    import torch

    from helpers.random_pairs import uneven_pairs
    from helpers.watched_trainer import config_of, load, train_on
    from orpo_studio.trainer.orpo import StudioOrpoTrainer

    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    written = home / f"step-{rank}.pt"
    original = StudioOrpoTrainer._get_grad_norm

    def _get_grad_norm(self: StudioOrpoTrainer, wrapped: Any, grad_norm: Any = None) -> Any:
        norm = original(self, wrapped, grad_norm)
        gradients = {name.removeprefix("module."): p.grad.clone() for name, p in wrapped.named_parameters()}
        losses = [terms[0] for terms in self._step.terms]
        rows = [pair.source_row for pair in self._step.pairs]
        torch.save({"gradients": gradients, "loss": float(sum(losses)), "rows": rows}, written)
        return norm

    StudioOrpoTrainer._get_grad_norm = _get_grad_norm
    config = config_of(home, beta=0.3, per_device_train_batch_size=micro_batch, seed=3,
                       gradient_accumulation_steps=accumulation)  # fmt: skip
    train_on(load(model, adapter="full"), uneven_pairs(pairs, seed=SEED, longest=20), config)
    StudioOrpoTrainer._get_grad_norm = original
    return written


if __name__ == "__main__":
    make_step(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
    # The group's threads may still run when the interpreter ends, which aborts the process now and then ("terminate
    # called without an active exception"), closed or not. The step is on the disk: end without the interpreter's end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
