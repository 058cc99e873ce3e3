"""The gradients of pairs divided between two processes that hold a shard of the model each (FSDP2).

Started as ``python -m torch.distributed.run … helpers/two_shards.py MODEL HOME ADAPTER PAIRS``. accelerate shards on
accelerators alone, so the model is sharded by torch here, block by block, and scored as the trainer scores it.
"""

import os
import sys
from pathlib import Path

from orpo_studio.trainer.environment import prepare_environment

prepare_environment()

SEED, LAMBDA = 5, 0.3


def make_gradients(model: Path, home: Path, adapter: str, pairs: int) -> None:
    """Write the whole gradients, and this rank's share of the loss, to a file."""
    import torch
    from torch.distributed.fsdp import fully_shard
    from torch.nn.functional import logsigmoid

    from helpers.random_pairs import uneven_pairs
    from helpers.watched_trainer import load
    from orpo_studio.trainer.scoring.batch import PairBatch
    from orpo_studio.trainer.scoring.ladder import Choice, Way
    from orpo_studio.trainer.scoring.parts import causal_model
    from orpo_studio.trainer.scoring.scorer import Scorer

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    mesh = torch.distributed.init_device_mesh("cpu", (ranks,))
    whole = uneven_pairs(pairs, seed=SEED, longest=20)
    own = PairBatch(whole.pairs[rank::ranks])

    def refuse(*_arguments: object) -> tuple[torch.Tensor, ...]:
        raise AssertionError("the packed way is asked for")

    scorer = Scorer(Choice(Way.PACKED, "it is asked for"), 0, False, torch.device("cpu"), refuse)
    loaded = load(model, adapter=adapter)
    scorer.prepare(loaded.model)
    for block in causal_model(loaded.model).get_decoder().layers:
        fully_shard(block, mesh=mesh)
    fully_shard(loaded.model, mesh=mesh)

    placed = scorer.lay_out(own)
    with scorer.under_way(placed):
        scored = scorer.score(loaded.model, own, placed).pairs
        # A rank's share, as gradients are averaged over ranks
        loss = scored.nll.sum() * (ranks / whole.nll_tokens(answer_only=False))
        loss = loss - LAMBDA * logsigmoid(scored.log_odds).sum() * (ranks / pairs)
        loss.backward()
    gradients = {
        name: parameter.grad.full_tensor()
        for name, parameter in loaded.model.named_parameters()
        if parameter.grad is not None
    }
    torch.save({"gradients": gradients, "loss": loss.item(), "is_fused": scorer.is_fused}, home / f"shard-{rank}.pt")


if __name__ == "__main__":
    make_gradients(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    # As in `two_ranks`: the group's threads may outlive the interpreter, which aborts the process.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
